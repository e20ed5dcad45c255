"""P-values of two samples that were counted into the same bins."""

from __future__ import annotations

import numpy as np
from scipy import special

from trimtab.profiles.cells import FloatArray

__all__ = ["homogeneity", "largest_difference"]

_LEAST_EXPECTED = 5.0


def homogeneity(reference: FloatArray, current: FloatArray) -> float:
    """P-value of Pearson's chi-squared test that both counts are draws from one distribution.

    Bins in which either sample is expected to have fewer than 5 are put together first (Cochran, 1954): the
    approximation is too eager on them, and with many rare bins would cry wolf. The pooling looks only at
    the sum of both samples, which under the null tells nothing about their difference.

    Parameters
    ----------
    reference, current
        Counts, shape ``(k,)`` each, neither all zero.

    Examples
    --------
    >>> round(homogeneity(np.array([50.0, 50.0]), np.array([30.0, 70.0])), 4)
    0.0039
    """
    both = np.stack((reference, current))
    size = both.sum(axis=1)
    rare = both.sum(axis=0) * (size.min() / size.sum()) < _LEAST_EXPECTED
    if rare.any():
        kept, rest = both[:, ~rare], both[:, rare].sum(axis=1)
        if kept.size and rest.sum() * (size.min() / size.sum()) < _LEAST_EXPECTED:
            smallest = int(kept.sum(axis=0).argmin())
            kept[:, smallest] += rest
        else:
            kept = np.column_stack((kept, rest))
        both = kept
    freedom = both.shape[1] - 1
    if freedom == 0:
        # Pooling left nothing to compare; the bound needs no least count.
        return largest_difference(reference, current)[1]
    expected = np.outer(size, both.sum(axis=0)) / size.sum()
    chi2 = float(((both - expected) ** 2 / expected).sum())
    return float(special.chdtrc(freedom, chi2))


def largest_difference(reference: FloatArray, current: FloatArray) -> tuple[float, float]:
    """Largest difference of the two samples' shares over all bins, and a p-value that errs on the large side.

    Given how many events a bin has in both samples together, those of the current one are hypergeometric
    under the null. The binomial of the same mean spreads at least as wide (Hoeffding, 1963), and its tails
    have a fast exact form, right for bins with a handful of events too. They are summed over the bins
    (Bonferroni).

    Parameters
    ----------
    reference, current
        Counts, shape ``(k,)`` each, neither all zero.

    Examples
    --------
    >>> value, p_value = largest_difference(np.array([500.0, 500.0]), np.array([30.0, 70.0]))
    >>> round(value, 3), round(p_value, 4)
    (0.2, 0.0064)
    """
    first, second = float(reference.sum()), float(current.sum())
    value = float(np.abs(current / second - reference / first).max())
    if value == 0:
        return 0.0, 1.0
    pooled = reference + current
    if pooled.size == 2:
        pooled = pooled[:1]  # the second bin's difference is the first's: one event, not two to be summed
    # Whether one counts a bin's events or all others is the same question; the fewer have the tighter bound.
    pooled = np.minimum(pooled, first + second - pooled)
    unit = 1 / first + 1 / second
    # With x of a bin's events in the current sample, its shares differ by x * unit - pooled / first. The slack
    # counts an equal difference as equal in spite of rounding, on the side of a larger p-value.
    slack = 1e-6
    upper = np.ceil((pooled / first + value) / unit - slack)
    lower = np.floor((pooled / first - value) / unit + slack)
    share = second / (first + second)
    tails = _binomial_from(upper, pooled, share) + _binomial_to(lower, pooled, share)
    return value, min(1.0, float(tails.sum()))


def _binomial_from(least: FloatArray, draws: FloatArray, share: float) -> FloatArray:
    """Probability of at least ``least`` of ``draws``."""
    inside = (least > 0) & (least <= draws)
    tail = special.betainc(np.where(inside, least, 1), np.where(inside, draws - least + 1, 1), share)
    return np.where(inside, tail, np.where(least > draws, 0.0, 1.0))


def _binomial_to(most: FloatArray, draws: FloatArray, share: float) -> FloatArray:
    """Probability of at most ``most`` of ``draws``."""
    inside = (most >= 0) & (most < draws)
    tail = special.betainc(np.where(inside, draws - most, 1), np.where(inside, most + 1, 1), 1 - share)
    return np.where(inside, tail, np.where(most < 0, 0.0, 1.0))
