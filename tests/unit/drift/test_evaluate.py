from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from tests.unit.drift.checks import moved, sample
from trimtab.config import DriftSpec
from trimtab.drift import Budget, Calibration, FeatureVerdict, Nulls, evaluate, statistics
from trimtab.drift.combination import combined
from trimtab.profiles import (
    IDENTITY,
    PREDICTION,
    SCORE,
    CategoricalProfile,
    NumericProfile,
    Reference,
    WindowProfile,
)
from trimtab.profiles.cells import FloatArray

COLOURS = ["red"] * 800 + ["blue"] * 200
REFERENCE = Reference.of("r1", {"x": sample(), SCORE: sample(1_000, 3)}, {"c": COLOURS, PREDICTION: ["0", "1"]}, {})
MIN_COUNT = 100


def numeric(values: FloatArray, feature: str = "x") -> NumericProfile:
    return NumericProfile.of(values, REFERENCE.frame(feature))


def judge(
    numeric_profile: NumericProfile | None = None, categories: Sequence[str | None] | None = None, **spec: Any
) -> FeatureVerdict:
    """Verdict on ``x``, or on ``c`` when categories are given."""
    if categories is None:
        window = WindowProfile(1_000, {} if numeric_profile is None else {"x": numeric_profile})
        [verdict] = evaluate(REFERENCE, window, DriftSpec(**spec), MIN_COUNT, ["x"])
    else:
        profile = CategoricalProfile.of(categories, REFERENCE.known("c"))
        [verdict] = evaluate(REFERENCE, WindowProfile(1_000, {}, {"c": profile}), DriftSpec(**spec), MIN_COUNT, ["c"])
    return verdict


def test_ok() -> None:
    verdict = judge(numeric(sample(1_000, 1)))
    assert (verdict.status, verdict.exceeded) == ("ok", ())
    assert verdict.measured.keys() == {"psi", "js", "ks", "wasserstein", "mean", "spread", "missing_rate"}
    assert judge(categories=COLOURS).status == "ok"


def test_drift() -> None:
    verdict = judge(numeric(sample(1_000, 1) + 1))
    assert (verdict.status, verdict.exceeded) == ("drift", ("js", "ks", "mean", "psi", "wasserstein"))
    verdict = judge(categories=["blue"] * 900 + ["red"] * 100)
    assert (verdict.status, verdict.exceeded) == ("drift", ("chi2", "js", "linf", "psi"))
    assert verdict.measured.keys() == {"chi2", "js", "linf", "missing_rate", "psi"}


def test_new_categories_are_drift() -> None:
    assert judge(categories=["mauve"] * 500 + COLOURS[:500]).status == "drift"


@pytest.mark.parametrize(
    ("thresholds", "agree", "status"),
    [
        ({"psi": 0.1, "ks": 9.0}, 1, "drift"),
        ({"psi": 0.1, "ks": 9.0}, 2, "ok"),
        ({"psi": 0.1, "ks": 0.1}, 2, "drift"),
        ({"psi": 0.1}, 2, "drift"),  # only one is configured: it suffices
        ({"chi2": 0.1}, 2, "ok"),  # none is configured for numbers
        ({}, 1, "ok"),
    ],
)
def test_so_many_must_agree(thresholds: dict[str, float], agree: int, status: str) -> None:
    verdict = judge(numeric(sample(1_000, 1) + 1), thresholds=thresholds, agree=agree)
    assert verdict.status == status
    assert verdict.measured.keys() - {"missing_rate"} == thresholds.keys() - {"chi2"}


def test_an_effect_that_may_be_chance_is_no_drift() -> None:
    small = numeric(sample(100, 1) + 0.5)
    assert judge(small, alpha=1e-12, thresholds={"ks": 0.15}).status == "ok"
    assert judge(small, alpha=0.05, thresholds={"ks": 0.15}).status == "drift"


def test_a_significant_trifle_is_no_drift() -> None:
    verdict = judge(numeric(sample(70_000, 1) + 0.1))
    p_value = verdict.measured["ks"].p_value
    assert p_value is not None
    assert p_value < 1e-6
    assert verdict.status == "ok"


def test_the_threshold_itself_is_exceeded() -> None:
    drifted = numeric(sample(1_000, 1) + 1)
    value = judge(drifted).measured["psi"].value
    assert judge(drifted, thresholds={"psi": value}).status == "drift"
    assert judge(drifted, thresholds={"psi": np.nextafter(value, 9)}).status == "ok"


def test_ignored_features_are_measured() -> None:
    verdict = judge(numeric(sample(1_000, 1) + 1), ignore=("x",))
    assert (verdict.status, len(verdict.exceeded)) == ("ok", 5)


def test_missing_comes_before_drift() -> None:
    values = sample(1_000, 1) + 1
    values[:60] = np.nan
    verdict = judge(numeric(values))
    assert (verdict.status, verdict.exceeded) == ("missing", ("js", "ks", "mean", "missing_rate", "psi", "wasserstein"))
    assert verdict.measured["missing_rate"].value == pytest.approx(0.06)
    assert judge(numeric(values), missing_rate=0.07).status == "drift"
    assert judge(categories=[*[None] * 100, *COLOURS]).status == "missing"


def test_infinities_are_missing_values() -> None:
    values = sample(1_000, 1).copy()
    values[:60] = np.inf
    assert judge(numeric(values)).status == "missing"


def test_fewer_missing_are_fine() -> None:
    reference = Reference.of("r", {"x": moved(2.0)}, {}, {})
    profile = NumericProfile.of(sample(1_000, 1) + 2, reference.frame("x"))
    [verdict] = evaluate(reference, WindowProfile(1_000, {"x": profile}), DriftSpec(), MIN_COUNT, ["x"])
    assert verdict.status == "ok"


def test_a_feature_that_vanished_is_missing() -> None:
    verdict = judge(None)
    assert (verdict.status, verdict.measured["missing_rate"].value) == ("missing", 1)


def test_too_few() -> None:
    assert judge(numeric(sample(99, 1) + 3)) == FeatureVerdict("x", "too_few")
    half_missing = np.append(sample(60, 1), [np.nan] * 60)
    assert judge(numeric(half_missing), missing_rate=0.9).status == "too_few"
    assert evaluate(REFERENCE, WindowProfile.empty(), DriftSpec(), MIN_COUNT, ["x", "c"]) == [
        FeatureVerdict("x", "too_few"),
        FeatureVerdict("c", "too_few"),
    ]


def test_no_reference() -> None:
    window = WindowProfile(1_000, {"x": numeric(sample()), "y": numeric(sample())})
    assert evaluate(None, window, DriftSpec(), MIN_COUNT, ["x"]) == [FeatureVerdict("x", "no_reference")]
    assert evaluate(REFERENCE, window, DriftSpec(), MIN_COUNT, ["y"]) == [FeatureVerdict("y", "no_reference")]
    empty = Reference.of("r", {"x": np.array([])}, {}, {})
    assert evaluate(empty, window, DriftSpec(), MIN_COUNT, ["x"])[0].status == "no_reference"
    missing = Reference.of("r", {"x": np.full(9, np.nan)}, {}, {})
    assert evaluate(missing, window, DriftSpec(), MIN_COUNT, ["x"])[0].status == "no_reference"


def test_a_profile_in_another_frame_or_of_another_kind_has_no_reference() -> None:
    assert judge(NumericProfile.of(sample(), IDENTITY)).status == "no_reference"
    window = WindowProfile(1_000, {}, {"x": CategoricalProfile.of(COLOURS)})
    assert evaluate(REFERENCE, window, DriftSpec(), MIN_COUNT, ["x"])[0].status == "no_reference"


def test_the_score_is_judged_when_both_have_one() -> None:
    window = WindowProfile(1_000, {"x": numeric(sample()), SCORE: numeric(sample(1_000, 3) + 2, SCORE)})
    found = {v.feature: v.status for v in evaluate(REFERENCE, window, DriftSpec(), MIN_COUNT, ["x"])}
    assert found == {"x": "ok", SCORE: "drift"}
    assert len(evaluate(REFERENCE, window, DriftSpec(), MIN_COUNT, ["x", SCORE])) == 2
    without = WindowProfile(1_000, {"x": numeric(sample())})
    assert len(evaluate(REFERENCE, without, DriftSpec(), MIN_COUNT, ["x"])) == 1


HOUR_MS = 3_600_000


def at_level(level: float) -> Calibration:
    """One that allows this level when one p-value takes part."""
    return Calibration(Nulls(400), Budget(level / 0.45, HOUR_MS), HOUR_MS)


def calibrated(by: float, level: float, **spec: Any) -> tuple[FeatureVerdict, Calibration]:
    calibration = at_level(level)
    window = WindowProfile(300, {"x": numeric(sample(300, 1) + by)})
    [verdict] = evaluate(REFERENCE, window, DriftSpec(**spec), MIN_COUNT, ["x"], calibration)
    return verdict, calibration


ANY = dict.fromkeys(DriftSpec().thresholds, 0.0)


def test_the_p_values_of_a_feature_count_together() -> None:
    verdict, _ = calibrated(0.2, 1e-3, thresholds=ANY)
    tested = [s for s in statistics("numeric") if s.name in ANY]
    weights = [s.weight for s in tested]
    p_values = [verdict.measured[s.name].p_value or 1.0 for s in tested]
    assert (len(tested), min(weights), max(weights)) == (6, 0.25, 1.0)
    assert verdict.p_value == combined(p_values, weights)
    assert min(p_values) < verdict.p_value < 6 * min(p_values)


def test_one_small_p_value_of_several_is_not_enough() -> None:
    found, _ = calibrated(0.2, 1.0, thresholds=ANY)
    together, least = found.p_value or 1.0, min(m.p_value or 1.0 for m in found.measured.values())
    assert least < together
    verdict, calibration = calibrated(0.2, (least + together) / 2, thresholds=ANY)
    assert calibration.budget.last_level == pytest.approx((least + together) / 2)
    assert (verdict.status, verdict.exceeded) == ("ok", ())
    verdict, _ = calibrated(0.2, together * 1.001, thresholds=ANY)
    assert verdict.status == "drift"
    # One that alone is configured has its own.
    verdict, _ = calibrated(0.2, 1e-3, thresholds={"mean": 0.0})
    assert verdict.p_value == pytest.approx(verdict.measured["mean"].p_value)


def test_without_an_effect_nothing_is_simulated_and_the_test_counts() -> None:
    verdict, calibration = calibrated(0.2, 1e-3)
    assert (verdict.status, verdict.p_value) == ("ok", None)
    assert calibration.budget.last_level == pytest.approx(1e-3)
    assert verdict.measured["wasserstein"].p_value is None
    # One effect is enough to find out all p-values.
    verdict, _ = calibrated(0.2, 1e-3, thresholds=dict(DriftSpec().thresholds) | {"mean": 0.0})
    assert verdict.measured["wasserstein"].p_value is not None
    assert verdict.p_value is not None


def test_an_effect_has_to_be_sure_by_itself() -> None:
    """What is sure is a trifle, and what is no trifle is not sure."""
    verdict, _ = calibrated(0.5, 1e-4, thresholds=ANY | dict.fromkeys(("mean", "ks", "wasserstein", "psi", "js"), 9.0))
    assert verdict.p_value is not None
    assert verdict.p_value < 1e-4 < (verdict.measured["spread"].p_value or 1.0)
    assert verdict.status == "ok"


def test_the_level_is_shared_by_features_not_by_statistics() -> None:
    calibration = at_level(1e-3)
    both = {name: numeric(sample(300, 1) + 0.5, name) for name in ("x", SCORE)}
    verdicts = evaluate(REFERENCE, WindowProfile(300, both), DriftSpec(thresholds=ANY), MIN_COUNT, ["x"], calibration)
    assert [verdict.p_value is not None and verdict.p_value < 0.5 for verdict in verdicts] == [True, True]
    assert calibration.budget.last_level == pytest.approx(5e-4)
