"""What an object is made of, as pickle would take it apart: constructor, arguments, state, items.

One thing that pickle takes is left out: the generator that River gives to every ``proba.Gaussian``, also when it has
no seed. It starts from the operating system's entropy and only ``sample`` reads it, so it is no part of what a model
has learnt; Hoeffding trees and naive Bayes hold hundreds, and no two runs of one training would ever be equal.
"""

from __future__ import annotations

import copyreg
import enum
import random
import sys
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from trimtab.errors import RegistryError

__all__ = ["Parts", "attributes", "reduced", "without_entropy"]

_PROTOCOL: Final = 4


class _Plain:
    pass


_HOOKS: Final = ("__reduce_ex__", "__reduce__", "__getstate__")
_PLAIN_SIZE: Final = _Plain.__basicsize__
_GAUSSIAN: Final = ("river.proba.gaussian", "Gaussian")
_SHARED_RNG: Final = random.Random(0)  # noqa: S311  stands for generators that nobody seeded


class _Kind(enum.Enum):
    OTHER = False
    PLAIN = True
    ENTROPY = "seedless generator"


_known: dict[type, _Kind] = {}


class Parts(NamedTuple):
    """One object: ``make(*args)``, then ``state``, then list ``items`` and dict ``pairs`` (``None``: it has none)."""

    make: Any
    args: tuple[Any, ...]
    state: Any
    items: list[Any] | None
    pairs: dict[Any, Any] | None


def attributes(value: Any, cls: type) -> dict[str, Any] | None:
    """Return the attributes of an object that is its ``__dict__`` and nothing else; ``None`` for any other.

    >>> from river import stats, utils
    >>> attributes(stats.Count(), stats.Count), attributes(utils.VectorDict(), utils.VectorDict)
    ({'n': 0}, None)
    """
    known = _known.get(cls)
    if known is None:
        known = _known[cls] = _Kind.ENTROPY if _is_gaussian(cls) else _Kind(_attributes_only(cls))
    if known is _Kind.PLAIN:
        state: dict[str, Any] = value.__dict__
        return state
    if known is _Kind.OTHER:
        return None
    if value.seed is not None:
        return dict(value.__dict__)
    return {name: part for name, part in value.__dict__.items() if name != "_rng"}


def without_entropy() -> dict[type, Callable[[Any], Any]]:
    """Return a pickler's dispatch table that writes one generator for all Gaussians without a seed.

    Written out, each would be 3 KB, which is nineteen parts in twenty of an adaptive forest.
    """
    table = dict(copyreg.dispatch_table)
    # Not imported here: it brings scipy.stats, and while it is not loaded no model can hold one.
    module = sys.modules.get(_GAUSSIAN[0])
    if module is not None:
        table[getattr(module, _GAUSSIAN[1])] = _reduce_gaussian
    return table


def _reduce_gaussian(value: Any) -> tuple[Any, tuple[type], dict[str, Any]]:
    state = value.__dict__
    if value.seed is None:
        state = {**state, "_rng": _SHARED_RNG}
    return copyreg.__newobj__, (type(value),), state  # type: ignore[attr-defined]


def _is_gaussian(cls: type) -> bool:
    return (cls.__module__, cls.__qualname__) == _GAUSSIAN


def _attributes_only(cls: type) -> bool:
    """Say whether pickle's default rules take the ``__dict__`` of an instance and nothing else."""
    return (
        all(getattr(cls, hook) is getattr(object, hook) for hook in _HOOKS)
        and not hasattr(cls, "__getnewargs__")
        and not hasattr(cls, "__getnewargs_ex__")
        and cls not in copyreg.dispatch_table
        and cls.__dictoffset__ != 0
        # A class with slots, or one that extends a built-in or native type, is larger.
        and cls.__basicsize__ <= _PLAIN_SIZE
        and not any(vars(base).get("__slots__") for base in cls.__mro__)
    )


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
