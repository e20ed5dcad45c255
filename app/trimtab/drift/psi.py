"""Population stability index."""

from __future__ import annotations

import numpy as np

from trimtab.drift.registry import tabulated
from trimtab.drift.shares import pearson, smoothed
from trimtab.profiles.cells import FloatArray

__all__ = ["categorical_psi", "psi"]


@tabulated("psi", "numeric", "tenths", order=2, p_value=pearson, weight=0.25)
def psi(expected: FloatArray, found: FloatArray, at: FloatArray) -> FloatArray:
    """PSI over the reference's deciles: the sum of ``(q - p) ln(q / p)``; nats, from 0, unbounded.

    Half an event is added to every bin of both sides (Krichevsky and Trofimov's 1/2), so that an empty bin
    costs about ``ln(2 n)`` times its share instead of infinity. An outlier is one event in the outermost
    bin, wherever it lies. By custom 0.1 is a small shift and 0.25 a large one (Siddiqi, 2006); 0.25 is what
    a normal feature has after half a standard deviation. The p-value is Pearson's on the same bins, which
    PSI approaches for small shifts (Yurdakul, 2018) but which holds at smaller counts.

    Raises
    ------
    ValueError
        The frames differ.

    Examples
    --------
    >>> from trimtab.profiles import Frame, NumericProfile
    >>> ramp = np.linspace(0.0, 1.0, 1000)
    >>> reference = NumericProfile.of(ramp, Frame.of(ramp))
    >>> psi(reference, reference)
    Measured(value=0.0, p_value=1.0)
    >>> psi(reference, NumericProfile.of(ramp + 0.2, reference.frame)).value > 0.25
    True
    """
    return _index(expected, found)


@tabulated("psi", "categorical", "categories", order=2, p_value=pearson, rare=True)
def categorical_psi(expected: FloatArray, found: FloatArray, at: FloatArray) -> FloatArray:
    """PSI over the categories, as :func:`psi` has it over bins.

    Examples
    --------
    >>> from trimtab.profiles import CategoricalProfile
    >>> before, after = CategoricalProfile({"a": 900, "b": 100}), CategoricalProfile({"a": 50, "b": 50})
    >>> categorical_psi(before, after).value > 0.25
    True
    """
    return _index(expected, found)


def _index(expected: FloatArray, found: FloatArray) -> FloatArray:
    p, q = smoothed(expected, found)
    return np.asarray(((q - p) * np.log(q / p)).sum(axis=-1))
