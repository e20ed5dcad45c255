"""The betting test keeps its promise under the null, and sees what is there."""

from __future__ import annotations

import math

import numpy as np
import pytest

from trimtab.training.betting import BettingTest

ALPHA = 0.05


def alarms(differences: np.ndarray, bound: float = 1.0) -> bool:
    test = BettingTest()
    for difference in differences:
        test.update(float(difference), bound)
        if test.wealth >= 1 / ALPHA:
            return True
    return False


@pytest.mark.parametrize("values", [(-1.0, 1.0), (-1.0, 0.0, 1.0), (-0.2, 0.2)])
def test_false_alarms_are_at_most_alpha_though_looked_at_after_every_example(values: tuple[float, ...]) -> None:
    rng = np.random.default_rng(3)
    runs = 300
    found = sum(alarms(rng.choice(values, size=400)) for _ in range(runs))
    # Three standard errors above alpha.
    assert found / runs <= ALPHA + 3 * math.sqrt(ALPHA * (1 - ALPHA) / runs)


def test_so_they_are_when_differences_are_clipped() -> None:
    rng = np.random.default_rng(5)
    runs = 300
    found = sum(alarms(rng.normal(0, 0.2, size=400), 0.25) for _ in range(runs))
    assert found / runs <= ALPHA + 3 * math.sqrt(ALPHA * (1 - ALPHA) / runs)


def test_a_bound_is_a_unit() -> None:
    """Clipped to a quarter and told so, it is the test of four times the differences."""
    differences = np.random.default_rng(6).normal(0.02, 0.1, size=200)
    small, large = BettingTest(), BettingTest()
    for one in differences:
        small.update(float(one), 0.25)
        large.update(float(min(max(4 * one, -1), 1)))
    assert small.wealth == pytest.approx(large.wealth)
    assert small.mean == pytest.approx(large.mean / 4)


def test_a_better_challenger_is_seen() -> None:
    rng = np.random.default_rng(4)
    assert all(alarms(rng.choice([-1.0, 0.0, 1.0], p=[0.1, 0.6, 0.3], size=1_000)) for _ in range(20))


def test_a_long_race_does_not_overflow() -> None:
    test = BettingTest()
    for _ in range(20_000):
        test.update(1.0)
    assert math.isfinite(test.wealth)
    assert test.mean == 1.0


def test_restart_watches_anew() -> None:
    test = BettingTest(restart=True)
    test.update(-1.0)
    assert (test.count, test.wealth) == (0, 1.0)
