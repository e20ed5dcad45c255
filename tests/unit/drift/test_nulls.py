"""P-values from simulated nulls: as often below a level as the level says, whatever the feature's distribution."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats

from trimtab.drift import Nulls, Statistic, statistics
from trimtab.drift.nulls import Null, simulate
from trimtab.drift.tables import Table
from trimtab.profiles import CategoricalProfile, NumericProfile, Reference
from trimtab.profiles.cells import FloatArray

DRAW = np.random.default_rng(11)
NUMERIC: dict[str, Callable[[int], FloatArray]] = {
    "normal": lambda n: DRAW.normal(size=n),
    "cauchy": lambda n: DRAW.standard_cauchy(size=n),
    "counts": lambda n: DRAW.poisson(3, size=n).astype(float),
    "half zero": lambda n: np.where(DRAW.random(n) < 0.5, 0.0, DRAW.gamma(2, size=n)),
}
CASES = [*((name, (1_000, 200)) for name in NUMERIC), ("normal", (300, 300))]
REFERENCES, WINDOWS = 80, 4


def rates(draw: Callable[[int], Any], sizes: tuple[int, int], level: float, broken: bool = False) -> dict[str, float]:
    """Share of windows without drift whose p-value is at most ``level``, by statistic."""
    n, m = sizes
    below: dict[str, list[bool]] = {}
    for number in range(REFERENCES):
        values = draw(n)
        categorical = isinstance(values, list)
        made = Reference.of("r", {}, {"x": values}, {}) if categorical else Reference.of("r", {"x": values}, {}, {})
        before = (made.profile.categorical if categorical else made.profile.numeric)["x"]
        nulls = Nulls(400)
        for _ in range(WINDOWS):
            after: Any
            if categorical:
                after = CategoricalProfile.of(draw(m), made.known("x"))
            else:
                after = NumericProfile.of(draw(m), made.frame("x"))
            for statistic in statistics("categorical" if categorical else "numeric"):
                if statistic.view is not None:
                    p_value = p_of(nulls, statistic, f"{number}", before, after, broken)
                    below.setdefault(statistic.name, []).append(p_value <= level)
    return {name: float(np.mean(found)) for name, found in below.items()}


def p_of(nulls: Nulls, statistic: Statistic, name: str, before: Any, after: Any, broken: bool) -> float:
    value = statistic.function(before, after).value
    if broken:
        # As if the reference were the whole truth: its own sampling error looks like drift.
        value *= 2.0 ** (statistic.order / 2)
    p_value = nulls.p_value(statistic, name, before, after, value)
    assert p_value is not None
    return p_value


@pytest.mark.parametrize(("name", "sizes"), CASES, ids=str)
def test_false_alarms_of_numbers(name: str, sizes: tuple[int, int]) -> None:
    # 320 windows of 80 references: three standard errors about 5 %; `python -m loadtest verdicts` looks closer.
    for statistic, rate in rates(NUMERIC[name], sizes, 0.05).items():
        assert 0.01 < rate < 0.11, (statistic, rate)


def test_false_alarms_of_categories() -> None:
    for statistic, rate in rates(lambda n: [f"c{k}" for k in DRAW.integers(0, 8, n)], (1_000, 200), 0.05).items():
        assert rate < 0.11, (statistic, rate)
        assert rate > 0.01 or statistic == "new_categories", (statistic, rate)


def test_a_null_that_forgets_the_references_own_error_is_found_out() -> None:
    assert min(rates(NUMERIC["normal"], (300, 300), 0.05, broken=True).values()) > 0.11


def test_the_tail_is_about_right() -> None:
    """Pearson's statistic has a known tail."""
    [chi2] = [s for s in statistics("categorical") if s.name == "chi2"]
    assert chi2.kernel is not None
    counts = np.full(8, 1_000.0)
    [values] = simulate(Table(counts, counts, np.empty(0)), [chi2.kernel], 8_000, 8_000, 2_000, seed=1)
    null = Null(values, chi2.order)
    for exact in (0.2, 0.05, 0.01, 1e-3, 1e-5, 1e-7):
        # V squared is chi-squared over the size of both.
        value = np.sqrt(stats.chi2.isf(exact, 7) / 16_000)
        # Too large rather than too small, and the more so the rarer.
        assert exact / 1.5 < null.p_value(float(value)) < 1.5 * exact**0.75, exact


def test_p_values_are_the_same_again() -> None:
    before = Reference.of("r", {"x": np.arange(500.0) % 37}, {}, {})
    after = NumericProfile.of(np.arange(100.0) % 30, before.frame("x"))
    [ks] = [s for s in statistics("numeric") if s.name == "ks"]
    value = ks.function(before.profile.numeric["x"], after).value
    found = {Nulls().p_value(ks, name, before.profile.numeric["x"], after, value) for name in ("r/x", "other/x")}
    assert len(found) == 1


def test_a_constant_tells_nothing() -> None:
    before = Reference.of("r", {"x": np.full(500, 3.0)}, {}, {})
    after = NumericProfile.of(np.array([3.0] * 99 + [4.0]), before.frame("x"))
    [ks] = [s for s in statistics("numeric") if s.name == "ks"]
    nulls, profile = Nulls(), before.profile.numeric["x"]
    assert nulls.p_value(ks, "r/x", profile, after, ks.function(profile, after).value) is None
    assert nulls.p_value(ks, "r/x", profile, after, 0.0) == pytest.approx(0.5)
