"""Checks of one feature in one window."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from trimtab.config import CategoricalFeature, Feature, NumericFeature, QualitySpec
from trimtab.profiles import CategoricalProfile, NumericProfile, cell_bounds
from trimtab.profiles.cells import FloatArray
from trimtab.profiles.remembered import Remembered

__all__ = ["CHECKS", "Problem", "problems"]

Profile = NumericProfile | CategoricalProfile

_LEAST = 20  # values; of fewer neither a constant nor a unit can be told
_SAME_FACTOR = math.log(1.3)  # within it location and spread have changed by the same factor
_NEAREST_EXTREME = 10.0  # interquartile ranges: nothing closer to the median is ever corrupt
_LEAST_RATIO = 1.5
_POWER = 6


class Problem(NamedTuple):
    """One thing that is wrong.

    Parameters
    ----------
    check
        Its name.
    value, limit
        What was measured, and beyond what it is wrong: shares from 0 to 1, or a factor for ``unit_change``.
    """

    check: str
    value: float
    limit: float


Check = Callable[[Profile, Profile, Feature, QualitySpec], float | None]


def problems(before: Profile, after: Profile, feature: Feature, spec: QualitySpec) -> Iterator[Problem]:
    """What is wrong with ``after``, compared with its reference ``before`` in the same frame.

    Examples
    --------
    >>> from trimtab.profiles import Frame
    >>> pressures = np.linspace(1_000.0, 1_030.0, 500)
    >>> frame = Frame.of(pressures)
    >>> before = NumericProfile.of(pressures, frame)
    >>> after = NumericProfile.of(np.append(pressures[:99], 5_503.8), frame)
    >>> list(problems(before, after, NumericFeature(), QualitySpec()))
    [Problem(check='corrupt', value=0.01, limit=0.0)]
    """
    if before.count < _LEAST or after.count < _LEAST:
        return
    for name, (check, limit_of) in CHECKS.items():
        limit = limit_of(spec)
        value = None if limit is None else check(before, after, feature, spec)
        if value is not None and limit is not None and value > limit:
            yield Problem(name, value, limit)


def constant(before: Profile, after: Profile, feature: Feature, spec: QualitySpec) -> float | None:
    """1 when all values are equal, though the reference's were not: a sensor that hangs, a default that fills in."""
    if isinstance(before, NumericProfile) and isinstance(after, NumericProfile):
        hangs = after.minimum == after.maximum and before.minimum < before.maximum
        # In a reference that nearly is a constant, a window that is one is no news.
        return float(hangs and before.counts.max() <= before.count / 2)
    if isinstance(before, CategoricalProfile) and isinstance(after, CategoricalProfile):
        most = max(before.counts.values(), default=0)
        return float(len(after.counts) + len(after.new) == 1 and after.other == 0 and most <= before.count / 2)
    return None


def out_of_domain(before: Profile, after: Profile, feature: Feature, spec: QualitySpec) -> float | None:
    """Share of the values outside the configured domain; of numbers, those surely outside, by whole cells."""
    if isinstance(feature, CategoricalFeature) and isinstance(after, CategoricalProfile):
        if not feature.values:
            return None
        known = set(feature.values)
        outside = sum(n for name, n in (*after.counts.items(), *after.new.items()) if name not in known)
        return (outside + after.other) / after.count
    if not isinstance(feature, NumericFeature) or not isinstance(after, NumericProfile):
        return None
    outside = 0
    if feature.min is not None and after.minimum < feature.min:
        outside += max(1, int(after.counts[_edges(after)[1] <= feature.min].sum()))
    if feature.max is not None and after.maximum > feature.max:
        outside += max(1, int(after.counts[_edges(after)[0] >= feature.max].sum()))
    return outside / after.count


def new_categories(before: Profile, after: Profile, feature: Feature, spec: QualitySpec) -> float | None:
    """Share of the values whose category the reference has none of, less what it had not seen itself.

    As much was unseen as was seen once (Good 1953). Categories outside the domain are left to :func:`out_of_domain`;
    of a reference with more categories than were kept nothing can be told.
    """
    if not isinstance(before, CategoricalProfile) or not isinstance(after, CategoricalProfile) or before.other:
        return None
    allowed = set(feature.values) if isinstance(feature, CategoricalFeature) and feature.values else None
    found = {name: n for name, n in after.new.items() if allowed is None or name in allowed}
    once = sum(1 for n in before.counts.values() if n == 1)
    more = 0 if allowed is not None else after.other
    return max(0.0, (sum(found.values()) + more) / after.count - once / before.count)


def corrupt(before: Profile, after: Profile, feature: Feature, spec: QualitySpec) -> float | None:
    """Share of values so far from the median that the reference's own tail has none of them.

    Let ``a`` and ``b`` be the distances within which 95 % and 99.5 % of the reference lie. If its tail is a power law,
    a distance of ``b * (b / a)**6`` is exceeded with probability ``0.005 * 10**-6``, and with lighter tails more rarely
    still. Values beyond it (and beyond ten interquartile ranges) are no part of that distribution: a 999 for missing,
    a slipped decimal point, a broken sensor.
    """
    if not isinstance(before, NumericProfile) or not isinstance(after, NumericProfile):
        return None
    limit = _of_reference(before).extreme
    if limit is None:
        return None
    frame = after.frame
    farthest = max(after.maximum - frame.center, frame.center - after.minimum) / frame.scale
    if farthest < limit and not after.non_finite:
        return 0.0
    low, high = cell_bounds(after.cells)
    far = np.where(after.cells >= 0, low, -high) >= limit
    return float(after.counts[far].sum()) / after.count + after.non_finite / max(1, after.total)


def extreme(before: NumericProfile) -> float | None:
    """Distance from the median beyond which a value is corrupt, in interquartile ranges.

    None when it cannot be told: half of the reference is one value, so that nothing is known of its range.
    """
    if before.counts.max() > before.count / 2:
        return None
    low, high = cell_bounds(before.cells)
    far = np.where(before.cells >= 0, high, -low)
    order = np.argsort(far)
    cumulative = np.cumsum(before.counts[order]) / before.count
    last = far.size - 1
    inner, outer = (float(far[order[min(int(np.searchsorted(cumulative, q)), last)]]) for q in (0.95, 0.995))
    if inner <= 0 or not math.isfinite(outer):
        return None
    return max(_NEAREST_EXTREME, outer * max(_LEAST_RATIO, outer / inner) ** _POWER)


def unit_change(before: Profile, after: Profile, feature: Feature, spec: QualitySpec) -> float | None:
    """By how much location and spread have both been multiplied, or divided; None when they moved apart.

    Median and quartiles say it in spite of a few corrupt values; mean and deviation where the new values are so far
    from the old that they share a cell.
    """
    if not isinstance(before, NumericProfile) or not isinstance(after, NumericProfile):
        return None
    by_moments = _common(_of_reference(before).moments, _moments(after))
    return _common(_of_reference(before).quartiles, _quartiles(after)) if by_moments is None else by_moments


class _Reference(NamedTuple):
    """What the checks ask of a reference."""

    extreme: float | None
    quartiles: tuple[float, float] | None
    moments: tuple[float, float] | None


def _reference(profile: NumericProfile) -> _Reference:
    return _Reference(extreme(profile), _quartiles(profile), _moments(profile))


_of_reference = Remembered(_reference)


def _quartiles(profile: NumericProfile) -> tuple[float, float] | None:
    return _factor(profile.quantile(0.5), profile.quantile(0.75) - profile.quantile(0.25))


def _moments(profile: NumericProfile) -> tuple[float, float] | None:
    return _factor(profile.mean, profile.std)


def _factor(location: float, spread: float) -> tuple[float, float] | None:
    """Location and spread, where both say what the unit is: not of what lies around zero, or does not spread."""
    return (location, spread) if spread > 0 and abs(location) > spread / 2 else None


def _common(before: tuple[float, float] | None, after: tuple[float, float] | None) -> float | None:
    if before is None or after is None or before[0] * after[0] <= 0:
        return None
    location, spread = math.log(after[0] / before[0]), math.log(after[1] / before[1])
    return math.exp(abs(location)) if abs(location - spread) < _SAME_FACTOR else None


def _edges(profile: NumericProfile) -> tuple[FloatArray, FloatArray]:
    low, high = cell_bounds(profile.cells)
    return profile.frame.center + profile.frame.scale * low, profile.frame.center + profile.frame.scale * high


CHECKS: dict[str, tuple[Check, Callable[[QualitySpec], float | None]]] = {
    "constant": (constant, lambda spec: 0.5 if spec.constant else None),
    "corrupt": (corrupt, lambda spec: spec.corrupt),
    "new_categories": (new_categories, lambda spec: spec.new_categories),
    "out_of_domain": (out_of_domain, lambda spec: spec.out_of_domain),
    "unit_change": (unit_change, lambda spec: spec.unit_change),
}
"""Checks by name, each with the limit that it has; None switches it off."""
