"""Several p-values as one: against SciPy, and its rate for tests that go together and that do not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from trimtab.drift.combination import combined

P_VALUES = st.floats(1e-12, 0.99)


@given(st.lists(st.tuples(P_VALUES, st.floats(0.01, 10)), min_size=1, max_size=8))
def test_it_is_that_of_cauchy_variables(pairs: list[tuple[float, float]]) -> None:
    p_values, weights = zip(*pairs, strict=True)
    mean = np.average(stats.cauchy.isf(p_values), weights=weights)
    assert combined(p_values, weights) == pytest.approx(stats.cauchy.sf(mean), rel=1e-4)


@given(st.lists(P_VALUES, min_size=1, max_size=8))
def test_weights_are_equal_by_default(p_values: list[float]) -> None:
    assert combined(p_values) == pytest.approx(combined(p_values, [0.3] * len(p_values)))


@given(st.lists(P_VALUES, min_size=2, max_size=8), st.integers(0, 7), st.floats(0.01, 0.99))
def test_a_smaller_one_makes_it_smaller(p_values: list[float], which: int, by: float) -> None:
    which %= len(p_values)
    smaller = [*p_values[:which], p_values[which] * by, *p_values[which + 1 :]]
    assert combined(smaller) < combined(p_values) or combined(p_values) == pytest.approx(combined(smaller))


def test_at_its_ends() -> None:
    assert combined([0.0, 1.0]) == 0.0
    assert combined([1.0, 1.0]) == pytest.approx(0.99)
    assert combined([1e-20, 0.5]) == pytest.approx(2e-20, rel=1e-3, abs=0)
    assert combined([1e-9, 0.5]) == pytest.approx(2e-9, rel=1e-6, abs=0)
    assert combined([5e-324, 0.5]) == 0.0
    assert combined([0.2, 0.2]) == pytest.approx(0.2)
    # One that is 1, as that of a constant is, does not drown another.
    assert combined([1e-6, 1.0]) == pytest.approx(2e-6, rel=1e-3)


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.95])
def test_it_is_right_whatever_goes_together(correlation: float) -> None:
    draw = np.random.default_rng(7)
    common = draw.normal(size=(20_000, 1))
    z = correlation**0.5 * common + (1 - correlation) ** 0.5 * draw.normal(size=(20_000, 6))
    found = np.array([combined(p) for p in 2 * stats.norm.sf(abs(z))])
    assert (found <= 0.05).mean() == pytest.approx(0.05, abs=0.008)
    assert (found <= 0.01).mean() == pytest.approx(0.01, abs=0.003)
