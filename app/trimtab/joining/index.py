"""Where the rows of an id are: sorted runs of hashes in memory, merged as they grow in number (as an LSM tree does).

Costs 26 bytes an id. There are a few times the logarithm of the number of ids runs; a one-hash Bloom filter of 16
bits an id (Bloom, 1970) tells for 94 % of the ids that are not in a large run that they are not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from trimtab.events.columns import IntArray
from trimtab.joining.hashing import HashArray, Hashes

__all__ = ["HashIndex"]

_FANOUT = 4  # runs of one size before they become one
_FILTERED = 1_024  # rows; smaller runs are searched without a filter
_SLOTS = 16  # bits of the filter per row


class _Run(NamedTuple):
    high: HashArray  # ascending
    low: HashArray
    row: IntArray
    filter: npt.NDArray[np.uint8] | None  # one bit per slot; a slot is the leading bits of ``low``

    @classmethod
    def of(cls, high: HashArray, low: HashArray, row: IntArray) -> _Run:
        """A run of rows in any order."""
        order = np.argsort(high, kind="stable")
        return cls(high[order], low[order], row[order], _filter(low) if row.size >= _FILTERED else None)

    @property
    def tier(self) -> int:
        return max(0, int(self.high.size).bit_length() - 1) // 2


class HashIndex:
    """Rows by hash; one hash may have several rows.

    Parameters
    ----------
    alive
        Which of some rows are still of interest; the others are forgotten when runs are merged.

    Examples
    --------
    >>> index = HashIndex(lambda rows: np.ones(rows.size, bool))
    >>> one = Hashes(np.array([7], np.uint64), np.array([9], np.uint64))
    >>> index.add(one, np.array([100]))
    >>> index.find(one)
    (array([0]), array([100]))
    """

    def __init__(self, alive: Callable[[IntArray], npt.NDArray[np.bool_]]) -> None:
        self._alive = alive
        self._runs: list[_Run] = []

    def __len__(self) -> int:
        return sum(run.row.size for run in self._runs)

    def add(self, hashes: Hashes, rows: IntArray) -> None:
        """Remember where these are."""
        if rows.size:
            self._runs.append(_Run.of(hashes.high, hashes.low, rows))
            self._merge()

    def find(self, hashes: Hashes) -> tuple[IntArray, IntArray]:
        """All pairs of a position in ``hashes`` and a row that it has, by position, then by row."""
        if not self._runs:
            return np.empty(0, np.int64), np.empty(0, np.int64)
        # Ascending keys walk through a run instead of jumping about in it.
        order = np.argsort(hashes.high, kind="stable")
        wanted = hashes.high[order]
        found = [_search(run, wanted, hashes.low[order]) for run in self._runs]
        positions = order[np.concatenate([at for at, _ in found])]
        rows = np.concatenate([row for _, row in found])
        sequence = np.lexsort((rows, positions))
        return positions[sequence], rows[sequence]

    def _merge(self) -> None:
        while len(self._runs) >= _FANOUT and self._runs[-_FANOUT].tier <= self._runs[-1].tier:
            last, self._runs[-_FANOUT:] = self._runs[-_FANOUT:], []
            merged = self._merged(last)
            if merged.row.size:
                self._runs.append(merged)

    def _merged(self, runs: list[_Run]) -> _Run:
        row = np.concatenate([run.row for run in runs])
        high = np.concatenate([run.high for run in runs])
        low = np.concatenate([run.low for run in runs])
        alive = self._alive(row)
        if not alive.all():
            row, high, low = row[alive], high[alive], low[alive]
        return _Run.of(high, low, row)


def _search(run: _Run, high: HashArray, low: HashArray) -> tuple[IntArray, IntArray]:
    """Pairs of a position in ``high`` (ascending) and a row of ``run``."""
    inside = _maybe(run.filter, low)
    start = np.searchsorted(run.high, high[inside])
    there = run.high[np.minimum(start, run.high.size - 1)] == high[inside]
    inside, start = inside[there], start[there]
    if not inside.size:
        return inside, inside
    several = np.searchsorted(run.high, high[inside], side="right") - start
    positions = np.repeat(inside, several)
    # One after the other from each start.
    at = np.repeat(start - (np.cumsum(several) - several), several) + np.arange(positions.size)
    same = run.low[at] == low[positions]
    return positions[same], run.row[at[same]]


def _filter(low: HashArray) -> npt.NDArray[np.uint8]:
    bits = np.zeros(1 << (_SLOTS * low.size - 1).bit_length(), np.bool_)
    bits[_slot(low, bits.size)] = True
    return np.packbits(bits, bitorder="little")


def _maybe(packed: npt.NDArray[np.uint8] | None, low: HashArray) -> IntArray:
    """Positions of what may be in the run."""
    if packed is None:
        return np.arange(low.size)
    slot = _slot(low, packed.size * 8)
    return np.flatnonzero((packed[slot >> 3] >> (slot & 7).astype(np.uint8)) & 1)


def _slot(low: HashArray, slots: int) -> IntArray:
    return (low >> np.uint64(65 - slots.bit_length())).astype(np.int64)
