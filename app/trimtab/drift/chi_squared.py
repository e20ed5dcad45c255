"""Chi-squared test of a categorical feature, with Cramér's V as its effect."""

from __future__ import annotations

import numpy as np

from trimtab.drift.registry import tabulated
from trimtab.drift.shares import normalised, pearson
from trimtab.profiles.cells import FloatArray

__all__ = ["chi_squared"]


@tabulated("chi2", "categorical", "categories", p_value=pearson, rare=True)
def chi_squared(expected: FloatArray, found: FloatArray, at: FloatArray) -> FloatArray:
    """Cramér's V between category and sample, 0 to 1, with the p-value of the chi-squared test.

    V is that of two samples of equal size with these shares, ``sqrt(sum((p - q)**2 / (p + q)) / 2)``: plain
    V falls with the root of the sizes' ratio, so that a window of 200 against a reference of 100,000 would
    hardly reach 0.04 however much it drifted. For equal sizes both agree (Cramér, 1946, section 21.9).
    Disjoint samples have 1. Categories that a reference with too many did not keep count as one.

    Examples
    --------
    >>> from trimtab.profiles import CategoricalProfile
    >>> before, after = CategoricalProfile({"a": 900, "b": 100}), CategoricalProfile({"a": 50, "b": 50})
    >>> chi_squared(before, after).value > 0.3
    True
    """
    p, q = normalised(expected), normalised(found)
    both = p + q
    terms = np.square(p - q) / np.where(both > 0, both, 1.0)
    return np.asarray(np.sqrt(np.minimum(terms.sum(axis=-1) / 2, 1.0)))
