"""Conformance suite: what every drift statistic must do, whatever it measures.

Each ``check_*`` takes a statistic's kind and function, and raises ``AssertionError`` when the statistic
breaks its rule; ``test_conformance.py`` runs them over the registry, and over statistics that are broken on
purpose.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np

from trimtab.drift import Kind, Measured
from trimtab.profiles import CategoricalProfile, NumericProfile, Reference
from trimtab.profiles.cells import FloatArray

Function = Callable[[Any, Any], Measured]
Move = Callable[..., FloatArray]
Profile = NumericProfile | CategoricalProfile
FEATURE = "x"
SIZE = 7_000
OUTLIER = 1e6
NEW = 500.0


@lru_cache
def sample(size: int = SIZE, seed: int = 0) -> FloatArray:
    """Normal values, shape ``(size,)``; read-only."""
    values = np.random.default_rng(seed).normal(size=size)
    values.flags.writeable = False
    return values


def moved(amount: float, size: int = SIZE, seed: int = 0) -> FloatArray:
    """The sample, shifted by ``amount`` standard deviations, a share of ``amount / 10`` missing."""
    values = sample(size, seed) + amount
    values[: int(size * amount / 10)] = np.nan
    return values


def widened(amount: float, size: int = SIZE, seed: int = 0) -> FloatArray:
    """The sample, spread out by ``amount``."""
    return sample(size, seed) * (1 + amount)


def renamed(amount: float, size: int = SIZE, seed: int = 0) -> FloatArray:
    """The sample, a share of ``amount / 4`` in a category of its own."""
    values = sample(size, seed).copy()
    values[: int(size * amount / 4)] = NEW
    return values


def as_categories(values: FloatArray) -> list[str | None]:
    """The standard deviation that a value is in, five categories; those beyond are one more at either end."""
    names = np.array([*(f"{n}" for n in range(-3, 3)), None, "new"], dtype=object)
    at = np.where(np.isnan(values), 6, np.clip(np.floor(np.nan_to_num(values)), -3, 2) + 3).astype(int)
    at = np.where(values == NEW, 7, at)
    found: list[str | None] = names[at].tolist()
    return found


def reference_of(kind: Kind, values: FloatArray) -> Reference:
    if kind == "categorical":
        return Reference.of("r", {}, {FEATURE: as_categories(values)}, {})
    return Reference.of("r", {FEATURE: values}, {}, {})


def profile_of(kind: Kind, reference: Reference, values: FloatArray) -> Profile:
    if kind == "categorical":
        return CategoricalProfile.of(as_categories(values), reference.known(FEATURE))
    return NumericProfile.of(values, reference.frame(FEATURE))


def measure(kind: Kind, function: Function, reference: FloatArray, current: FloatArray) -> Measured:
    """The statistic on two samples, profiled as the roles do it."""
    made = reference_of(kind, reference)
    before: Profile
    before = made.profile.categorical[FEATURE] if kind == "categorical" else made.profile.numeric[FEATURE]
    return function(before, profile_of(kind, made, current))


def check_sane(measured: Measured) -> None:
    assert math.isfinite(measured.value), measured
    assert measured.value >= 0, measured
    assert measured.p_value is None or 0 <= measured.p_value <= 1, measured


def check_identical_is_zero(kind: Kind, function: Function, move: Move = moved) -> None:
    for values in (sample(), np.full(50, 0.1), move(1.0)):
        measured = measure(kind, function, values, values)
        assert measured.value == 0, measured
        assert measured.p_value in (None, 1.0), measured
    # and equal shares in a window of another size
    doubled = np.concatenate((sample(), sample()))
    assert measure(kind, function, sample(), doubled).value < 0.005


def check_monotone(kind: Kind, function: Function, move: Move = moved) -> None:
    found = [measure(kind, function, sample(), move(amount)) for amount in (0.0, 0.1, 0.25, 0.5, 1.0, 1.5, 2.0)]
    for measured in found:
        check_sane(measured)
    values = [measured.value for measured in found]
    assert all(a < b for a, b in pairwise(values)), values
    p_values = [measured.p_value for measured in found if measured.p_value is not None]
    assert p_values == sorted(p_values, reverse=True), p_values


def check_empty(kind: Kind, function: Function, move: Move = moved) -> None:
    nothing, missing = np.array([]), np.full(9, np.nan)
    for reference, current in ((sample(), nothing), (nothing, sample()), (nothing, nothing), (missing, nothing)):
        measured = measure(kind, function, reference, current)
        check_sane(measured)
        assert measured.value == 0, measured
    for reference, current in ((sample(), missing), (missing, sample()), (missing, missing), (sample(), np.ones(1))):
        check_sane(measure(kind, function, reference, current))


def check_constants(kind: Kind, function: Function, move: Move = moved) -> None:
    constant = np.full(500, 1.5)
    cases = [(constant, np.full(300, -2.0)), (constant, sample()), (sample(), constant), (constant, np.full(9, 1e30))]
    for reference, current in cases:
        measured = measure(kind, function, reference, current)
        check_sane(measured)
        if kind != "any" and move is moved:  # the missing rate has no opinion on values, others not on all changes
            assert measured.value > 0.2, measured


def check_outlier_blinds_nobody(kind: Kind, function: Function, move: Move = moved) -> None:
    clean = measure(kind, function, sample(), move(0.5, seed=1))
    for reference, current in (
        (sample(), np.append(move(0.5, seed=1), OUTLIER)),
        (np.append(sample(), OUTLIER), move(0.5, seed=1)),
        (np.append(sample(), -OUTLIER), np.append(move(0.5, seed=1), OUTLIER)),
    ):
        measured = measure(kind, function, reference, current)
        assert math.isclose(measured.value, clean.value, rel_tol=0.03), (measured, clean)


def check_merge_order_is_irrelevant(kind: Kind, function: Function, move: Move = moved) -> None:
    reference = reference_of(kind, sample())
    before = (reference.profile.categorical if kind == "categorical" else reference.profile.numeric)[FEATURE]
    parts = [profile_of(kind, reference, part) for part in np.array_split(move(0.5, seed=1), 5)]
    orders = ([0, 1, 2, 3, 4], [4, 2, 0, 3, 1])
    found = []
    for order in orders:
        merged: Any = parts[order[0]]
        for at in order[1:]:
            merged = merged.merge(parts[at])
        found.append(function(before, merged))
    assert found[0] == found[1], found


def check_leaves_its_input_alone(kind: Kind, function: Function, move: Move = moved) -> None:
    reference = reference_of(kind, sample())
    before = (reference.profile.categorical if kind == "categorical" else reference.profile.numeric)[FEATURE]
    after = profile_of(kind, reference, move(0.5))
    copies = [type(p).from_wire(p.to_wire()) for p in (before, after)]
    first = function(before, after)
    assert [before, after] == copies
    assert function(before, after) == first, "the same question has the same answer"


def check_does_not_depend_on_size(kind: Kind, function: Function, move: Move = moved) -> None:
    """A threshold must mean the same for a short window and a long one."""
    small, large = (measure(kind, function, sample(), move(1.0, size, seed=1)).value for size in (700, 7_000))
    assert math.isclose(small, large, rel_tol=0.25), (small, large)


CHECKS: tuple[Callable[..., None], ...] = (
    check_identical_is_zero,
    check_monotone,
    check_empty,
    check_constants,
    check_outlier_blinds_nobody,
    check_merge_order_is_irrelevant,
    check_leaves_its_input_alone,
    check_does_not_depend_on_size,
)


@lru_cache
def honest_pairs(categorical: bool, sizes: tuple[int, int], trials: int) -> list[tuple[Profile, Profile]]:
    """Fresh references with windows from the same distribution, a twentieth of the values missing."""
    kind: Kind = "categorical" if categorical else "numeric"
    draw = np.random.default_rng(42)
    pairs = []
    for _ in range(trials):
        reference, current = (draw.normal(size=size) for size in sizes)
        for values in (reference, current):
            values[draw.random(values.size) < 0.05] = np.nan
        made = reference_of(kind, reference)
        before: Profile = made.profile.categorical[FEATURE] if categorical else made.profile.numeric[FEATURE]
        pairs.append((before, profile_of(kind, made, current)))
    return pairs


def false_alarm_rate(kind: Kind, function: Function, sizes: tuple[int, int], alpha: float, trials: int = 400) -> float:
    """Share of windows without drift whose p-value is at most ``alpha``."""
    found = [function(*pair).p_value for pair in honest_pairs(kind == "categorical", sizes, trials)]
    return sum(p_value is not None and p_value <= alpha for p_value in found) / trials
