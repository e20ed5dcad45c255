"""Whether a window's metric is worse than the reference's by more than chance."""

from __future__ import annotations

import math

from trimtab.profiles import PerformanceProfile

__all__ = ["p_value_of_drop"]


def p_value_of_drop(metric: str, profile: PerformanceProfile, before: float, before_count: int) -> float | None:
    """P-value of a metric at least as bad, when nothing has changed; None for metrics whose spread is not kept.

    One-sided z-tests: of two shares for ``accuracy``; of two means for ``mae``, with the window's variance for both.

    Parameters
    ----------
    before, before_count
        The metric on the reference, and how many predictions it comes from.

    Examples
    --------
    >>> window = PerformanceProfile(count=100, confusion={("1", "1"): 70, ("1", "0"): 30})
    >>> round(p_value_of_drop("accuracy", window, before=0.75, before_count=5_000), 2)
    0.13
    """
    if not profile.count or not before_count:
        return None
    unit = 1 / profile.count + 1 / before_count
    if metric == "accuracy":
        right = sum(n for (label, prediction), n in profile.confusion.items() if label == prediction)
        share = (right + before * before_count) / (profile.count + before_count)
        drop, variance = before - right / profile.count, share * (1 - share)
    elif metric == "mae":
        mean = profile.abs_error_sum / profile.count
        drop, variance = mean - before, max(0.0, profile.squared_error_sum / profile.count - mean * mean)
    else:
        return None
    if variance <= 0:
        return 0.0 if drop > 0 else 1.0
    return 0.5 * math.erfc(drop / math.sqrt(2 * variance * unit))
