"""Change of the missing rate."""

from __future__ import annotations

import numpy as np

from trimtab.drift.registry import NOTHING, Measured, statistic
from trimtab.drift.significance import largest_difference
from trimtab.profiles import CategoricalProfile, NumericProfile

__all__ = ["missing_rate"]


@statistic("missing_rate", kind="any")
def missing_rate(
    reference: NumericProfile | CategoricalProfile, current: NumericProfile | CategoricalProfile
) -> Measured:
    """Absolute difference of the share of events without a usable value, 0 to 1.

    Unusable is what is missing and, of numbers, what is not finite. The p-value is a bound, so it is rather
    too large.

    Examples
    --------
    >>> missing_rate(CategoricalProfile({"a": 100}), CategoricalProfile({"a": 15}, missing=5)).value
    0.25
    """
    if reference.total == 0 or current.total == 0:
        return NOTHING
    before, after = (
        np.array([profile.total - profile.count, profile.count], dtype=float) for profile in (reference, current)
    )
    return Measured(*largest_difference(before, after))
