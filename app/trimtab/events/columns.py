"""Columns of many events: texts end to end in one buffer, and categories as numbers into a list of names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Self

import numpy as np
import numpy.typing as npt

__all__ = ["Categories", "CodeArray", "Column", "FloatArray", "IntArray", "Texts", "take"]

IntArray = npt.NDArray[np.int64]
CodeArray = npt.NDArray[np.int32]
FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Texts:
    """``n`` texts in UTF-8, one after the other.

    Parameters
    ----------
    data
        Their bytes.
    ends
        Where each ends in ``data``, exclusive; shape ``(n,)``, ascending.

    Examples
    --------
    >>> texts = Texts.of(["a", "", "é"])
    >>> texts.data, texts.ends.tolist(), texts.take(np.array([2, 0])).to_list()
    (b'a\\xc3\\xa9', [1, 1, 3], ['é', 'a'])
    """

    data: bytes
    ends: IntArray

    @classmethod
    def of(cls, texts: Sequence[str]) -> Self:
        """The texts of a list."""
        joined = "".join(texts)
        data = joined.encode()
        # One byte a character is the common case, and then lengths need no encoding one by one.
        sizes = map(len, texts) if len(data) == len(joined) else (len(text.encode()) for text in texts)
        return cls(data, np.fromiter(accumulate(sizes), np.int64, len(texts)))

    @classmethod
    def concat(cls, parts: Sequence[Self]) -> Self:
        """All parts, one after the other."""
        shifts = accumulate((len(part.data) for part in parts), initial=0)
        ends = [part.ends + shift for part, shift in zip(parts, shifts, strict=False)]
        return cls(b"".join(part.data for part in parts), np.concatenate(ends) if ends else np.empty(0, np.int64))

    def __len__(self) -> int:
        return self.ends.size

    @property
    def starts(self) -> IntArray:
        """Where each begins in ``data``."""
        return np.concatenate((np.zeros(min(1, self.ends.size), np.int64), self.ends[:-1]))

    @property
    def sizes(self) -> IntArray:
        """Bytes of each."""
        return self.ends - self.starts

    def bytes_of(self, row: int) -> bytes:
        """The bytes of one."""
        return self.data[int(self.ends[row - 1]) if row else 0 : int(self.ends[row])]

    def take(self, rows: IntArray) -> Self:
        """The texts of these rows, in this order."""
        last = self.ends[rows]
        starts = np.where(rows > 0, self.ends[rows - 1], 0)
        sizes = last - starts
        ends = np.cumsum(sizes)
        # Byte k of the result comes from its row's start plus its distance from the row's start in the result.
        source = np.repeat(starts - (ends - sizes), sizes) + np.arange(int(sizes.sum()))
        return type(self)(np.frombuffer(self.data, np.uint8)[source].tobytes(), ends)

    def to_list(self) -> list[str]:
        """Python strings; raises UnicodeDecodeError when the bytes are not UTF-8."""
        ends = self.ends.tolist()
        if self.data.isascii():
            text = self.data.decode("ascii")
            return [text[start:end] for start, end in zip([0, *ends], ends, strict=False)]
        return [self.data[start:end].decode() for start, end in zip([0, *ends], ends, strict=False)]


@dataclass(frozen=True, slots=True, eq=False)
class Categories:
    """A column of categories.

    Parameters
    ----------
    codes
        Index into ``names``, -1 for missing; int32, shape ``(n,)``.
    names
        Each text once, in any order.

    Examples
    --------
    >>> colours = Categories.of(["red", None, "red"])
    >>> colours.codes.tolist(), colours.names, colours.to_list()
    ([0, -1, 0], ['red'], ['red', None, 'red'])
    """

    codes: CodeArray
    names: list[str]

    @classmethod
    def of(cls, values: Iterable[str | None]) -> Self:
        """The column of a list."""
        known: dict[str | None, int] = {None: -1}
        codes = [known.setdefault(value, len(known) - 1) for value in values]
        return cls(np.array(codes, np.int32), [name for name in known if name is not None])

    @classmethod
    def concat(cls, parts: Sequence[Self]) -> Self:
        """All parts, one after the other, with one list of names."""
        if parts and all(part.names is parts[0].names for part in parts):
            return cls(np.concatenate([part.codes for part in parts]), parts[0].names)
        known: dict[str, int] = {}
        codes = [np.empty(0, np.int32)]
        for part in parts:
            # The last entry is what -1 picks.
            to = np.array([known.setdefault(name, len(known)) for name in part.names] + [-1], np.int32)
            codes.append(to[part.codes])
        return cls(np.concatenate(codes), list(known))

    def __len__(self) -> int:
        return self.codes.size

    def take(self, rows: IntArray | slice) -> Self:
        """The categories of these rows, in this order."""
        return type(self)(self.codes[rows], self.names)

    def to_list(self) -> list[str | None]:
        """Texts, None for missing."""
        names: list[str | None] = [*self.names, None]
        return [names[code] for code in self.codes.tolist()]


Column = FloatArray | Categories
"""A column of numbers (NaN is missing), or of categories."""


def take(column: Column, rows: IntArray | slice) -> Column:
    """The values of these rows, in this order."""
    return column.take(rows) if isinstance(column, Categories) else column[rows]
