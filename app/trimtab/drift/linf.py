"""L-infinity distance of a categorical feature."""

from __future__ import annotations

import numpy as np

from trimtab.drift.registry import tabulated
from trimtab.drift.shares import normalised
from trimtab.drift.significance import largest_difference
from trimtab.profiles.cells import FloatArray

__all__ = ["linf"]


def _bound(expected: FloatArray, found: FloatArray, at: FloatArray, value: float) -> float:
    return largest_difference(expected, found)[1]


@tabulated("linf", "categorical", "categories", p_value=_bound)
def linf(expected: FloatArray, found: FloatArray, at: FloatArray) -> FloatArray:
    """Largest change of one category's share, 0 to 1 (as TensorFlow Data Validation has it).

    Categories that a reference with too many did not keep count as one. The p-value is a bound (exact
    tails summed over the categories), so it is rather too large.

    Examples
    --------
    >>> from trimtab.profiles import CategoricalProfile
    >>> linf(CategoricalProfile({"a": 3, "b": 1}), CategoricalProfile({"a": 2, "b": 1}, other=1)).value
    0.25
    """
    return np.asarray(np.abs(normalised(found) - normalised(expected)).max(axis=-1))
