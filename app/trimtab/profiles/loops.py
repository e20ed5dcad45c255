"""The loops over single values, compiled by Numba: what takes NumPy twenty passes over memory takes one here.

Each is plain Python over arrays and gives the same bits on every machine, since no rule of floats is loosened: sums
are written with four accumulators, which the compiler may put side by side but not reorder. They let go of the
interpreter while they run.

Importing this module loads the machine code, or compiles it (4 s) and keeps it beside the module or in the user's
cache, where there is a folder that may be written to.
"""

# mypy: disable-error-code="no-untyped-def"
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit, types

from trimtab.profiles.frame import LARGEST

__all__ = ["CELLS", "GROUPS", "gather", "merged", "total"]

_SHIFT = 18
CELLS = 1 << 32 - _SHIFT
"""As many as 14 bits tell apart, so that whatever 32 bits come, nothing is counted elsewhere in memory."""
_LOWEST = -CELLS // 2
_GROUP_BITS = np.uint32(6)
_GROUP = 64
GROUPS = CELLS // _GROUP
"""A group of cells is looked through only when something was counted in it."""
_BLOCK = 1024  # values: three such arrays stay in the first-level cache


def _compiled(*signature: types.Type) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Compile for these arguments now, or without any for whatever a compiled caller gives."""
    given = [signature] if signature else None

    def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
        try:
            return njit(given, nogil=True, cache=True)(function)  # type: ignore[no-any-return]
        except RuntimeError:  # no folder may be written to
            return njit(given, nogil=True)(function)  # type: ignore[no-any-return]

    return compiled


def _fixed(of: types.Type) -> types.Type:
    """An array that is only read."""
    return types.Array(of, 1, "C", readonly=True)


@_compiled()
def _usable(values, into):
    """Copy the usable values to the front of ``into``; how many they are, and how many are missing."""
    good, missing = 0, 0
    for k in range(values.size):
        into[k] = values[k]
        good += abs(values[k]) <= LARGEST
    if good == values.size:
        return good, missing
    good = 0
    for value in values:
        missing += np.isnan(value)
        if abs(value) <= LARGEST:
            into[good] = value
            good += 1
    return good, missing


@_compiled()
def _extremes(values):
    l0 = l1 = l2 = l3 = np.inf
    h0 = h1 = h2 = h3 = -np.inf
    whole = values.size - values.size % 4
    for k in range(0, whole, 4):
        a, b, c, d = values[k], values[k + 1], values[k + 2], values[k + 3]
        l0, l1, l2, l3 = min(l0, a), min(l1, b), min(l2, c), min(l3, d)
        h0, h1, h2, h3 = max(h0, a), max(h1, b), max(h2, c), max(h3, d)
    for value in values[whole:]:
        l0, h0 = min(l0, value), max(h0, value)
    return min(l0, l1, l2, l3), max(h0, h1, h2, h3)


@_compiled()
def _sum(values):
    s0 = s1 = s2 = s3 = 0.0
    whole = values.size - values.size % 4
    for k in range(0, whole, 4):
        s0 += values[k]
        s1 += values[k + 1]
        s2 += values[k + 2]
        s3 += values[k + 3]
    for value in values[whole:]:
        s0 += value
    return (s0 + s1) + (s2 + s3)


@_compiled()
def _squares(values, mean):
    """Sum of squared deviations."""
    s0 = s1 = s2 = s3 = 0.0
    whole = values.size - values.size % 4
    for k in range(0, whole, 4):
        a, b, c, d = values[k] - mean, values[k + 1] - mean, values[k + 2] - mean, values[k + 3] - mean
        s0 += a * a
        s1 += b * b
        s2 += c * c
        s3 += d * d
    for value in values[whole:]:
        s0 += (value - mean) * (value - mean)
    return (s0 + s1) + (s2 + s3)


@_compiled()
def _count(values, center, scale, short, dense, used):
    """Count each value in its cell: the arithmetic of :func:`trimtab.profiles.cells.cell_index`."""
    for k in range(values.size):
        short[k] = np.float32((values[k] - center) / scale) + np.float32(0)
    bits = short.view(np.int32)
    for k in range(values.size):
        bits[k] = ((((bits[k] >> 31) & 0x7FFFFFFF) ^ bits[k]) >> _SHIFT) - _LOWEST
    for k in range(values.size):
        cell = np.uint32(bits[k])  # an index without a sign needs no look at whether it counts from the end
        dense[cell] += 1
        used[cell >> _GROUP_BITS] = 1


@_compiled()
def _taken_out(dense, used):
    """Occupied cells ascending and their counts; ``dense`` and ``used`` are zero again."""
    found = 0
    for group in range(used.size):
        if used[group]:
            for at in range(group * _GROUP, (group + 1) * _GROUP):
                found += dense[at] > 0
    cells, counts = np.empty(found, np.int32), np.empty(found, np.int64)
    found = 0
    for group in range(used.size):
        if used[group]:
            used[group] = 0
            for at in range(group * _GROUP, (group + 1) * _GROUP):
                if dense[at] > 0:
                    cells[found], counts[found] = at + _LOWEST, dense[at]
                    dense[at] = 0
                    found += 1
    return cells, counts


@_compiled(_fixed(types.float64), types.float64, types.float64, types.int64[::1], types.uint8[::1])
def gather(values, center, scale, dense, used):
    """Count, missing, mean, sum of squared deviations, extremes, cells and counts of ``values``.

    Parameters
    ----------
    values
        Shape ``(n,)``, float64.
    center, scale
        The frame.
    dense, used
        Zeros to work in, int64 of shape ``(CELLS,)`` and uint8 of ``(GROUPS,)``; zeros again afterwards.
    """
    block, short = np.empty(_BLOCK), np.empty(_BLOCK, np.float32)
    count, missing, mean, m2, low, high = 0, 0, 0.0, 0.0, np.inf, -np.inf
    for start in range(0, values.size, _BLOCK):
        size, absent = _usable(values[start : start + _BLOCK], block)
        missing += absent
        if size == 0:
            continue
        part = block[:size]
        lowest, highest = _extremes(part)
        low, high = min(low, lowest), max(high, highest)
        # Chan, Golub and LeVeque (1983), as in NumericProfile.merge.
        own_mean = _sum(part) / size
        own_m2 = _squares(part, own_mean)
        gap, both = own_mean - mean, count + size
        mean = (count * mean + size * own_mean) / both
        m2 += own_m2 + gap * gap * (count * size / both)
        count = both
        _count(part, center, scale, short[:size], dense, used)
    if low == high:
        mean, m2 = low, 0.0
    cells, counts = _taken_out(dense, used)
    # Adding zero turns -0.0 into 0.0: equal numbers, whose bits would show in which order profiles merged.
    return count, missing, mean + 0.0, m2, low + 0.0, high + 0.0, cells, counts


@_compiled(_fixed(types.int32), _fixed(types.int64), _fixed(types.int32), _fixed(types.int64))
def merged(cells, counts, other_cells, other_counts):
    """Sum of two sparse histograms with ascending cells."""
    size = cells.size + other_cells.size
    both, sums = np.empty(size, np.int32), np.empty(size, np.int64)
    here, there, size = 0, 0, 0
    while here < cells.size or there < other_cells.size:
        if there == other_cells.size or (here < cells.size and cells[here] < other_cells[there]):
            both[size], sums[size] = cells[here], counts[here]
            here += 1
        elif here == cells.size or other_cells[there] < cells[here]:
            both[size], sums[size] = other_cells[there], other_counts[there]
            there += 1
        else:
            both[size], sums[size] = cells[here], counts[here] + other_counts[there]
            here, there = here + 1, there + 1
        size += 1
    return both[:size].copy(), sums[:size].copy()


@_compiled(_fixed(types.int32), _fixed(types.int64))
def total(cells, counts):
    """Sum of the counts; -1 when cells do not ascend, or not each count is above zero."""
    found = 0
    for k in range(cells.size):
        if counts[k] <= 0 or (k and cells[k] <= cells[k - 1]):
            return -1
        found += counts[k]
    return found
