"""Jensen-Shannon distance."""

from __future__ import annotations

import math

import numpy as np
from scipy import special

from trimtab.drift.registry import tabulated
from trimtab.drift.shares import normalised, pearson
from trimtab.profiles.cells import FloatArray

__all__ = ["categorical_jensen_shannon", "jensen_shannon"]


@tabulated("js", "numeric", "twentieths", p_value=pearson, weight=0.25)
def jensen_shannon(expected: FloatArray, found: FloatArray, at: FloatArray) -> FloatArray:
    """Jensen-Shannon distance over the reference's 20-quantiles: the root of the divergence in bits, 0 to 1.

    Base 2 makes disjoint distributions 1; a normal feature has 0.2 after half a standard deviation. It is
    finite with empty bins, so nothing is added to them (Lin, 1991; Endres and Schindelin, 2003, for the
    root being a metric). The p-value is Pearson's on the same bins, to which ``2 N`` times the divergence
    is asymptotically equal.

    Raises
    ------
    ValueError
        The frames differ.

    Examples
    --------
    >>> from trimtab.profiles import IDENTITY, NumericProfile
    >>> low, high = (NumericProfile.of(np.full(100, x), IDENTITY) for x in (0.0, 9.0))
    >>> jensen_shannon(low, high).value
    1.0
    """
    return _distance(normalised(expected), normalised(found))


@tabulated("js", "categorical", "categories", p_value=pearson, rare=True)
def categorical_jensen_shannon(expected: FloatArray, found: FloatArray, at: FloatArray) -> FloatArray:
    """Jensen-Shannon distance over the categories, 0 to 1.

    Examples
    --------
    >>> from trimtab.profiles import CategoricalProfile
    >>> categorical_jensen_shannon(CategoricalProfile({"a": 9}), CategoricalProfile({"b": 9})).value
    1.0
    """
    return _distance(normalised(expected), normalised(found))


def _distance(p: FloatArray, q: FloatArray) -> FloatArray:
    middle = (p + q) / 2
    divergence = (special.rel_entr(p, middle) + special.rel_entr(q, middle)).sum(axis=-1) / 2
    # Rounding can leave a negative ulp where the root wants zero, or exceed one.
    return np.asarray(np.sqrt(np.clip(divergence / math.log(2), 0.0, 1.0)))
