"""A model's state as one SHA-256, and where two states differ.

Two models have the same digest exactly when their types, attributes and values are the same. How the state is laid
out in memory does not count: the order in which a dict or set was filled, interning, object identity, and whether
two equal objects are one object. What counts, bit by bit: floats (0.0 and -0.0 differ, as do NaNs with different
payloads), NumPy values with their dtype and shape, the order of lists, tuples and ``OrderedDict`` (the steps of a
pipeline), and the types (``1``, ``1.0`` and ``True`` differ). The encoding itself is in ``encoding``; the one thing
left out of the state is in ``parts``.

River builds its pipelines' execution plan at the first use, and some transformers remember a feature at the first
prediction: to compare two models, let both predict and learn the same events.
"""

from __future__ import annotations

import copyreg
import hashlib
import random
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any, Final

import numpy as np

from trimtab.errors import RegistryError
from trimtab.registry.encoding import ATOMS, Encoder
from trimtab.registry.parts import Parts, attributes, reduced

__all__ = ["state_diff", "state_digest"]

_TOO_DEEP = "model: its objects are nested too deep for a digest; limit the depth of the model (max_depth)"

Labelled = list[tuple[str, Any]]


def state_digest(model: object) -> str:
    """Return the SHA-256, in hexadecimal, of the state of ``model``.

    Parameters
    ----------
    model
        Any object that can be pickled.

    Raises
    ------
    RegistryError
        A part of the model has no state that pickle could take, or is nested too deep.

    Examples
    --------
    >>> state_digest({"a": 0.0, "b": 1}) == state_digest({"b": 1, "a": 0.0})
    True
    >>> state_digest(0.0) == state_digest(-0.0)
    False
    """
    try:
        return hashlib.sha256(Encoder().value(model)).hexdigest()
    except RecursionError:
        raise RegistryError(_TOO_DEEP) from None


def state_diff(left: object, right: object) -> str | None:
    """Return the path of the first difference between two states, or ``None`` when they are equal.

    Examples
    --------
    >>> from river import linear_model
    >>> one, two = linear_model.LogisticRegression(), linear_model.LogisticRegression()
    >>> state_diff(one, two) is None
    True
    >>> two._weights["x"] = 0.5
    >>> state_diff(one, two)
    "LogisticRegression._weights['x']: only in the second"
    """
    if state_digest(left) == state_digest(right):
        return None
    root = type(left).__name__
    try:
        found = _Comparison().first(left, right, root)
    except RecursionError:
        raise RegistryError(_TOO_DEEP) from None
    # Every value is equal, so what differs is how a cycle of objects is tied together.
    return found or f"{root}: the objects refer to each other differently"


class _Comparison:
    """A walk over two states at once, each pair of objects once."""

    def __init__(self) -> None:
        # The objects are kept, so that an id stays its object's own.
        self._seen: dict[tuple[int, int], tuple[Any, Any]] = {}

    def first(self, left: Any, right: Any, path: str) -> str | None:
        cls = type(left)
        if cls is not type(right):
            return f"{path}: {cls.__name__} in the first, {type(right).__name__} in the second"
        pair = (id(left), id(right))
        if pair in self._seen or left is right:
            return None
        self._seen[pair] = (left, right)
        ours, theirs = _children(left, cls), _children(right, cls)
        if ours is None or theirs is None:
            return _leaves(left, right, path)
        for (our_label, ours_value), (their_label, their_value) in zip(ours, theirs, strict=False):
            if our_label != their_label:
                break
            found = self.first(ours_value, their_value, path + our_label)
            if found:
                return found
        return _unpaired(path, [label for label, _ in ours], [label for label, _ in theirs])


def _leaves(left: Any, right: Any, path: str) -> str | None:
    if Encoder().value(left) == Encoder().value(right):
        return None
    if type(left) is random.Random:
        return f"{path}: another random state"
    return f"{path}: {_short(left)} in the first, {_short(right)} in the second"


def _unpaired(path: str, ours: list[str], theirs: list[str]) -> str | None:
    if ours == theirs:
        return None
    for label in ours:
        if label not in theirs:
            return f"{path}{label}: only in the first"
    for label in theirs:
        if label not in ours:
            return f"{path}{label}: only in the second"
    return f"{path}: in another order"


def _children(value: Any, cls: type) -> Labelled | None:
    """Return what ``value`` holds, each with its step of the path, in canonical order; ``None`` for a leaf."""
    if cls in ATOMS or cls is random.Random or isinstance(value, (type, np.generic, np.ndarray)):
        return None
    if cls in _CONTAINERS:
        return _CONTAINERS[cls](value)
    state = attributes(value, cls)
    if state is not None:
        return _attributes(state)
    parts = reduced(value, cls)
    if isinstance(parts, str):
        return None
    return _made(parts, ordered=isinstance(value, OrderedDict))


def _made(parts: Parts, *, ordered: bool) -> Labelled:
    args = parts.args[1:] if parts.make is copyreg.__newobj__ else parts.args  # type: ignore[attr-defined]
    found: Labelled = []
    for index, arg in enumerate(args):
        # A container's first argument is its content: ['x'] reads better than (0)['x'].
        found += _keyed(arg) if index == 0 and type(arg) is dict else [(f"({index})", arg)]
    state = parts.state
    slots = state if isinstance(state, tuple) and len(state) == 2 else (state,)
    if all(part is None or type(part) is dict for part in slots):
        for part in slots:
            found += _attributes(part or {})
    else:
        found.append((".<state>", state))
    found += _indexed(parts.items or ())
    pairs = parts.pairs or {}
    return found + ([(f"[{key!r}]", item) for key, item in pairs.items()] if ordered else _keyed(pairs))


def _attributes(state: dict[str, Any]) -> Labelled:
    # Public names first: what River caches under a private name repeats them.
    return [(f".{name}", state[name]) for name in sorted(state, key=lambda name: (name[:1] == "_", name))]


def _indexed(items: Iterable[Any]) -> Labelled:
    return [(f"[{index}]", item) for index, item in enumerate(items)]


def _keyed(items: dict[Any, Any]) -> Labelled:
    encode = Encoder().value
    return [(f"[{key!r}]", items[key]) for key in sorted(items, key=encode)]


_CONTAINERS: Final[dict[type, Callable[[Any], Labelled]]] = {
    dict: _keyed,
    list: _indexed,
    tuple: _indexed,
    set: lambda value: _indexed(sorted(value, key=Encoder().value)),
    frozenset: lambda value: _indexed(sorted(value, key=Encoder().value)),
}


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
