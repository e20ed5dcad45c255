"""A column on the wire: little-endian numbers, or numbers into a list of category names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from trimtab.events.columns import Categories, Column, IntArray, Texts

__all__ = ["checked_texts", "column_from_wire", "column_to_wire", "numbers", "texts_from_wire", "texts_to_wire"]

_FLOATS: dict[str, np.dtype[Any]] = {"float64": np.dtype("<f8"), "float32": np.dtype("<f4")}


def column_to_wire(name: str, column: Column) -> dict[str, Any]:
    """A column as schemas ``event_batch`` and ``example_batch`` have it.

    Examples
    --------
    >>> column_to_wire("colour", Categories.of(["red", None]))["values"]
    ['red']
    >>> column_from_wire(column_to_wire("age", np.array([20.0, 30.0])), 2).tolist()
    [20.0, 30.0]
    """
    if isinstance(column, Categories):
        return {"name": name, "type": "category", "values": column.names, "data": column.codes.astype("<i4").tobytes()}
    return {"name": name, "type": "float64", "values": [], "data": column.astype("<f8", copy=False).tobytes()}


def column_from_wire(wire: Mapping[str, Any], count: int) -> Column:
    """Read a column of ``count`` values; raises ValueError when it is damaged."""
    name, kind, data = wire["name"], wire["type"], wire["data"]
    if kind != "category":
        floats = numbers(data, _FLOATS[kind], count, name)
        return floats.astype(np.float64, copy=False)
    codes, values = numbers(data, np.dtype("<i4"), count, name), wire["values"]
    if count and not (codes.min() >= -1 and codes.max() < len(values)):
        raise ValueError(f"{name}: codes run from -1 to {len(values) - 1}")
    if len(set(values)) != len(values):
        raise ValueError(f"{name}: a category is listed twice")
    return Categories(codes, values)


def numbers(data: bytes, dtype: np.dtype[Any], count: int, name: str) -> npt.NDArray[Any]:
    """``count`` little-endian numbers, read-only; raises ValueError when there are more or fewer."""
    if len(data) != count * dtype.itemsize:
        raise ValueError(f"{name}: {len(data)} bytes where {count} values of {dtype.itemsize} bytes are expected")
    return np.frombuffer(data, dtype)


def texts_to_wire(texts: Texts) -> tuple[bytes, bytes]:
    """The bytes of the texts, and where each ends as uint32."""
    return texts.data, texts.ends.astype("<u4").tobytes()


def texts_from_wire(data: bytes, ends: bytes, count: int, name: str) -> Texts:
    """Read texts, none of them cut within a character; raises ValueError when they are damaged."""
    found: IntArray = numbers(ends, np.dtype("<u4"), count, f"{name}_ends").astype(np.int64)
    return checked_texts(data, found, name)


def checked_texts(data: bytes, ends: IntArray, name: str) -> Texts:
    """Texts whose ends ascend through ``data``, none of them cut within a character; else raises ValueError."""
    if len(data) != (int(ends[-1]) if ends.size else 0) or not (ends[1:] >= ends[:-1]).all():
        raise ValueError(f"{name}: the ends do not ascend to {len(data)} bytes")
    if not data.isascii():
        data.decode()  # UnicodeDecodeError is a ValueError
        heads = np.frombuffer(data, np.uint8)[ends[ends < len(data)]]
        if ((heads & 0xC0) == 0x80).any():
            raise ValueError(f"{name}: a text ends within a character")
    return Texts(data, ends)
