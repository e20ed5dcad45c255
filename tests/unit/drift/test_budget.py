"""The budget holds, and is spent where it can be of use."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.drift import Budget
from trimtab.profiles.cells import FloatArray

DAY_MS = 86_400_000
TESTS = 40


def false_alarms(p_values: FloatArray) -> int:
    """Rejections over windows, of which the budget allows half a one each."""
    budget = Budget(0.5, DAY_MS)
    total = 0
    for window in p_values:
        level = budget.level(DAY_MS, window.tolist())
        rejected = int((window <= level).sum())
        budget.settle(rejected)
        total += rejected
    return total


def test_the_budget_holds() -> None:
    draw = np.random.default_rng(3)
    windows = 4_000
    allowed = 0.5 * windows
    apart = false_alarms(draw.random((windows, TESTS)))
    assert 0.85 * allowed < apart < 1.05 * allowed
    together = np.repeat(draw.random((windows, 1)), TESTS, axis=1)
    assert false_alarms(together) < 1.1 * allowed
    in_pairs = np.repeat(draw.random((windows, TESTS // 2)), 2, axis=1)
    assert false_alarms(in_pairs) < 1.05 * allowed
    shy = np.maximum(draw.random((windows, TESTS)), draw.random((windows, TESTS)))
    assert false_alarms(shy) < allowed


def test_eager_p_values_break_it() -> None:
    draw = np.random.default_rng(3)
    assert false_alarms(draw.random((4_000, TESTS)) ** 1.2) > 1.2 * 0.5 * 4_000


def test_nothing_is_spent_on_what_cannot_be_rejected() -> None:
    few = Budget(1, 30 * DAY_MS).level(DAY_MS, [0.01, 0.2])
    assert Budget(1, 30 * DAY_MS).level(DAY_MS, [0.01, 0.2, *[1.0] * 98]) == few
    assert Budget(1, 30 * DAY_MS).level(DAY_MS, [0.01, 0.2, *[0.4] * 98]) < few / 40


def test_rejections_earn_some_more() -> None:
    budget = Budget(1, 30 * DAY_MS)
    before = budget.level(DAY_MS, [0.5] * 10)
    budget.settle(8)
    levels = [budget.level(DAY_MS, [0.5] * 10) for _ in range(60)]
    assert levels[0] > 2 * before
    assert levels == sorted(levels, reverse=True)
    assert levels[-1] == pytest.approx(before, rel=0.01)


@given(st.lists(st.floats(0, 1)), st.floats(0, 100), st.integers(1, 10**12))
def test_levels_are_probabilities(p_values: list[float], earned: float, window_ms: int) -> None:
    budget = Budget(1, DAY_MS, earned=earned)
    assert 0 <= budget.level(window_ms, p_values) <= 0.5
    assert budget.earned >= 0


def test_it_goes_on_where_it_was() -> None:
    budget = Budget(1, DAY_MS)
    budget.level(3_600_000, [0.1])
    budget.settle(3)
    again = Budget(1, DAY_MS, earned=budget.earned)
    assert again.level(3_600_000, [0.1]) == budget.level(3_600_000, [0.1])
