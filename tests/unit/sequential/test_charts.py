"""Our own charts: moments, limits and run lengths against what is known or simulated otherwise."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import signal, stats

from trimtab.config import SequentialSpec
from trimtab.profiles.cells import FloatArray
from trimtab.sequential import make_detector
from trimtab.sequential.baseline import CLIP, Baseline
from trimtab.sequential.cusum import _of_rate, _of_skewness
from trimtab.sequential.ewma import Ewma, control_limit, run_length

RUN_LENGTH = 2_000


@given(st.lists(st.floats(-100, 100).map(lambda x: round(x, 3)), min_size=3, max_size=60))
def test_moments_are_those_of_numpy_and_scipy(values: list[float]) -> None:
    baseline = Baseline(boolean=False, warm_up=1_000)
    for value in values:
        baseline.add(value)
    assert baseline.mean == pytest.approx(np.mean(values), abs=1e-9)
    assert baseline.deviation == pytest.approx(np.std(values, ddof=1), rel=1e-9, abs=1e-9)
    if np.std(values) > 1e-3:
        assert baseline.skewness == pytest.approx(float(stats.skew(values)), rel=1e-6, abs=1e-6)
        assert baseline.excess == pytest.approx(float(stats.kurtosis(values)), rel=1e-6, abs=1e-6)


def test_moments_of_errors_are_those_of_a_bernoulli_variable() -> None:
    baseline = Baseline(boolean=True, warm_up=30)
    for i in range(1_999):
        baseline.add(float(i % 10 == 0))
    _, variance, skewness, excess = stats.bernoulli.stats(baseline.mean, moments="mvsk")
    assert baseline.mean == pytest.approx(0.1, abs=5e-4)
    assert (baseline.deviation**2, baseline.skewness, baseline.excess) == pytest.approx((variance, skewness, excess))


def test_one_value_of_a_million_neither_shouts_nor_blinds() -> None:
    draw = np.random.default_rng(3)
    before, after = draw.normal(size=2_000), draw.normal(1.0, size=300)
    for name in ("cusum", "ewma"):
        clean, spoilt = (make_detector(SequentialSpec(detector=name, on="score"), "regression") for _ in range(2))
        for value in before.tolist():
            assert clean.update(value) is None
            assert spoilt.update(value) is None
        assert spoilt.update(1e6) is None, name
        delays = [next(i for i, value in enumerate(after.tolist()) if one.update(value)) for one in (clean, spoilt)]
        assert abs(delays[0] - delays[1]) <= 5, (name, delays)
    assert CLIP == 4.0


def test_the_charts_limit_is_that_of_the_literature() -> None:
    # Lucas and Saccucci (1990), two sides, a false alarm every 500 values: weight 0.1 and limit 2.814.
    assert run_length(0.1, 2.814) / 2 == pytest.approx(500, rel=0.02)
    # Without memory it is a plain tail probability.
    assert run_length(1.0, 3.09) == pytest.approx(1 / float(stats.norm.sf(3.09)), rel=1e-3)
    assert control_limit(0.1, 1_000.0) == pytest.approx(2.814, abs=0.01)
    assert math.isclose(control_limit(0.1, 1_000.0) * 1_000, round(control_limit(0.1, 1_000.0) * 1_000), rel_tol=1e-12)


def test_likelihood_ratios_are_likelihood_ratios() -> None:
    """Their exponential has mean 1 where nothing has changed."""
    for rate in (0.01, 0.1, 0.3, 0.9):
        deviation = math.sqrt(rate * (1 - rate))
        wrong, right, _ = _of_rate(rate, 0.25, 1e5)
        assert rate * math.exp(wrong) + (1 - rate) * math.exp(right) == pytest.approx(1.0)
        after = rate * math.exp(wrong)
        assert after == pytest.approx(min(rate + 0.25 * deviation, (1 + rate) / 2))
    slope, offset, limit = _of_skewness(0.0, 0.5, 1e4)
    assert (slope, offset) == (0.5, 0.125)
    # Siegmund (1985): (exp(2 k b) - 2 k b - 1) / (2 k^2), b = h + 1.166, for reference value k = 0.25.
    b = limit / 0.5 + 1.166
    assert (math.exp(0.5 * b) - 0.5 * b - 1) / (2 * 0.25**2) == pytest.approx(1e4, rel=1e-3)


def test_likelihood_ratios_of_skewed_values() -> None:
    """Exponential values have skewness 2, and ``exp(s z)`` the mean ``exp(-s) / (1 - s)``."""
    slope, offset, _ = _of_skewness(2.0, 0.25, 1e5)
    assert offset == pytest.approx(-slope - math.log(1 - slope), abs=1e-3)
    assert offset - slope**2 / 2 > 2e-3


def test_the_charts_limit_knows_the_distribution_of_errors() -> None:
    """As much of the average of rare errors lies beyond its limit as of a normal one beyond the normal limit."""
    chart = Ewma({"weight": 0.02, "run_length": 5_000.0, "warm_up": 30, "sides": "upper"}, on="error", boolean=True)
    for i in range(2_000):
        chart._baseline.add(float(i % 10 == 0))
    normal, limit = control_limit(0.02, 5_000.0), chart._limit(1.0)
    values = (np.random.default_rng(5).random(4_000_000) < 0.1) - 0.1
    average = signal.lfilter([0.02], [1, -0.98], values) / (0.3 * math.sqrt(0.02 / 1.98))
    wanted = float(stats.norm.sf(normal))
    assert 0.7 < np.mean(average > limit) / wanted < 1.4
    assert np.mean(average > normal) / wanted > 2


STREAMS: dict[str, tuple[str, str, Callable[[np.random.Generator, int], FloatArray]]] = {
    "errors, 1 in 10": ("error", "binary", lambda draw, n: (draw.random(n) < 0.1).astype(np.float64)),
    "errors, 3 in 10": ("error", "binary", lambda draw, n: (draw.random(n) < 0.3).astype(np.float64)),
    "uniform": ("score", "binary", lambda draw, n: draw.random(n)),
    "exponential": ("error", "regression", lambda draw, n: draw.exponential(size=n)),
}


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("name", ["cusum", "ewma"])
def test_false_alarms_come_as_often_as_they_may(name: str, stream: str) -> None:
    """A run length of 2,000 is within a factor of two of what 100,000 examples show (50 alarms if it holds)."""
    on, task, draw = STREAMS[stream]
    spec = SequentialSpec.model_validate({"detector": name, "on": on, "args": {"run_length": RUN_LENGTH}})
    source, alarms = np.random.default_rng(11), 0
    for _ in range(5):
        made = make_detector(spec, task)
        alarms += sum(made.update(value) is not None for value in draw(source, 20_000).tolist())
    assert 25 <= alarms <= 100
