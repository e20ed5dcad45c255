"""Every registered statistic passes every check, and every check fails on a statistic that deserves it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.unit.drift import checks
from tests.unit.drift.checks import CHECKS, Function, false_alarm_rate
from trimtab.drift import Kind, Measured, Statistic, statistics
from trimtab.drift.binning import binned
from trimtab.drift.psi import psi
from trimtab.profiles import NumericProfile

REGISTERED = statistics()
WITH_P_VALUE = [s for s in REGISTERED if s.name not in ("energy", "wasserstein")]
# What the others see everything in, these do not look at.
MOVES = {"spread": checks.widened, "new_categories": checks.renamed}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("statistic", REGISTERED, ids=lambda s: f"{s.name}-{s.kind}")
def test_conformance(statistic: Statistic, check: Callable[..., None]) -> None:
    check(statistic.kind, statistic.function, MOVES.get(statistic.name, checks.moved))


@pytest.mark.parametrize("sizes", [(1_000, 150), (150, 300)], ids=str)
@pytest.mark.parametrize("statistic", WITH_P_VALUE, ids=lambda s: f"{s.name}-{s.kind}")
def test_p_values_are_honest(statistic: Statistic, sizes: tuple[int, int]) -> None:
    assert false_alarm_rate(statistic.kind, statistic.function, sizes, alpha=0.01) <= 0.02


@pytest.mark.parametrize("statistic", WITH_P_VALUE, ids=lambda s: f"{s.name}-{s.kind}")
def test_p_values_are_of_use(statistic: Statistic) -> None:
    moved = MOVES.get(statistic.name, checks.moved)(1.0, 1_000, seed=1)
    measured = checks.measure(statistic.kind, statistic.function, checks.sample(), moved)
    assert measured.p_value is not None
    assert measured.p_value < 1e-6
    if statistic.name != "new_categories":  # there are none by chance among five
        assert false_alarm_rate(statistic.kind, statistic.function, (1_000, 150), alpha=0.2) > 0.01


def never_zero(_: Any, __: Any) -> Measured:
    return Measured(0.1, 1.0)


def saturating(reference: NumericProfile, current: NumericProfile) -> Measured:
    return Measured(min(psi(reference, current).value, 0.5), None)


def crashing_when_empty(reference: NumericProfile, current: NumericProfile) -> Measured:
    return Measured(abs(int(reference.counts.sum()) / reference.count - 1), None)


def dividing_by_nothing(reference: NumericProfile, current: NumericProfile) -> Measured:
    difference = abs(reference.mean - current.mean)
    return Measured(difference / reference.std if reference.std else 0.0, None)


def equal_width_psi(reference: NumericProfile, current: NumericProfile) -> Measured:
    """As Evidently 0.7 bins: ten of equal width from the least value to the largest."""
    low, high = min(reference.minimum, current.minimum), max(reference.maximum, current.maximum)
    edges = np.linspace((low - 0.1) / 1.35, (high + 0.1) / 1.35, 11)[1:-1]
    p, q = (
        np.bincount(np.searchsorted(edges, _middles(x)), weights=x.counts, minlength=10) for x in (reference, current)
    )
    p, q = (p + 0.5) / (p + 0.5).sum(), (q + 0.5) / (q + 0.5).sum()
    return Measured(float(((q - p) * np.log(q / p)).sum()), None)


def _middles(profile: NumericProfile) -> Any:
    from trimtab.profiles import cell_bounds

    low, high = cell_bounds(profile.cells)
    return (low + high) / 2


def forgetful() -> Function:
    calls: list[int] = []

    def counting(_: NumericProfile, __: NumericProfile) -> Measured:
        calls.append(1)
        return Measured(float(len(calls)), None)

    return counting


def meddling(reference: NumericProfile, current: NumericProfile) -> Measured:
    object.__setattr__(current, "missing", current.missing + 1)
    return Measured(0.0, None)


def growing_with_size(reference: NumericProfile, current: NumericProfile) -> Measured:
    """Plain Cramér's phi, which shrinks as the sizes drift apart."""
    expected, found = binned(reference, current, 10)
    total = expected + found
    share = found.sum() / total.sum()
    chi2 = ((found - total * share) ** 2 / (total * share * (1 - share))).sum()
    return Measured(float(np.sqrt(chi2 / total.sum())), None)


@pytest.mark.parametrize(
    ("check", "broken"),
    [
        (checks.check_identical_is_zero, never_zero),
        (checks.check_monotone, saturating),
        (checks.check_empty, crashing_when_empty),
        (checks.check_constants, dividing_by_nothing),
        (checks.check_outlier_blinds_nobody, equal_width_psi),
        (checks.check_merge_order_is_irrelevant, forgetful()),
        (checks.check_leaves_its_input_alone, forgetful()),
        (checks.check_leaves_its_input_alone, meddling),
        (checks.check_does_not_depend_on_size, growing_with_size),
    ],
)
def test_every_check_can_fail(check: Callable[[Kind, Function], None], broken: Function) -> None:
    with pytest.raises((AssertionError, ZeroDivisionError)):
        check("numeric", broken)


def test_the_outlier_check_fails_on_blindness_alone() -> None:
    """The statistic that it condemns sees the shift well as long as nobody stands aside."""
    clean = checks.measure("numeric", equal_width_psi, checks.sample(), checks.moved(0.5, seed=1))
    blind = checks.measure(
        "numeric", equal_width_psi, checks.sample(), np.append(checks.moved(0.5, seed=1), checks.OUTLIER)
    )
    assert clean.value > 0.2
    assert blind.value < 0.02


def test_dishonest_p_values_are_found_out() -> None:
    def eager(reference: NumericProfile, current: NumericProfile) -> Measured:
        measured = psi(reference, current)
        assert measured.p_value is not None
        return Measured(measured.value, measured.p_value / 4)

    assert false_alarm_rate("numeric", eager, (1_000, 150), alpha=0.01) > 0.02
