"""A drop is one when it is more than chance: p is uniform when nothing has changed."""

from __future__ import annotations

import numpy as np
import pytest

from trimtab.performance import p_value_of_drop
from trimtab.profiles import PerformanceProfile

DRAW = np.random.default_rng(9)


def classified(right: int, count: int) -> PerformanceProfile:
    return PerformanceProfile(count=count, confusion={("1", "1"): right, ("1", "0"): count - right})


def regressed(errors: np.ndarray) -> PerformanceProfile:
    return PerformanceProfile(
        count=errors.size, abs_errors=(float(np.abs(errors).sum()),), squared_errors=(float((errors**2).sum()),)
    )


def test_accuracy_is_worse_by_chance_as_often_as_it_says() -> None:
    found = []
    for _ in range(4_000):
        before = DRAW.binomial(1_000, 0.8) / 1_000
        found.append(p_value_of_drop("accuracy", classified(DRAW.binomial(150, 0.8), 150), before, 1_000))
    for level in (0.05, 0.01):
        assert np.mean([p is not None and p <= level for p in found]) == pytest.approx(level, rel=0.5)


def test_mae_is_worse_by_chance_as_often_as_it_says() -> None:
    found = []
    for _ in range(4_000):
        before = float(np.abs(DRAW.normal(size=1_000)).mean())
        found.append(p_value_of_drop("mae", regressed(DRAW.normal(size=150)), before, 1_000))
    for level in (0.05, 0.01):
        assert np.mean([p is not None and p <= level for p in found]) == pytest.approx(level, rel=0.5)


def test_a_real_drop_is_found_and_a_rise_is_none() -> None:
    drop = p_value_of_drop("accuracy", classified(70, 150), 0.8, 1_000)
    rise = p_value_of_drop("accuracy", classified(140, 150), 0.8, 1_000)
    assert drop is not None
    assert drop < 1e-10
    assert rise is not None
    assert rise > 0.99


@pytest.mark.parametrize(("metric", "count"), [("f1", 10), ("log_loss", 10), ("rmse", 10), ("accuracy", 0)])
def test_nothing_is_said_of_what_is_not_known(metric: str, count: int) -> None:
    assert p_value_of_drop(metric, classified(count, count), 0.8, 100) is None


def test_no_spread() -> None:
    assert p_value_of_drop("accuracy", classified(10, 10), 1.0, 100) == 1.0
    assert p_value_of_drop("mae", regressed(np.full(9, 2.0)), 1.0, 100) == 0.0
