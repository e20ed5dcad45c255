from __future__ import annotations

import math
from typing import Any, get_args

import pytest

from trimtab.config import PerformanceTest
from trimtab.performance import HIGHER_IS_BETTER, PerformanceVerdict, evaluate


def judge(metric: str, reference: float | None, value: float | None, **rule: float) -> PerformanceVerdict:
    test = PerformanceTest.model_validate({"metric": metric, **rule})
    before: dict[str, float] = {} if reference is None else {metric: reference}
    [verdict] = evaluate(before, {} if value is None else {metric: value}, [test])
    return verdict


@pytest.mark.parametrize(
    ("metric", "reference", "value", "rule", "status", "limit"),
    [
        ("accuracy", 0.9, 0.84, {"max_drop": 0.05}, "worse", 0.85),
        ("accuracy", 0.9, 0.85, {"max_drop": 0.05}, "ok", 0.85),  # on the limit, in spite of rounding
        ("accuracy", 0.9, 0.99, {"max_drop": 0.05}, "ok", 0.85),
        ("f1", None, 0.4, {"limit": 0.5}, "worse", 0.5),
        ("f1", None, 0.5, {"limit": 0.5}, "ok", 0.5),
        ("log_loss", 0.3, 0.41, {"max_drop": 0.1}, "worse", 0.4),
        ("log_loss", 0.3, 0.1, {"max_drop": 0.1}, "ok", 0.4),
        ("mae", None, 5.1, {"limit": 5.0}, "worse", 5.0),
        ("rmse", 1e9, 1.1e9, {"max_drop": 0.0}, "worse", 1e9),
        ("rmse", 2.0, 2.0, {"max_drop": 0.0}, "ok", 2.0),
        ("accuracy", None, 0.9, {"max_drop": 0.05}, "no_reference", None),
        ("accuracy", None, None, {"max_drop": 0.05}, "no_reference", None),
        ("accuracy", 0.9, None, {"max_drop": 0.05}, "too_few", 0.85),
        ("mae", None, None, {"limit": 5.0}, "too_few", 5.0),
    ],
)
def test_verdicts(
    metric: str,
    reference: float | None,
    value: float | None,
    rule: dict[str, float],
    status: str,
    limit: float | None,
) -> None:
    verdict = judge(metric, reference, value, **rule)
    assert (verdict.metric, verdict.status, verdict.value, verdict.reference) == (metric, status, value, reference)
    assert verdict.limit == pytest.approx(limit)


def test_what_is_not_finite_is_not_there() -> None:
    assert judge("accuracy", 0.9, math.nan, max_drop=0.1).status == "too_few"
    assert judge("accuracy", math.nan, 0.9, max_drop=0.1).status == "no_reference"


def test_tests_keep_their_order_and_a_missing_reference_may_be_none() -> None:
    tests = [PerformanceTest(metric="f1", limit=0.5), PerformanceTest(metric="accuracy", max_drop=0.1)]
    found = evaluate(None, {"f1": 0.6, "accuracy": 0.9}, tests)
    assert [(v.metric, v.status) for v in found] == [("f1", "ok"), ("accuracy", "no_reference")]


def test_every_configurable_metric_has_a_direction() -> None:
    annotation: Any = PerformanceTest.model_fields["metric"].annotation
    assert set(get_args(annotation)) == HIGHER_IS_BETTER.keys()
