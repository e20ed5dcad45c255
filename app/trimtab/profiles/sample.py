"""A bounded sample of whole rows that merges: the same rows in whatever order and pieces they come."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import msgspec
import numpy as np
import numpy.typing as npt

from trimtab.events.columns import Categories, FloatArray, IntArray

__all__ = ["RowSample"]

HashArray = npt.NDArray[np.uint64]

# The finaliser of MurmurHash3 (Appleby 2011), a bijection of 64 bits.
_M1, _M2 = np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53)
_SHIFT = np.uint64(33)
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MISSING = np.uint64(0x7FF8_0000_0000_0000)


@dataclass(frozen=True, slots=True, eq=False)
class RowSample:
    """The ``capacity`` rows with the smallest hashes of their time and values (bottom-k; Cohen and Kaplan 2007).

    The hash of a row depends on its content alone, so that merging is associative and commutative, and which rows are
    kept depends neither on order nor on partitions. Rows of equal content have equal hashes and are one row: merging a
    sample with itself changes nothing, and a row that was delivered twice counts once. So do different events that
    happened in the same millisecond with the same values: of features with few values, let times differ.

    Parameters
    ----------
    capacity
        Most rows that are kept.
    hashes
        Ascending, each once; uint64, shape ``(n,)``.
    time_ms
        Event time, shape ``(n,)``.
    numbers, categories
        Values by feature, shape ``(n,)``; NaN and -1 are missing.

    Examples
    --------
    >>> rows = RowSample.of(2, np.arange(3), {"x": np.array([1.0, 2.0, 3.0])}, {"u": Categories.of("aba")})
    >>> len(rows), rows.merge(rows) == rows, RowSample.from_bytes(rows.to_bytes()) == rows
    (2, True, True)
    """

    capacity: int
    hashes: HashArray = field(default_factory=lambda: np.empty(0, np.uint64))
    time_ms: IntArray = field(default_factory=lambda: np.empty(0, np.int64))
    numbers: Mapping[str, FloatArray] = field(default_factory=dict)
    categories: Mapping[str, Categories] = field(default_factory=dict)

    def __len__(self) -> int:
        return self.hashes.size

    def __eq__(self, other: object) -> bool:
        return self.to_bytes() == other.to_bytes() if isinstance(other, RowSample) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    @classmethod
    def of(
        cls,
        capacity: int,
        time_ms: IntArray,
        numbers: Mapping[str, FloatArray],
        categories: Mapping[str, Categories],
    ) -> Self:
        """Sample of these rows; raises ValueError when columns differ in length or the capacity is not above zero."""
        if capacity < 1:
            raise ValueError(f"a sample keeps at least one row, not {capacity}")
        time_ms = np.asarray(time_ms, np.int64)
        lengths = {name: len(column) for name, column in numbers.items()}
        lengths |= {name: len(column) for name, column in categories.items()}
        for name, length in lengths.items():
            if length != time_ms.size:
                raise ValueError(f"{name}: {length} values for {time_ms.size} rows")
        hashes, rows = np.unique(_hashes(time_ms, numbers, categories), return_index=True)
        return cls(capacity, hashes, time_ms, dict(numbers), dict(categories))._take(rows[:capacity])

    def merge(self, other: Self) -> Self:
        """Sample of both together, as large as the smaller of the capacities, of the features that both have."""
        capacity = min(self.capacity, other.capacity)
        if not len(self) or not len(other):
            some = self if len(self) else other
            return type(self)(
                capacity,
                some.hashes[:capacity],
                some.time_ms[:capacity],
                {name: column[:capacity] for name, column in some.numbers.items()},
                {name: column.take(slice(capacity)) for name, column in some.categories.items()},
            )
        hashes, rows = np.unique(np.concatenate((self.hashes, other.hashes)), return_index=True)
        both = type(self)(
            capacity,
            hashes,
            np.concatenate((self.time_ms, other.time_ms)),
            {
                name: np.concatenate((column, other.numbers[name]))
                for name, column in self.numbers.items()
                if name in other.numbers
            },
            {
                name: Categories.concat((column, other.categories[name]))
                for name, column in self.categories.items()
                if name in other.categories
            },
        )
        return both._take(rows[:capacity])

    def to_bytes(self) -> bytes:
        """MessagePack; equal samples are equal bytes."""
        numbers = {name: self.numbers[name].astype("<f8").tobytes() for name in sorted(self.numbers)}
        categories = {name: _packed(self.categories[name]) for name in sorted(self.categories)}
        hashes, times = self.hashes.astype("<u8").tobytes(), self.time_ms.astype("<i8").tobytes()
        return msgspec.msgpack.encode([self.capacity, hashes, times, numbers, categories])

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read what :meth:`to_bytes` gave; raises ``ValueError`` when it is damaged."""
        try:
            capacity, hashes, times, numbers, categories = msgspec.msgpack.decode(data)
            made = cls(
                int(capacity),
                np.frombuffer(hashes, "<u8").astype(np.uint64),
                np.frombuffer(times, "<i8").astype(np.int64),
                {name: np.frombuffer(column, "<f8").astype(np.float64) for name, column in numbers.items()},
                {name: _unpacked(column) for name, column in categories.items()},
            )
        except (msgspec.MsgspecError, TypeError, AttributeError) as error:
            raise ValueError(f"sample is damaged: {type(error).__name__} {error}") from error
        sizes = {made.time_ms.size, *map(len, made.numbers.values()), *map(len, made.categories.values())}
        if sizes != {len(made)} or len(made) > made.capacity or bool((made.hashes[1:] <= made.hashes[:-1]).any()):
            raise ValueError("sample is damaged: hashes must ascend, and all columns have as many values")
        return made

    def to_wire(self) -> str:
        """:meth:`to_bytes` as text, for JSON, which has neither NaN nor infinities."""
        return base64.b64encode(self.to_bytes()).decode("ascii")

    @classmethod
    def from_wire(cls, wire: str) -> Self:
        """Read what :meth:`to_wire` wrote; raises ``ValueError`` when it is damaged."""
        return cls.from_bytes(base64.b64decode(wire, validate=True))

    def _take(self, rows: IntArray) -> Self:
        """These rows of the columns, and as many of the hashes, which are sorted already."""
        return type(self)(
            self.capacity,
            self.hashes[: rows.size],
            self.time_ms[rows],
            {name: column[rows] for name, column in self.numbers.items()},
            {name: column.take(rows) for name, column in self.categories.items()},
        )


def _hashes(time_ms: IntArray, numbers: Mapping[str, FloatArray], categories: Mapping[str, Categories]) -> HashArray:
    """Of each row; features in the order of their names."""
    state = _mixed(time_ms.view(np.uint64))
    for name in sorted(numbers):
        # Adding zero turns -0.0 into 0.0, and there are many NaNs: equal values must have equal hashes.
        values = np.asarray(numbers[name], np.float64) + 0.0
        state = _mixed(state ^ np.where(np.isnan(values), _MISSING, values.view(np.uint64)))
    for name in sorted(categories):
        column = categories[name]
        # The last entry is what -1, missing, picks.
        of = np.array([_of_text(text) for text in column.names] + [int(_MISSING)], np.uint64)
        state = _mixed(state ^ of[column.codes])
    return state


def _mixed(words: HashArray) -> HashArray:
    words = words + _GOLDEN
    words = (words ^ (words >> _SHIFT)) * _M1
    words = (words ^ (words >> _SHIFT)) * _M2
    return np.asarray(words ^ (words >> _SHIFT))


def _of_text(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def _packed(column: Categories) -> list[Any]:
    """Names in their order and codes; equal columns are equal bytes."""
    values = column.to_list()
    names = sorted({value for value in values if value is not None})
    place: dict[str | None, int] = {None: -1} | {name: k for k, name in enumerate(names)}
    return [names, np.array([place[value] for value in values], "<i4").tobytes()]


def _unpacked(packed: list[Any]) -> Categories:
    names, raw = packed
    codes = np.frombuffer(raw, "<i4").astype(np.int32)
    if codes.size and not -1 <= int(codes.min()) <= int(codes.max()) < len(names):
        raise ValueError("sample is damaged: a category without a name")
    return Categories(codes, [str(name) for name in names])
