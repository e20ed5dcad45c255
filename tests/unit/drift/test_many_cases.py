"""Each statistic against SciPy or a formula written out, at the same cells, on 200 random and adversarial cases."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import jensenshannon

from trimtab.drift import statistics
from trimtab.drift.tables import Table, table
from trimtab.profiles import CategoricalProfile, Frame, NumericProfile
from trimtab.profiles.cells import FloatArray

CASES = 200
FUNCTIONS = {(s.name, s.kind): s.function for s in statistics()}


def numeric_cases() -> Iterator[tuple[NumericProfile, NumericProfile]]:
    draw = np.random.default_rng(5)
    makers: list[Callable[[int], FloatArray]] = [
        lambda n: draw.normal(size=n),
        lambda n: draw.standard_cauchy(size=n),
        lambda n: np.exp(draw.normal(size=n)),
        lambda n: draw.poisson(2, size=n).astype(float),
        lambda n: np.full(n, 4.25),
        lambda n: np.where(draw.random(n) < 0.5, 0.0, draw.gamma(2, size=n)),
        lambda n: draw.normal(size=n) * 1e-9 + 1e6,
        lambda n: np.append(draw.normal(size=n), [1e12, -1e30, np.nan, np.inf]),
    ]
    for case in range(CASES):
        made = [makers[int(draw.integers(len(makers)))](int(draw.integers(2, 1_500))) for _ in range(2)]
        reference, current = made if case % 3 == 0 else (made[0], made[0][: made[0].size // 2 + 1] * 1.2 + 0.1)
        frame = Frame.of(reference)
        yield NumericProfile.of(reference, frame), NumericProfile.of(current, frame)


def categorical_cases() -> Iterator[tuple[CategoricalProfile, CategoricalProfile]]:
    draw = np.random.default_rng(6)
    for _ in range(CASES):
        width = int(draw.integers(1, 30))
        before, after = (draw.integers(0, 40, size=width) for _ in range(2))
        before[0], after[-1] = before[0] + 1, after[-1] + 1
        yield (
            CategoricalProfile({f"c{k}": int(n) for k, n in enumerate(before) if n}),
            CategoricalProfile({f"c{k}": int(n) for k, n in enumerate(after) if n}),
        )


def spread_out(found: Table, at: FloatArray) -> tuple[FloatArray, FloatArray]:
    return np.repeat(at, found.expected.astype(int)), np.repeat(at, found.found.astype(int))


def deviation(values: FloatArray) -> float:
    return float(values.std()) if np.unique(values).size > 1 else 1.0


def shares(found: Table) -> tuple[FloatArray, FloatArray]:
    return found.expected / found.expected.sum(), found.found / found.found.sum()


def expected_numeric(reference: NumericProfile, current: NumericProfile) -> dict[str, float]:
    cells = table("cells", reference, current)
    ranks = spread_out(cells, np.arange(cells.at.size, dtype=float))
    x, y = spread_out(cells, cells.at)
    # A constant reference, which has one cell, is measured in the frame's scale.
    unit = deviation(x) if (cells.expected > 0).sum() > 1 else 1.0
    pooled = np.concatenate(ranks)
    distance = np.array([(ranks[0] <= at).mean() - (ranks[1] <= at).mean() for at in pooled])
    near = [max(np.clip(values, -3, 3).std(), 1e-3) for values in (x, y)]
    tenths, twentieths = (shares(table(view, reference, current)) for view in ("tenths", "twentieths"))
    return {
        "ks": float(stats.ks_2samp(*ranks).statistic),
        "cvm": math.sqrt(float((distance**2).mean())),
        "wasserstein": float(stats.wasserstein_distance(x, y)) / unit,
        "energy": float(stats.energy_distance(x, y)) / math.sqrt(unit),
        "mean": abs(float(x.mean() - y.mean())) / unit,
        "spread": abs(math.log(near[0] / near[1])),
        "js": float(jensenshannon(*twentieths, base=2)),
        "hellinger": math.sqrt(max(0.0, 1 - float(np.sqrt(twentieths[0] * twentieths[1]).sum()))),
        "psi": psi_on_paper(table("tenths", reference, current), tenths[0].size),
    }


def psi_on_paper(found: Table, bins: int) -> float:
    total = 0.0
    for e, f in zip(found.expected.tolist(), found.found.tolist(), strict=True):
        p = (e + 0.5) / (found.expected.sum() + 0.5 * bins)
        q = (f + 0.5) / (found.found.sum() + 0.5 * bins)
        total += (q - p) * math.log(q / p)
    return total


def expected_categorical(reference: CategoricalProfile, current: CategoricalProfile) -> dict[str, float]:
    found = table("categories", reference, current)
    p, q = shares(found)
    names = sorted({*reference.counts, *current.counts})
    new = sum(current.counts.get(name, 0) for name in names if name not in reference.counts)
    # Equal sizes, for which SciPy's Cramér's V is ours.
    equal = np.rint(np.stack((p * current.count, q * current.count)) * reference.count).astype(int)
    return {
        "linf": float(np.abs(p - q).max()),
        "js": float(jensenshannon(p, q, base=2)),
        "hellinger": math.sqrt(max(0.0, 1 - float(np.sqrt(p * q).sum()))),
        "psi": psi_on_paper(found, p.size),
        "new_categories": new / current.count,
        "chi2": float(stats.contingency.association(equal, correction=False)) if p.size > 1 else 0.0,
    }


def close(found: float, expected: float) -> bool:
    # 1 - sum(sqrt(p q)) has only half of its digits near zero.
    return math.isclose(found, expected, rel_tol=1e-9, abs_tol=2e-8)


def test_numeric() -> None:
    for case, (reference, current) in enumerate(numeric_cases()):
        for name, expected in expected_numeric(reference, current).items():
            found = FUNCTIONS[name, "numeric"](reference, current).value
            assert close(found, expected), (case, name, found, expected)


def test_categorical() -> None:
    for case, (reference, current) in enumerate(categorical_cases()):
        for name, expected in expected_categorical(reference, current).items():
            found = FUNCTIONS[name, "categorical"](reference, current).value
            assert close(found, expected), (case, name, found, expected)


@pytest.mark.parametrize("seed", range(20))
def test_cramer_von_mises_is_scipys_without_ties(seed: int) -> None:
    draw = np.random.default_rng(seed)
    # Values so far apart that each has a cell of its own.
    places = draw.permutation(60)
    n = int(draw.integers(2, 58))
    x, y = (np.exp2(part / 4.0) for part in (places[:n], places[n:]))
    one = Frame(0.0, 1.0)
    value = FUNCTIONS["cvm", "numeric"](NumericProfile.of(x, one), NumericProfile.of(y, one)).value
    exact = stats.cramervonmises_2samp(x, y, method="asymptotic")
    n, m = x.size, y.size
    # SciPy's T is Anderson's (1962), which subtracts the mean that ours keeps.
    assert value**2 * n * m / (n + m) == pytest.approx(exact.statistic, rel=1e-9)


@pytest.mark.parametrize("x", [0.05, 0.1, 0.2, 0.46, 0.74, 0.76, 1.2, 2.5])
def test_the_limit_of_cramer_von_mises(x: float) -> None:
    from trimtab.drift.cramer_von_mises import _limit

    many = np.full(100_000, 100.0)
    value = math.sqrt(x / (many.sum() / 2))
    exact = float(1 - stats._hypotests._cdf_cvm_inf(x))
    assert _limit(many, many, np.empty(0), value) == pytest.approx(exact, rel=0.05)
