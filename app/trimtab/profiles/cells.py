"""Float-cell histogram: the top bits of a float are a bin number that costs no search.

A value is standardised by its frame and rounded to float32. Of its 32 bits the top 14 (sign, 8 bits of
exponent, 5 of mantissa) are the cell. Bits of a positive float are ordered like the float; a negative one
is mirrored, so that cell order is value order. Cell ``k >= 0`` mirrors cell ``-1 - k``; zero is in cell 0.

A cell is at most ``CELL_RELATIVE_WIDTH`` (1/32) of its lower magnitude wide, wherever on the line: no range
has to be guessed and no outlier widens anybody else's cell. The two exceptions are magnitudes under
2**-126, whose cells have an absolute width of 2**-131, and those beyond float32 (3.4e38), which share the
outermost cell. Edges hold to float32 rounding (6e-8 relative).
"""

from __future__ import annotations

from functools import cache
from types import ModuleType

import numpy as np
import numpy.typing as npt

from trimtab.profiles.frame import Frame

__all__ = [
    "CELL_RELATIVE_WIDTH",
    "LAST_CELL",
    "CellArray",
    "CountArray",
    "FloatArray",
    "cell_bounds",
    "cell_index",
    "kernels",
    "merge_cells",
]

CellArray = npt.NDArray[np.int32]
CountArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

_SHIFT = 18  # 32 bits of float32 less the 14 kept
_MANTISSA_BITS = 5
CELL_RELATIVE_WIDTH = 2.0**-_MANTISSA_BITS
LAST_CELL = 255 << _MANTISSA_BITS  # exponent of infinity: everything beyond float32
_FLOAT32_MAX = float(np.finfo(np.float32).max)


@cache
def kernels() -> ModuleType:
    """The compiled loops; loading them takes a moment, which a process that needs them takes at its start."""
    from trimtab.profiles import loops

    return loops


def cell_index(values: FloatArray, frame: Frame) -> CellArray:
    """Cell number of each value; monotone in the value.

    Parameters
    ----------
    values
        Shape ``(n,)``, in the feature's unit, finite.
    frame
        Origin and unit of the cells.

    Returns
    -------
    Shape ``(n,)``, from ``-1 - LAST_CELL`` to ``LAST_CELL``. A NaN has no meaningful cell: filter first.

    Examples
    --------
    >>> cell_index(np.array([-1.0, 0.0, 1.0, 1.03, 1.04]), Frame(0.0, 1.0)).tolist()
    [-4065, 0, 4064, 4064, 4065]
    """
    # Overflow to infinity and underflow to zero are what the outermost and innermost cells are for.
    with np.errstate(over="ignore", under="ignore"):
        standardised = np.subtract(values, frame.center)
        standardised /= frame.scale
        short = standardised.astype(np.float32)
    short += np.float32(0)  # -0.0 becomes 0.0, so that zero has one cell
    bits = short.view(np.int32)
    cells: CellArray = bits >> 31  # all ones when negative
    cells &= np.int32(0x7FFFFFFF)
    cells ^= bits
    cells >>= _SHIFT
    return cells


def cell_bounds(index: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Lower and upper edge of each cell, in standardised units: multiples of the scale from the centre.

    Non-negative cells hold ``[low, high)``, negative ones ``(low, high]``. The outermost edges are infinite.

    Parameters
    ----------
    index
        Cell numbers, shape ``(n,)`` or one number.

    Returns
    -------
    Two float64 arrays of the shape of ``index``.

    Raises
    ------
    ValueError
        A number that is no cell.

    Examples
    --------
    >>> low, high = cell_bounds(4064)
    >>> float(low), float(high)
    (1.0, 1.03125)
    """
    at = np.asarray(index) + (LAST_CELL + 1)
    if at.size and not 0 <= int(at.min()) <= int(at.max()) < _LOW.size:
        raise ValueError(f"cells run from {-1 - LAST_CELL} to {LAST_CELL}")
    return _LOW[at], _HIGH[at]


def _edge(magnitude: CountArray) -> FloatArray:
    """Smallest magnitude of a cell; infinity's own bits stand for the end of float32."""
    edge = (magnitude << _SHIFT).astype(np.int32).view(np.float32).astype(np.float64)
    return np.minimum(edge, _FLOAT32_MAX)


def _all_bounds() -> tuple[FloatArray, FloatArray]:
    cells = np.arange(-1 - LAST_CELL, LAST_CELL + 1)
    magnitude = np.where(cells >= 0, cells, -1 - cells)
    near = _edge(magnitude)
    far = np.where(magnitude == LAST_CELL, np.inf, _edge(np.minimum(magnitude + 1, LAST_CELL)))
    positive = cells >= 0
    return np.where(positive, near, -far), np.where(positive, far, -near)


_LOW, _HIGH = _all_bounds()


def merge_cells(
    cells: CellArray, counts: CountArray, other_cells: CellArray, other_counts: CountArray
) -> tuple[CellArray, CountArray]:
    """Sum of two sparse histograms, exact and independent of the order."""
    both: tuple[CellArray, CountArray] = kernels().merged(cells, counts, other_cells, other_counts)
    return both
