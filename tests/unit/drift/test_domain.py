"""The classifier of whole rows: what it finds, what it leaves alone, and that only the rows matter."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from trimtab.config import DriftSpec
from trimtab.drift import AUC, DOMAIN, Budget, Calibration, Healthy, History, Nulls, domain, evaluate
from trimtab.drift.domain import LEAST_ROWS, domain_classifier, is_fair, mann_whitney
from trimtab.drift.evaluate import FeatureVerdict
from trimtab.events.columns import Categories, FloatArray
from trimtab.profiles import Reference, RowSample, WindowProfile

SPEC = DriftSpec(domain_classifier=True)
LATER_MS = 10**6


def sample(
    numbers: Mapping[str, Any], categories: Mapping[str, Sequence[str | None]] | None = None, at_ms: int = 0
) -> RowSample:
    of = {name: Categories.of(values) for name, values in (categories or {}).items()}
    rows = len(next(iter([*numbers.values(), *of.values()])))
    return RowSample.of(512, np.arange(rows) + at_ms, numbers, of)


def pair(seed: int, rows: int, correlation: float) -> dict[str, FloatArray]:
    x, y, z = np.random.default_rng(seed).normal(size=(3, rows))
    return {"x": x, "y": correlation * x + math.sqrt(1 - correlation**2) * y, "z": z}


def together(seed: int, rows: int, strength: float) -> tuple[dict[str, FloatArray], dict[str, list[str | None]]]:
    """``x`` and ``c`` are each distributed alike whatever the strength with which they go together."""
    draw = np.random.default_rng(seed)
    c = draw.integers(0, 4, rows)
    key = strength * np.where(c < 2, 1.0, -1.0) + math.sqrt(1 - strength**2) * draw.normal(size=rows)
    x = np.sort(draw.normal(size=rows))[np.argsort(np.argsort(key))]
    return {"x": x, "y": draw.normal(size=rows)}, {"c": [f"v{k}" for k in c.tolist()]}


def test_a_change_of_correlation_alone_is_found() -> None:
    found = domain_classifier(sample(pair(1, 2_000, 0.8)), sample(pair(2, 500, 0.0), at_ms=LATER_MS))
    assert found.value > 0.15
    assert found.p_value is not None
    assert found.p_value < 1e-8


def test_a_category_that_goes_together_with_a_number_is_found() -> None:
    found = domain_classifier(sample(*together(1, 2_000, 0.0)), sample(*together(2, 500, 0.7), at_ms=LATER_MS))
    assert found.value > 0.1
    assert found.p_value is not None
    assert found.p_value < 1e-4


def test_categories_alone_and_missing_values_are_found() -> None:
    before: list[str | None] = ["a", "b", "c", None] * 100
    shifted: list[str | None] = ["a", "b", "c", "c"] * 100
    rare: list[str | None] = ["a", "b", "c", "new"] * 100
    for after in (shifted, rare):
        assert domain_classifier(sample({}, {"u": before}), sample({}, {"u": after}, LATER_MS)).value > 0.08
    assert domain_classifier(sample({}, {"u": before}), sample({}, {"u": before}, LATER_MS)).value < 0.05


def test_windows_without_a_change_are_as_rarely_significant_as_they_should() -> None:
    """400 windows: of 20 expected at 5 %, 8 to 32 are within three standard errors."""
    found = []
    for seed in range(100):
        before = sample(pair(seed, 300, 0.5))
        for k in range(4):
            after = sample(pair(10_000 + 4 * seed + k, 120, 0.5), at_ms=LATER_MS)
            found.append(domain_classifier(before, after))
    assert 8 <= sum(one.p_value <= 0.05 for one in found if one.p_value is not None) <= 32
    assert abs(np.mean([one.value for one in found])) < 0.01


def test_a_reference_of_more_rows_teaches_as_well() -> None:
    """Its sample has smaller hashes, and must not come first: the classifier would have forgotten it."""
    found = []
    for rows in (512, 500_000):
        values = pair(3, rows, 0.8)
        found.append(domain_classifier(sample(values), sample(pair(4, 512, 0.0), at_ms=LATER_MS)).value)
    assert abs(found[0] - found[1]) < 0.04


def test_each_half_is_scored_by_what_the_other_taught(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Any, Any]] = []

    def of_half(columns: FloatArray, is_window: Any, taught: Any) -> tuple[float, float]:
        asked.append((is_window, taught))
        return (0.6, 0.2) if len(asked) == 1 else (0.8, 0.2)

    monkeypatch.setattr(domain, "_of_half", of_half)
    found = domain_classifier(sample(pair(1, 90_000, 0.0)), sample(pair(2, 100, 0.0), at_ms=LATER_MS))
    assert [found.value, found.p_value] == pytest.approx([0.2, 0.2])
    (is_window, taught), (again, others) = asked
    assert again.tolist() == is_window.tolist()
    assert (taught ^ others).all()
    # Both sides are in both halves, and come at the same pace, however much smaller the hashes of one are.
    assert [int(taught[is_window == side].sum()) for side in (False, True)] == [256, 50]
    so_far = np.cumsum(is_window) / 100 - np.cumsum(~is_window) / 512
    assert np.abs(so_far).max() < 0.02


def test_scores_are_those_of_the_rows_that_taught_nothing() -> None:
    draw = np.random.default_rng(5)
    is_window, taught = draw.random((2, 300)) < 0.4
    telling = np.where(is_window, 1.0, -1.0)[None] + 0.1 * draw.normal(size=300)
    area, p_value = domain._of_half(telling, is_window, taught)
    assert (area, p_value < 1e-12) == (1.0, True)
    # A column that tells only where nothing is taught.
    late = np.where(is_window & ~taught, 1.0, 0.0)[None] + draw.normal(size=300) * np.where(taught, 1.0, 1e-3)
    assert domain._of_half(late, is_window, taught)[0] in (0.0, 1.0)


def test_the_scores_are_those_of_a_logistic_regression_written_out() -> None:
    draw = np.random.default_rng(6)
    terms = draw.normal(size=(3, 200)) * [[1.0], [5.0], [0.2]] + 1
    is_window, taught = draw.random(200) < 0.3, draw.random(200) < 0.5
    weights = np.zeros(3)
    intercept, seen = 0.0, np.empty((3, 0))
    chance = is_window[taught].mean()

    def scaled(row: FloatArray) -> FloatArray:
        scale = seen.std(axis=1)
        return np.asarray(np.where(scale > 0, row - seen.mean(axis=1), 0.0) / np.where(scale > 0, scale, 1.0))

    for row, label in zip(terms.T[taught], is_window[taught], strict=True):
        seen = np.column_stack((seen, row))
        x = scaled(row)
        wrong = 1 / (1 + math.exp(-(weights @ x + intercept))) - label
        wrong *= 0.5 / (chance if label else 1 - chance)
        weights -= 0.02 * wrong * x
        intercept -= 0.01 * wrong
    expected = [1 / (1 + math.exp(-(weights @ scaled(row) + intercept))) for row in terms.T[~taught]]
    assert domain._scores(terms, is_window, taught).tolist() == pytest.approx(expected, rel=1e-9)


@given(st.data())
@settings(max_examples=25, deadline=None)
def test_the_order_in_which_samples_were_merged_does_not_matter(data: st.DataObject) -> None:
    values, texts = together(5, 400, 0.0)
    after = sample(*together(6, 150, 0.5), at_ms=LATER_MS)
    whole = domain_classifier(sample(values, texts), after)
    order = np.array(data.draw(st.permutations(range(400))))
    cuts = sorted(data.draw(st.sets(st.integers(0, 400), max_size=4)))
    pieces = []
    for start, end in zip([0, *cuts], [*cuts, 400], strict=True):
        rows = order[start:end]
        # Names of the features, too, come in another order.
        numbers = {name: values[name][rows] for name in data.draw(st.permutations(sorted(values)))}
        categories = {"c": Categories.of([texts["c"][row] for row in rows])}
        pieces.append(RowSample.of(512, rows, numbers, categories))
    merged = reduce(RowSample.merge, data.draw(st.permutations(pieces)))
    assert domain_classifier(merged, after) == whole
    assert domain_classifier(RowSample.from_bytes(merged.to_bytes()), after) == whole


odd = st.sampled_from([0.0, -1.0, 1e308, -1e308, math.inf, -math.inf, math.nan, 5e-324])


@given(st.lists(odd, min_size=1, max_size=8), st.lists(st.sampled_from(["a", "b", None]), min_size=1, max_size=4))
@settings(max_examples=40, deadline=None)
def test_whatever_the_values_it_is_a_number(values: list[float], texts: list[str | None]) -> None:
    rows = 2 * LEAST_ROWS
    one = sample({"x": np.resize(np.array(values), rows)}, {"u": (texts * rows)[:rows]})
    other = sample({"x": np.resize(np.array(values[::-1]), rows)}, {"u": ["b"] * rows}, LATER_MS)
    for found in (domain_classifier(one, other), domain_classifier(other, one)):
        assert -0.5 <= found.value <= 0.5
        assert found.p_value is not None
        assert 0.0 <= found.p_value <= 1.0


def test_with_nothing_to_look_at_there_is_no_evidence() -> None:
    constant = sample({"x": np.ones(100)}), sample({"x": np.ones(100)}, at_ms=LATER_MS)
    few = sample(pair(1, LEAST_ROWS - 1, 0.9)), sample(pair(2, 500, 0.0), at_ms=LATER_MS)
    other = sample({"x": np.arange(100.0)}), sample({"y": np.arange(100.0)}, at_ms=LATER_MS)
    for before, after in (constant, few, few[::-1], other):
        found = domain_classifier(before, after)
        assert (found.value, found.p_value) == (0.0, 1.0)


def test_it_leaves_out_what_it_is_told_to() -> None:
    before, after = pair(1, 500, 0.0), pair(2, 500, 0.0)
    after["z"] = after["z"] + 3
    assert domain_classifier(sample(before), sample(after, at_ms=LATER_MS)).value > 0.4
    assert domain_classifier(sample(before), sample(after, at_ms=LATER_MS), ["z"]).value < 0.1
    texts: dict[str, list[str | None]] = {"u": ["a"] * 500}
    marked = sample(before, texts), sample(before, {"u": ["b"] * 500}, LATER_MS)
    assert domain_classifier(*marked).value == 0.5
    assert domain_classifier(*marked, ignore={"u"}).value < 0.1


@given(*[st.lists(st.integers(-3, 3).map(float), min_size=2, max_size=40)] * 2)
def test_the_rank_test_is_that_of_scipy(before: list[float], after: list[float]) -> None:
    area, p_value = mann_whitney(np.array(before), np.array(after))
    if len({*before, *after}) == 1:
        assert (area, p_value) == (0.5, 1.0)
        return
    asked = stats.mannwhitneyu(after, before, alternative="greater", method="asymptotic", use_continuity=False)
    assert area == pytest.approx(asked.statistic / (len(before) * len(after)), abs=1e-12)
    assert p_value == pytest.approx(asked.pvalue, rel=1e-9)


@pytest.mark.parametrize(("distinct", "fair"), [(2_000, True), (1_200, True), (700, False), (100, False)])
def test_a_sample_of_rows_that_are_often_equal_is_not_fair(distinct: int, fair: bool) -> None:
    times = np.arange(2_000) % distinct
    assert is_fair(RowSample.of(256, times, {}, {}), 2_000, 0.5) is fair


def judged(
    before: RowSample | None,
    after: RowSample | None,
    spec: DriftSpec = SPEC,
    *,
    least: int = 100,
    calibration: Calibration | None = None,
    rows: int | None = None,
) -> list[FeatureVerdict]:
    reference = Reference("r", WindowProfile(0 if before is None else len(before), sample=before))
    events = rows if rows is not None else 0 if after is None else len(after)
    return evaluate(reference, WindowProfile(events, sample=after), spec, least, [], calibration)


BEFORE, APART = sample(pair(1, 400, 0.8)), sample(pair(2, 400, -0.8), at_ms=LATER_MS)
ALIKE = sample(pair(3, 400, 0.8), at_ms=LATER_MS)


def test_the_verdict() -> None:
    [apart], [alike] = judged(BEFORE, APART), judged(BEFORE, ALIKE)
    assert (apart.feature, apart.status, apart.exceeded) == (DOMAIN, "drift", (AUC,))
    assert (alike.feature, alike.status, alike.exceeded) == (DOMAIN, "ok", ())
    assert sorted(apart.measured) == sorted(alike.measured) == [AUC]
    strict = DriftSpec(domain_classifier=True, domain_threshold=0.49)
    assert judged(BEFORE, APART, strict)[0].status == "ok"


def test_it_is_absent_where_it_was_not_asked_for_or_a_side_has_no_rows() -> None:
    assert judged(BEFORE, APART, DriftSpec()) == judged(None, APART) == judged(BEFORE, None) == []
    assert evaluate(None, WindowProfile(400, sample=APART), SPEC, 100, []) == []


def test_features_that_drift_ignores_are_left_out() -> None:
    spec = DriftSpec(domain_classifier=True, ignore=("y",))
    assert judged(BEFORE, APART, spec)[0].status == "ok"


def test_too_few() -> None:
    few = FeatureVerdict(DOMAIN, "too_few")
    assert judged(BEFORE, APART, least=401) == [few]
    assert judged(BEFORE, APART, least=400)[0].status == "drift"
    small = sample(pair(1, LEAST_ROWS - 1, 0.8))
    assert judged(small, APART) == judged(BEFORE, small, least=1) == [few]
    # Of a window that wants more rows than a sample holds, all that it holds are enough.
    full = sample(pair(2, 900, -0.8), at_ms=LATER_MS)
    assert judged(BEFORE, full, least=800, rows=900)[0].status == "drift"
    assert judged(BEFORE, APART, rows=501) == [few]
    often_equal = Reference("r", WindowProfile(801, sample=BEFORE))
    assert evaluate(often_equal, WindowProfile(400, sample=APART), SPEC, 100, []) == [few]


def test_its_p_value_takes_part_in_the_budget() -> None:
    spent = []
    for after in (APART, None):
        calibration = Calibration(Nulls(100), Budget(1, 30 * 86_400_000), 3_600_000)
        found = judged(BEFORE, after, calibration=calibration)
        spent.append(calibration.budget.spent)
    assert found == []
    assert spent[0] > 0 == spent[1]


def test_earlier_windows_say_what_is_usual() -> None:
    wild = [Healthy(k, k + 1, WindowProfile(), {DOMAIN: {AUC: 0.3 + 0.03 * k}}) for k in range(8)]
    calm = [Healthy(k, k + 1, WindowProfile(), {DOMAIN: {AUC: 0.001 * (k - 4)}}) for k in range(8)]
    statuses = []
    for windows in (wild, calm):
        budget = Budget(1, 86_400_000)
        calibration = Calibration(Nulls(100), budget, 3_600_000, history=History(windows))
        statuses.append(judged(BEFORE, APART, calibration=calibration)[0].status)
    assert statuses == ["ok", "drift"]
    # Values of both signs are taken as they are: the p-value is that of a prediction from normal values.
    found = History(calm).p_value(domain.STATISTIC, DOMAIN, 0.02)
    usual = 0.001 * (np.arange(8) - 4)
    t = (0.02 - usual.mean()) / (usual.std(ddof=1) * math.sqrt(1 + 1 / 8))
    assert found == pytest.approx(stats.t.sf(t, 7), rel=0.15)
