"""Share of a window in categories that the reference never had."""

from __future__ import annotations

import math

import numpy as np

from trimtab.drift.registry import tabulated
from trimtab.profiles.cells import FloatArray

__all__ = ["new_categories"]


def _all_in_the_window(expected: FloatArray, found: FloatArray, at: FloatArray, value: float) -> float:
    """Probability that all events of the largest new category fall into the window, if the samples were dealt anew.

    Hypergeometric, and times the number of categories (Bonferroni): right whatever the reference did not see by chance.
    """
    size, total = float(found.sum()), float(expected.sum() + found.sum())
    most = float((found * (expected == 0)).max())
    if most == 0:
        return 1.0
    chance = (
        math.lgamma(size + 1) - math.lgamma(size - most + 1) - math.lgamma(total + 1) + math.lgamma(total - most + 1)
    )
    return min(1.0, expected.size * math.exp(min(0.0, chance)))


@tabulated("new_categories", "categorical", "categories", p_value=_all_in_the_window, rare=True)
def new_categories(expected: FloatArray, found: FloatArray, at: FloatArray) -> FloatArray:
    """Share of the window's values in categories that the reference did not have, 0 to 1.

    Of a reference with too many categories to be kept, the others are one category, which it had.

    Examples
    --------
    >>> from trimtab.profiles import CategoricalProfile
    >>> new_categories(CategoricalProfile({"a": 99}), CategoricalProfile({"a": 15}, new={"b": 5})).value
    0.25
    """
    return np.asarray((found * (expected == 0)).sum(axis=-1) / found.sum(axis=-1))
