"""Wasserstein distance in standard deviations of the reference."""

from __future__ import annotations

import numpy as np

from trimtab.drift.distribution import difference, moments
from trimtab.drift.registry import tabulated
from trimtab.drift.tables import FARTHEST
from trimtab.profiles.cells import FloatArray

__all__ = ["FARTHEST", "unit", "wasserstein"]


@tabulated("wasserstein", "numeric", "cells")
def wasserstein(expected: FloatArray, found: FloatArray, at: FloatArray) -> FloatArray:
    """Earth mover's distance over the reference's standard deviation: how many of them the values moved on average.

    Each value stands in the middle of its cell, so it is misplaced by at most a 64th of its distance from
    the centre. Values farther than ``FARTHEST`` count as that far, in the distance and the deviation: a
    single 1e6 would else shout in the window, or in the reference make the deviation so large that nothing
    is ever seen again. So a shift beyond that saturates. A constant reference has no deviation; the frame's
    scale stands in. It has no p-value by formula: its null distribution depends on the feature's.

    Raises
    ------
    ValueError
        The frames differ.

    Examples
    --------
    >>> from trimtab.profiles import Frame, NumericProfile
    >>> ramp = np.linspace(0.0, 1.0, 1000)
    >>> reference = NumericProfile.of(ramp, Frame.of(ramp))
    >>> moved = NumericProfile.of(ramp + ramp.std(), reference.frame)
    >>> round(wasserstein(reference, moved).value, 1)
    1.0
    """
    distance = (np.abs(difference(expected, found)[..., :-1]) * np.diff(at)).sum(axis=-1)
    return np.asarray(distance / unit(expected, at))


def unit(expected: FloatArray, at: FloatArray) -> FloatArray:
    """Standard deviation of the reference; 1, the frame's scale, where there is none."""
    _, variance, _ = moments(expected, at)
    spread = (expected > 0).sum(axis=-1) > 1
    return np.where(spread & (variance > 0), np.sqrt(variance), 1.0)
