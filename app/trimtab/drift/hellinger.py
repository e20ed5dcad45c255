"""Hellinger distance."""

from __future__ import annotations

import numpy as np

from trimtab.drift.registry import tabulated
from trimtab.drift.shares import normalised, pearson
from trimtab.profiles.cells import FloatArray

__all__ = ["categorical_hellinger", "hellinger"]


@tabulated("hellinger", "numeric", "twentieths", p_value=pearson)
def hellinger(expected: FloatArray, found: FloatArray, at: FloatArray) -> FloatArray:
    """Hellinger distance over the reference's 20-quantiles, 0 to 1: ``sqrt(sum((sqrt(p) - sqrt(q))**2) / 2)``.

    A normal feature has 0.17 after half a standard deviation. The p-value is Pearson's on the same bins: ``8 N`` times
    the squared distance is asymptotically Pearson's statistic (Read and Cressie, 1988: Freeman-Tukey).

    Raises
    ------
    ValueError
        The frames differ.

    Examples
    --------
    >>> from trimtab.profiles import IDENTITY, NumericProfile
    >>> low, high = (NumericProfile.of(np.full(100, x), IDENTITY) for x in (0.0, 9.0))
    >>> round(hellinger(low, high).value, 9)
    1.0
    """
    return _distance(expected, found)


@tabulated("hellinger", "categorical", "categories", p_value=pearson, rare=True)
def categorical_hellinger(expected: FloatArray, found: FloatArray, at: FloatArray) -> FloatArray:
    """Hellinger distance over the categories, 0 to 1.

    Examples
    --------
    >>> from trimtab.profiles import CategoricalProfile
    >>> categorical_hellinger(CategoricalProfile({"a": 9}), CategoricalProfile({"b": 9})).value
    1.0
    """
    return _distance(expected, found)


def _distance(expected: FloatArray, found: FloatArray) -> FloatArray:
    roots = np.sqrt(normalised(expected)) - np.sqrt(normalised(found))
    return np.asarray(np.sqrt(np.minimum(np.square(roots).sum(axis=-1) / 2, 1.0)))
