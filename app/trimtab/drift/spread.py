"""Change of the spread."""

from __future__ import annotations

import math

import numpy as np
from scipy import special

from trimtab.drift.distribution import moments
from trimtab.drift.registry import tabulated
from trimtab.profiles.cells import FloatArray

__all__ = ["spread"]

_WINSORISED = 3.0  # interquartile ranges from the median: four standard deviations of a normal
_SMALLEST = 1e-3  # of an interquartile range: a constant's deviation, so that one which comes alive is seen


def _z_test(expected: FloatArray, found: FloatArray, at: FloatArray, value: float) -> float:
    """Two-sided z-test of the logarithms (delta method: the variance of ``ln s`` is ``(kurtosis - 1) / (4 n)``)."""
    n, m = float(expected.sum()), float(found.sum())
    _, variance, fourth = moments(expected + found, np.clip(at, -_WINSORISED, _WINSORISED))
    if variance == 0:
        return 1.0
    kurtosis = max(1.0 + 1e-9, float(fourth) / float(variance) ** 2)
    return float(special.erfc(value / math.sqrt((kurtosis - 1) / 4 * (1 / n + 1 / m) * 2)))


@tabulated("spread", "numeric", "cells", p_value=_z_test)
def spread(expected: FloatArray, found: FloatArray, at: FloatArray) -> FloatArray:
    """Logarithm of the ratio of the standard deviations, without its sign: 0.69 is twice, or half, the spread.

    Values are winsorised at three interquartile ranges from the reference's median, so that the few farthest do not
    decide alone. It does not see a shift.

    Raises
    ------
    ValueError
        The frames differ.

    Examples
    --------
    >>> from trimtab.profiles import Frame, NumericProfile
    >>> ramp = np.linspace(-1.0, 1.0, 1000)
    >>> reference = NumericProfile.of(ramp, Frame.of(ramp))
    >>> round(spread(reference, NumericProfile.of(ramp * 2, reference.frame)).value, 2)
    0.69
    """
    return np.abs(_log_deviation(expected, at) - _log_deviation(found, at))


def _log_deviation(counts: FloatArray, at: FloatArray) -> FloatArray:
    _, variance, _ = moments(counts, np.clip(at, -_WINSORISED, _WINSORISED))
    return np.log(np.maximum(np.sqrt(variance), _SMALLEST))
