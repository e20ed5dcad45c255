"""Wasserstein distance in standard deviations of the reference."""

from __future__ import annotations

import math

import numpy as np

from trimtab.drift.binning import require_same_frame
from trimtab.drift.registry import Measured, statistic
from trimtab.profiles import NumericProfile, cell_bounds
from trimtab.profiles.cells import CellArray, FloatArray, merge_cells

__all__ = ["wasserstein"]

FARTHEST = 10.0
"""Where values are winsorised, in interquartile ranges from the median (13.5 standard deviations of a normal)."""


@statistic("wasserstein", kind="numeric")
def wasserstein(reference: NumericProfile, current: NumericProfile) -> Measured:
    """Earth mover's distance over the reference's standard deviation: how many of them the values moved on average.

    Each value stands in the middle of its cell, so it is misplaced by at most a 64th of its distance from
    the centre. Values farther than ``FARTHEST`` count as that far, in the distance and the deviation: a
    single 1e6 would else shout in the window, or in the reference make the deviation so large that nothing
    is ever seen again. So a shift beyond that saturates. A constant reference has no deviation; the frame's
    scale stands in. It has no p-value: its null distribution depends on the feature's.

    Raises
    ------
    ValueError
        The frames differ.

    Examples
    --------
    >>> from trimtab.profiles import Frame
    >>> ramp = np.linspace(0.0, 1.0, 1000)
    >>> reference = NumericProfile.of(ramp, Frame.of(ramp))
    >>> moved = NumericProfile.of(ramp + ramp.std(), reference.frame)
    >>> round(wasserstein(reference, moved).value, 1)
    1.0
    """
    if reference.count == 0 or current.count == 0:
        return Measured(0.0, None)
    require_same_frame(reference, current)
    n, m = reference.count, current.count
    # In whole numbers, so that equal distributions are exactly zero apart.
    cells, steps = merge_cells(reference.cells, reference.counts * m, current.cells, -current.counts * n)
    lowest = min(reference.minimum, current.minimum)
    highest = max(reference.maximum, current.maximum)
    frame = reference.frame
    seen = ((lowest - frame.center) / frame.scale, (highest - frame.center) / frame.scale)
    at = _positions(cells, seen)
    distance = float((np.abs(np.cumsum(steps)[:-1]) / (n * m) * np.diff(at)).sum())
    own = at[np.searchsorted(cells, reference.cells)]
    mean = float((own * reference.counts).sum()) / n
    deviation = math.sqrt(float(((own - mean) ** 2 * reference.counts).sum()) / n)
    # Distances are in multiples of the frame's scale: undivided, they are what a constant reference asks for.
    return Measured(distance / deviation if reference.minimum < reference.maximum and deviation else distance, None)


def _positions(cells: CellArray, seen: tuple[float, float]) -> FloatArray:
    """Standardised place of each cell: its middle, winsorised, and no further out than values were ``seen``."""
    low, high = (np.clip(edge, -FARTHEST, FARTHEST) for edge in cell_bounds(cells))
    middle: FloatArray = np.clip((low + high) / 2, max(seen[0], -FARTHEST), min(seen[1], FARTHEST))
    return middle
