"""Chi-squared test of a categorical feature, with Cramér's V as its effect."""

from __future__ import annotations

import math

from trimtab.drift.binning import by_category
from trimtab.drift.registry import NOTHING, Measured, statistic
from trimtab.drift.significance import homogeneity
from trimtab.profiles import CategoricalProfile

__all__ = ["chi_squared"]


@statistic("chi2", kind="categorical")
def chi_squared(reference: CategoricalProfile, current: CategoricalProfile) -> Measured:
    """Cramér's V between category and sample, 0 to 1, with the p-value of the chi-squared test.

    V is that of two samples of equal size with these shares, ``sqrt(sum((p - q)**2 / (p + q)) / 2)``: plain
    V falls with the root of the sizes' ratio, so that a window of 200 against a reference of 100,000 would
    hardly reach 0.04 however much it drifted. For equal sizes both agree (Cramér, 1946, section 21.9).
    Disjoint samples have 1. Categories that a reference with too many did not keep count as one.

    Examples
    --------
    >>> before, after = CategoricalProfile({"a": 900, "b": 100}), CategoricalProfile({"a": 50, "b": 50})
    >>> chi_squared(before, after).value > 0.3
    True
    """
    if reference.count == 0 or current.count == 0:
        return NOTHING
    _, expected, found = by_category(reference, current)
    p, q = expected / expected.sum(), found / found.sum()
    return Measured(math.sqrt(min(1.0, float(((p - q) ** 2 / (p + q)).sum()) / 2)), homogeneity(expected, found))
