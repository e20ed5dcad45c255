"""What an object is made of, as pickle would take it apart: constructor, arguments, state, items."""

from __future__ import annotations

import copyreg
from typing import Any, Final, NamedTuple

from trimtab.errors import RegistryError

__all__ = ["Parts", "attributes_only", "reduced"]

_PROTOCOL: Final = 4


class _Plain:
    pass


_HOOKS: Final = ("__reduce_ex__", "__reduce__", "__getstate__")
_PLAIN_SIZE: Final = _Plain.__basicsize__
_known: dict[type, bool] = {}


class Parts(NamedTuple):
    """One object: ``make(*args)``, then ``state``, then list ``items`` and dict ``pairs`` (``None``: it has none)."""

    make: Any
    args: tuple[Any, ...]
    state: Any
    items: list[Any] | None
    pairs: dict[Any, Any] | None


def attributes_only(cls: type) -> bool:
    """Say whether an instance of ``cls`` is its ``__dict__`` and nothing else, by pickle's default rules.

    >>> from river import preprocessing, utils
    >>> attributes_only(preprocessing.StandardScaler), attributes_only(utils.VectorDict)
    (True, False)
    """
    known = _known.get(cls)
    if known is None:
        known = _known[cls] = (
            all(getattr(cls, hook) is getattr(object, hook) for hook in _HOOKS)
            and not hasattr(cls, "__getnewargs__")
            and not hasattr(cls, "__getnewargs_ex__")
            and cls not in copyreg.dispatch_table
            and cls.__dictoffset__ != 0
            # A class with slots, or one that extends a built-in or native type, is larger.
            and cls.__basicsize__ <= _PLAIN_SIZE
            and not any(vars(base).get("__slots__") for base in cls.__mro__)
        )
    return known


def reduced(value: Any, cls: type) -> Parts | str:
    """Return the parts of ``value``, or the name under which its module keeps it.

    Raises
    ------
    RegistryError
        Pickle could not take it apart either.
    """
    try:
        reducer = copyreg.dispatch_table.get(cls)
        result = value.__reduce_ex__(_PROTOCOL) if reducer is None else reducer(value)
    except RecursionError:
        raise
    except Exception as error:
        raise RegistryError(
            f"model: a {cls.__module__}.{cls.__qualname__} has no state to digest ({error}); keep lambdas, files and "
            "locks out of the model"
        ) from error
    if isinstance(result, str):
        return result
    make, args, state, items, pairs = (*result[:5], None, None, None)[:5]
    return Parts(make, args, state, None if items is None else list(items), None if pairs is None else dict(pairs))
