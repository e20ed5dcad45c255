"""Profile of one numeric feature in one window."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from trimtab.profiles.cells import (
    CellArray,
    CountArray,
    FloatArray,
    cell_bounds,
    kernels,
    merge_cells,
)
from trimtab.profiles.frame import IDENTITY, Frame

__all__ = ["NumericProfile"]

_WIDTHS = (1, 2, 4, 8)  # bytes that a count may take on the wire


@dataclass(frozen=True, slots=True, eq=False)
class NumericProfile:
    """Moments, extremes and float-cell histogram of the finite values; missing and non-finite ones counted.

    Parameters
    ----------
    count
        Finite values. ``missing`` were absent or NaN, ``non_finite`` infinite or above ``LARGEST`` in
        magnitude.
    mean, m2
        Mean, and sum of squared deviations from it; both 0 when empty.
    minimum, maximum
        ``inf`` and ``-inf`` when empty (``None`` on the wire).
    frame
        Origin and unit of the cells.
    cells, counts
        Occupied cells ascending, int32, and their counts, int64; same shape ``(k,)``, read-only.

    Examples
    --------
    >>> profile = NumericProfile.of(np.array([1.0, 2.0, np.nan, np.inf]), IDENTITY)
    >>> profile.count, profile.missing, profile.non_finite, profile.mean, profile.std
    (2, 1, 1, 1.5, 0.5)
    """

    count: int = 0
    missing: int = 0
    non_finite: int = 0
    mean: float = 0.0
    m2: float = 0.0
    minimum: float = math.inf
    maximum: float = -math.inf
    frame: Frame = IDENTITY
    cells: CellArray = field(default_factory=lambda: np.empty(0, np.int32))
    counts: CountArray = field(default_factory=lambda: np.empty(0, np.int64))

    def __post_init__(self) -> None:
        self.cells.flags.writeable = False
        self.counts.flags.writeable = False

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, NumericProfile):
            return NotImplemented
        return (
            self._scalars == other._scalars
            and np.array_equal(self.cells, other.cells)
            and np.array_equal(self.counts, other.counts)
        )

    __hash__ = None  # type: ignore[assignment]

    @property
    def _scalars(self) -> tuple[object, ...]:
        extremes = (self.minimum, self.maximum)
        return (self.count, self.missing, self.non_finite, self.mean, self.m2, *extremes, self.frame)

    @classmethod
    def empty(cls, frame: Frame) -> Self:
        """The neutral element of :meth:`merge`."""
        return cls(frame=frame)

    @classmethod
    def of(cls, values: FloatArray, frame: Frame) -> Self:
        """Profile ``values``: shape ``(n,)``, float64, NaN for a missing one. They are not changed."""
        values = np.asarray(values, dtype=np.float64)
        if not (values.flags.c_contiguous and values.flags.aligned):
            values = values.copy()
        dense, used = _scratch()
        found = kernels().gather(values, frame.center, frame.scale, dense, used)
        count, missing, mean, m2, low, high, cells, counts = found
        return cls(count, missing, values.size - missing - count, mean, m2, low, high, frame, cells, counts)

    def merge(self, other: Self) -> Self:
        """Profile of both windows together.

        Counts and cells are exact. Mean and second moment follow Chan, Golub and LeVeque (1983), written
        symmetrically: ``a.merge(b) == b.merge(a)`` to the bit, while regrouping may change last bits.

        Raises
        ------
        ValueError
            The frames differ.
        """
        if self.frame != other.frame:
            raise ValueError(f"profiles in different frames do not merge: {self.frame} and {other.frame}")
        count = self.count + other.count
        low, high = min(self.minimum, other.minimum), max(self.maximum, other.maximum)
        if self.count == 0 or other.count == 0:
            mean, m2 = (other if self.count == 0 else self).mean, self.m2 + other.m2
        elif low == high:
            mean, m2 = low, 0.0
        else:
            mean = (self.count * self.mean + other.count * other.mean) / count
            between = (self.mean - other.mean) ** 2 * (self.count * other.count / count)
            m2 = (self.m2 + other.m2) + between
        cells, counts = merge_cells(self.cells, self.counts, other.cells, other.counts)
        return type(self)(
            count,
            self.missing + other.missing,
            self.non_finite + other.non_finite,
            mean,
            m2,
            low,
            high,
            self.frame,
            cells,
            counts,
        )

    @property
    def total(self) -> int:
        """Events seen, usable or not."""
        return self.count + self.missing + self.non_finite

    @property
    def missing_rate(self) -> float:
        """Share of events without a usable value (missing or non-finite); 0 when there were none."""
        return (self.missing + self.non_finite) / self.total if self.total else 0.0

    @property
    def std(self) -> float:
        """Population standard deviation, in the feature's unit; 0 when empty."""
        return math.sqrt(self.m2 / self.count) if self.count else 0.0

    def quantile(self, q: float) -> float:
        """Value below which a share ``q`` of the finite values lies, in the feature's unit.

        It lies in the same cell as the sample's own inverse-CDF quantile, so it is off by at most a cell: a
        32nd of its distance from the frame's centre. 0 and 1 give the exact extremes, an empty profile NaN.

        Raises
        ------
        ValueError
            ``q`` is not in [0, 1].

        Examples
        --------
        >>> profile = NumericProfile.of(np.arange(1.0, 101.0), Frame(50.0, 50.0))
        >>> abs(profile.quantile(0.75) - 75) < (75 - 50) / 32 + 1
        True
        """
        if not 0 <= q <= 1:
            raise ValueError(f"a quantile is in [0, 1], not {q}")
        if self.count == 0:
            return math.nan
        if q in (0, 1):
            return self.maximum if q else self.minimum
        cumulative = np.cumsum(self.counts)
        rank = q * self.count
        at = int(np.searchsorted(cumulative, rank))
        inside = (rank - (float(cumulative[at]) - float(self.counts[at]))) / float(self.counts[at])
        low, high = (self._value(float(edge)) for edge in cell_bounds(self.cells[at]))
        return min(max(low + (high - low) * inside, low), high)

    def _value(self, standardised: float) -> float:
        """Into the feature's unit, and no further than values were seen."""
        value = self.frame.center + self.frame.scale * standardised
        return min(max(value, self.minimum), self.maximum)

    def to_wire(self) -> dict[str, Any]:
        """Integers, floats and lists of integers only; ``None`` for what an empty profile does not have."""
        some = self.count > 0
        return {
            "count": self.count,
            "missing": self.missing,
            "non_finite": self.non_finite,
            "mean": self.mean if some else None,
            "m2": self.m2,
            "minimum": self.minimum if some else None,
            "maximum": self.maximum if some else None,
            "frame": self.frame.to_wire(),
            "cells": self.cells.tolist(),
            "counts": self.counts.tolist(),
        }

    @classmethod
    def from_wire(cls, wire: dict[str, Any]) -> Self:
        """Read what :meth:`to_wire` wrote.

        Raises
        ------
        ValueError
            Cells and counts do not fit each other or ``count``.
        KeyError
            A field is absent.
        """
        cells, counts = np.array(wire["cells"], np.int32), np.array(wire["counts"], np.int64)
        count = int(wire["count"])
        _check_cells(count, cells, counts)
        mean, low, high = wire["mean"], wire["minimum"], wire["maximum"]
        if count and None in (mean, low, high):
            raise ValueError("numeric profile: mean, minimum and maximum belong to a count above zero")
        return cls(
            count,
            int(wire["missing"]),
            int(wire["non_finite"]),
            float(mean) if count else 0.0,
            float(wire["m2"]),
            float(low) if count else math.inf,
            float(high) if count else -math.inf,
            Frame.from_wire(wire["frame"]),
            cells,
            counts,
        )

    def to_packed(self) -> list[Any]:
        """As :meth:`to_wire`, but flat, and cells and counts as little-endian bytes.

        A cell takes two bytes, a count as few of 1, 2, 4 or 8 as the largest needs: a third of what they take here.
        """
        scalars = [self.count, self.missing, self.non_finite, self.mean, self.m2, self.minimum, self.maximum]
        # No count is larger than all of them together, which saves a look at those of a small profile.
        largest = self.count if self.count < 256 else int(self.counts.max())
        counts = self.counts.astype(_count_type(largest))
        return [*scalars, self.frame.center, self.frame.scale, self.cells.astype("<i2").tobytes(), counts.tobytes()]

    @classmethod
    def from_packed(cls, packed: list[Any]) -> Self:
        """Read what :meth:`to_packed` gave; raises ``ValueError`` when it is damaged."""
        count, missing, non_finite, mean, m2, low, high, center, scale, raw_cells, raw_counts = packed
        cells = np.frombuffer(raw_cells, "<i2").astype(np.int32)
        width = len(raw_counts) // max(1, cells.size)
        if width not in _WIDTHS and cells.size:
            raise ValueError(f"numeric profile: counts of {width} bytes")
        counts = np.frombuffer(raw_counts, f"<u{width or 1}").astype(np.int64)
        _check_cells(count, cells, counts)
        return cls(count, missing, non_finite, mean, m2, low, high, Frame(center, scale), cells, counts)


def _count_type(largest: int) -> str:
    return next(f"<u{width}" for width in _WIDTHS if largest < 1 << 8 * width)


def _check_cells(count: int, cells: CellArray, counts: CountArray) -> None:
    found = kernels().total(cells, counts) if cells.ndim == 1 and cells.shape == counts.shape else -1
    # The count is compared here: it may be anything, and would be made a whole number for the compiled loop.
    if found < 0 or found != count:
        raise ValueError("numeric profile: cells must ascend and their counts, above zero, sum to count")


_WORKING = threading.local()


def _scratch() -> tuple[CountArray, npt.NDArray[np.uint8]]:
    """Zeros for :func:`~trimtab.profiles.loops.gather` to work in, which leaves zeros: each thread has its own."""
    try:
        found: tuple[CountArray, npt.NDArray[np.uint8]] = _WORKING.zeros
    except AttributeError:
        _WORKING.zeros = found = np.zeros(kernels().CELLS, np.int64), np.zeros(kernels().GROUPS, np.uint8)
    return found
