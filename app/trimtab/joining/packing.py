"""Tables as bytes: MessagePack around the raw buffers of their columns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any

import msgspec
import numpy as np

from trimtab.events.columns import Categories, Texts
from trimtab.events.tables import Features, FeatureTable, LabelTable, PredictionTable, Sources

__all__ = ["pack", "unpack"]

# What is stored names its type by these; never change one, add another.
_TYPES: dict[str, Any] = {
    "p": PredictionTable,
    "f": FeatureTable,
    "l": LabelTable,
    "s": Sources,
    "v": Features,
}
_NAMES = {cls: name for name, cls in _TYPES.items()}


def pack(value: Any) -> bytes:
    """Bytes of a table, an array, or a list or dict of such.

    Examples
    --------
    >>> unpack(pack([np.array([1, 2]), Texts.of(["a"]), None]))[0].tolist()
    [1, 2]
    """
    return msgspec.msgpack.encode(_plain(value))


def unpack(data: bytes) -> Any:
    """What :func:`pack` was given; arrays are read-only. Raises ValueError when the bytes are damaged."""
    try:
        return _made(msgspec.msgpack.decode(data))
    except (msgspec.MsgspecError, TypeError, KeyError, IndexError) as error:
        raise ValueError(f"stored table is damaged: {error}") from error


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return [
            "a",
            value.dtype.str,
            list(value.shape),
            np.ascontiguousarray(value).data.cast("B") if value.size else b"",
        ]
    if isinstance(value, Texts):
        return ["t", value.data, _plain(value.ends.astype(np.uint32))]
    if isinstance(value, Categories):
        return ["c", *_categories(value)]
    if is_dataclass(value):
        return [_NAMES[type(value)], *(_plain(getattr(value, field.name)) for field in fields(value))]
    if isinstance(value, (list, tuple)):
        return ["[", *(_plain(item) for item in value)]
    return value


def _categories(column: Categories) -> tuple[list[str], Any]:
    """The names in use and codes into them; a collector's list of names goes on growing."""
    used, codes = np.unique(column.codes, return_inverse=True)
    missing = int(used.size and used[0] < 0)
    return [column.names[code] for code in used[missing:].tolist()], _plain((codes - missing).astype(np.int32))


def _made(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    kind, *items = value
    if kind == "a":
        dtype, shape, data = items
        return np.frombuffer(data, dtype).reshape(shape)
    made = [_made(item) for item in items] if kind != "c" else [items[0], _made(items[1])]
    return _MAKERS[kind](*made)


_MAKERS: dict[str, Callable[..., Any]] = _TYPES | {
    "[": lambda *items: list(items),
    "t": lambda data, ends: Texts(data, ends.astype(np.int64)),
    "c": lambda names, codes: Categories(codes, names),
    "v": lambda numbers, categories: Features(numbers, tuple(categories)),
}
