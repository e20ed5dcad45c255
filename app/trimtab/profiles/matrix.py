"""Profiles of many features of the same events at once: the fixed cost of NumPy is paid once, not once a feature."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from trimtab.profiles.cells import LAST_CELL, CellArray, CountArray, cells_of
from trimtab.profiles.frame import LARGEST, Frame
from trimtab.profiles.numeric import NumericProfile

__all__ = ["AT_ONCE", "numeric_profiles"]

_SPAN = 2 * (LAST_CELL + 1)  # cells of one feature
AT_ONCE = 512  # events; beyond, one feature after the other is faster, since its values stay in the cache


def numeric_profiles(values: npt.NDArray[np.float64], frames: Sequence[Frame]) -> list[NumericProfile]:
    """Profile each row of ``values`` in its frame, as :meth:`NumericProfile.of` does.

    Parameters
    ----------
    values
        Shape ``(k, n)``: ``k`` features of ``n`` events; NaN is missing.
    frames
        ``k`` frames.

    Returns
    -------
    ``k`` profiles: counts, extremes and cells equal to those of :meth:`NumericProfile.of`, mean and second moment
    up to rounding.

    Examples
    --------
    >>> [p.mean for p in numeric_profiles(np.array([[1.0, 3.0], [5.0, np.nan]]), [Frame(0.0, 1.0)] * 2)]
    [2.0, 5.0]
    """
    width, count = values.shape
    if not width:
        return []
    if not count or count > AT_ONCE:
        return [NumericProfile.of(row, frame) for row, frame in zip(values, frames, strict=True)]
    with np.errstate(invalid="ignore"):
        low, high = values.min(axis=1), values.max(axis=1)
        whole = (low >= -LARGEST) & (high <= LARGEST)  # a NaN makes both false
    if not whole.all():
        return _mixed(values, frames, whole)
    low, high = low + 0.0, high + 0.0  # -0.0 becomes 0.0
    mean = values.mean(axis=1) + 0.0
    mean = np.where(low == high, low, mean)  # a constant has exactly no spread
    deviations = values - mean[:, None]
    m2 = np.einsum("ij,ij->i", deviations, deviations)
    center, scale = np.array([(frame.center, frame.scale) for frame in frames]).T[:, :, None]
    histograms = _histograms(cells_of(values, center, scale))
    scalars = zip(mean.tolist(), m2.tolist(), low.tolist(), high.tolist(), frames, histograms, strict=True)
    return [NumericProfile(count, 0, 0, m, s, lo, hi, frame, *cells) for m, s, lo, hi, frame, cells in scalars]


def _mixed(
    values: npt.NDArray[np.float64], frames: Sequence[Frame], whole: npt.NDArray[np.bool_]
) -> list[NumericProfile]:
    """Rows with missing or huge values one by one, the others at once."""
    clean = np.flatnonzero(whole).tolist()
    at_once = iter(numeric_profiles(values[clean], [frames[k] for k in clean]) if clean else ())
    return [
        next(at_once) if fine else NumericProfile.of(row, frame)
        for row, frame, fine in zip(values, frames, whole, strict=True)
    ]


def _histograms(cells: CellArray) -> list[tuple[CellArray, CountArray]]:
    """Occupied cells ascending and their counts, by feature; ``cells`` has shape ``(k, n)``."""
    width = cells.shape[0]
    shifts = np.arange(width, dtype=np.int32) * _SPAN + (LAST_CELL + 1)
    numbers, counts = np.unique(cells + shifts[:, None], return_counts=True)
    edges = np.searchsorted(numbers, np.arange(width + 1) * _SPAN).tolist()
    spans = zip(edges[:-1], edges[1:], shifts, strict=True)
    return [(numbers[start:end] - shift, counts[start:end].copy()) for start, end, shift in spans]
