"""Shift of the mean."""

from __future__ import annotations

import math

import numpy as np
from scipy import special

from trimtab.drift.distribution import moments
from trimtab.drift.registry import tabulated
from trimtab.drift.wasserstein import unit
from trimtab.profiles.cells import FloatArray

__all__ = ["mean_shift"]


def _z_test(expected: FloatArray, found: FloatArray, at: FloatArray, value: float) -> float:
    """Two-sided z-test with the variance of both samples together, since under the null it is the same."""
    n, m = float(expected.sum()), float(found.sum())
    _, variance, _ = moments(expected + found, at)
    deviation = math.sqrt(float(variance) * (1 / n + 1 / m))
    if deviation == 0:
        return 1.0
    z = value * float(unit(expected, at)) / deviation
    return float(special.erfc(z / math.sqrt(2)))


@tabulated("mean", "numeric", "cells", p_value=_z_test)
def mean_shift(expected: FloatArray, found: FloatArray, at: FloatArray) -> FloatArray:
    """Difference of the means in standard deviations of the reference, without its sign (Glass's delta, 1976).

    Of all statistics here it sees a plain shift soonest, and a change of shape not at all. Values stand in the middle
    of their cells and are winsorised as for :func:`wasserstein`, so one of 1e6 counts for little.

    Raises
    ------
    ValueError
        The frames differ.

    Examples
    --------
    >>> from trimtab.profiles import Frame, NumericProfile
    >>> ramp = np.linspace(0.0, 1.0, 1000)
    >>> reference = NumericProfile.of(ramp, Frame.of(ramp))
    >>> round(mean_shift(reference, NumericProfile.of(ramp - ramp.std(), reference.frame)).value, 1)
    1.0
    """
    n, m = expected.sum(axis=-1, keepdims=True), found.sum(axis=-1, keepdims=True)
    # In whole numbers, so that equal distributions are exactly zero apart.
    moved = np.abs(((expected * m - found * n) * at).sum(axis=-1)) / (n * m)[..., 0]
    return np.asarray(moved / unit(expected, at))
