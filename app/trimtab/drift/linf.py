"""L-infinity distance of a categorical feature."""

from __future__ import annotations

from trimtab.drift.binning import by_category
from trimtab.drift.registry import NOTHING, Measured, statistic
from trimtab.drift.significance import largest_difference
from trimtab.profiles import CategoricalProfile

__all__ = ["linf"]


@statistic("linf", kind="categorical")
def linf(reference: CategoricalProfile, current: CategoricalProfile) -> Measured:
    """Largest change of one category's share, 0 to 1 (as TensorFlow Data Validation has it).

    Categories that a reference with too many did not keep count as one. The p-value is a bound (exact
    tails summed over the categories), so it is rather too large.

    Examples
    --------
    >>> linf(CategoricalProfile({"a": 3, "b": 1}), CategoricalProfile({"a": 2, "b": 1}, other=1)).value
    0.25
    """
    if reference.count == 0 or current.count == 0:
        return NOTHING
    _, expected, found = by_category(reference, current)
    return Measured(*largest_difference(expected, found))
