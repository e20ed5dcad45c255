"""Population stability index."""

from __future__ import annotations

import numpy as np

from trimtab.drift.binning import binned
from trimtab.drift.registry import NOTHING, Measured, statistic
from trimtab.drift.significance import homogeneity
from trimtab.profiles import NumericProfile

__all__ = ["psi"]

BINS = 10
_PSEUDO_COUNT = 0.5


@statistic("psi", kind="numeric")
def psi(reference: NumericProfile, current: NumericProfile) -> Measured:
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
    >>> from trimtab.profiles import Frame
    >>> ramp = np.linspace(0.0, 1.0, 1000)
    >>> reference = NumericProfile.of(ramp, Frame.of(ramp))
    >>> psi(reference, reference)
    Measured(value=0.0, p_value=1.0)
    >>> psi(reference, NumericProfile.of(ramp + 0.2, reference.frame)).value > 0.25
    True
    """
    if reference.count == 0 or current.count == 0:
        return NOTHING
    expected, found = binned(reference, current, BINS)
    p = (expected + _PSEUDO_COUNT) / (expected + _PSEUDO_COUNT).sum()
    q = (found + _PSEUDO_COUNT) / (found + _PSEUDO_COUNT).sum()
    return Measured(float(((q - p) * np.log(q / p)).sum()), homogeneity(expected, found))
