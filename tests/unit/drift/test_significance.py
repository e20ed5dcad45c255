from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from trimtab.drift.significance import homogeneity, largest_difference


def counted(*rows: list[float]) -> list[np.ndarray[tuple[int], np.dtype[np.float64]]]:
    return [np.array(row, dtype=float) for row in rows]


def test_rare_bins_are_put_together() -> None:
    rare = homogeneity(*counted([500, 480, 3, 3, 3, 1], [50, 48, 1, 0, 0, 1]))
    assert rare == pytest.approx(homogeneity(*counted([500, 480 + 10], [50, 48 + 2])))
    little = homogeneity(*counted([500, 480, 20], [50, 48, 2]))  # less than 5 even together: to the smallest
    assert little == pytest.approx(homogeneity(*counted([500, 500], [50, 50])))


def test_one_bin_says_nothing() -> None:
    assert homogeneity(*counted([5], [9])) == 1


def test_when_all_is_rare_the_exact_bound_decides() -> None:
    tables = counted([20, 20], [20, 261])
    assert homogeneity(*tables) == largest_difference(*tables)[1] < 1e-6
    assert homogeneity(*counted([1, 1], [1, 2])) > 0.5


def test_many_rare_bins_do_not_cry_wolf() -> None:
    """150 categories and windows of 200: unpooled, the approximation would alarm too often."""
    draw = np.random.default_rng(3)
    p = np.full(150, 1 / 150)
    alarms = [homogeneity(*draw.multinomial(200, p, size=2).astype(float)) <= 0.01 for _ in range(300)]
    assert np.mean(alarms) <= 0.02


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 60), st.integers(1, 60), st.integers(0, 60), st.integers(1, 60))
def test_the_bound_is_above_the_exact_tail(a: int, b: int, c: int, d: int) -> None:
    """Of two bins, the exact test is the hypergeometric's; compared wherever an alarm could come from."""
    value, p_value = largest_difference(*counted([a, b], [c, d]))
    first, second, hits = a + b, c + d, a + c
    support = np.arange(max(0, hits - first), min(hits, second) + 1)
    differences = np.abs(support / second - (hits - support) / first)
    weights = stats.hypergeom.pmf(support, first + second, hits, second)
    exact = float(weights[differences >= value - 1e-9].sum())
    if exact < 0.05:
        assert p_value >= exact * 0.95
    if value == 0:
        assert p_value == 1


def test_the_tail_oracle_sees_a_normal_approximation() -> None:
    """Two events where a tenth of one was expected: the normal's tail is far below the exact one."""
    first, second, hits, found = 10_000, 100, 12, 2
    share = hits / (first + second)
    z = (found / second - (hits - found) / first) / np.sqrt(share * (1 - share) * (1 / first + 1 / second))
    exact = float(stats.hypergeom.sf(found - 1, first + second, hits, second))
    assert 2 * stats.norm.sf(z) < exact / 100
    assert largest_difference(*counted([10, first - 10], [found, second - found]))[1] >= exact
