from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab.performance import HIGHER_IS_BETTER, Task, metrics
from trimtab.profiles import PerformanceProfile


def classified(rows: list[tuple[str, str]], scores: list[float | None] | None = None) -> PerformanceProfile:
    labels, predictions = [r[0] for r in rows], [r[1] for r in rows]
    return PerformanceProfile.of_classification(labels, predictions, scores or [None] * len(rows))


def f1_by_hand(rows: list[tuple[str, str]], positive: str) -> float:
    """From precision and recall, the other way round than the code does it."""
    hits = sum(label == guess == positive for label, guess in rows)
    if not hits:
        return 0.0
    precision = hits / sum(guess == positive for _, guess in rows)
    recall = hits / sum(label == positive for label, _ in rows)
    return 2 * precision * recall / (precision + recall)


def pairs(classes: str) -> st.SearchStrategy[list[tuple[str, str]]]:
    return st.lists(st.tuples(st.sampled_from(classes), st.sampled_from(classes)), min_size=1, max_size=30)


@settings(max_examples=20, deadline=None)
@given(pairs("01"))
def test_binary(rows: list[tuple[str, str]]) -> None:
    found = metrics(classified(rows), "binary")
    assert found["accuracy"] == pytest.approx(sum(a == b for a, b in rows) / len(rows))
    if any("1" in row for row in rows):
        assert found["f1"] == pytest.approx(f1_by_hand(rows, "1"))
    else:
        assert "f1" not in found


@settings(max_examples=20, deadline=None)
@given(pairs("abc"))
def test_multiclass_f1_is_the_mean_over_classes(rows: list[tuple[str, str]]) -> None:
    classes = {name for row in rows for name in row}
    by_hand = sum(f1_by_hand(rows, name) for name in classes) / len(classes)
    assert metrics(classified(rows), "multiclass")["f1"] == pytest.approx(by_hand)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("01"), st.floats(0.001, 0.999)), min_size=1, max_size=30))
def test_log_loss(rows: list[tuple[str, float]]) -> None:
    by_hand = -sum(math.log(p if label == "1" else 1 - p) for label, p in rows) / len(rows)
    found = metrics(classified([(r[0], "1") for r in rows], [r[1] for r in rows]), "binary")
    assert found["log_loss"] == pytest.approx(by_hand)


def test_regression() -> None:
    profile = PerformanceProfile.of_regression([1.0, 2.0, 3.0], [1.0, 4.0, 7.0])
    assert metrics(profile, "regression") == {"mae": 2.0, "rmse": pytest.approx(math.sqrt(20 / 3))}


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_an_empty_window_has_no_metrics(task: Task) -> None:
    assert metrics(PerformanceProfile(), task) == {}
    assert metrics(PerformanceProfile.of_regression([math.nan], [1.0]), task) == {}


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        ([("0", "0")] * 3, {"accuracy": 1.0}),
        ([("1", "1")] * 3, {"accuracy": 1.0, "f1": 1.0}),
        ([("1", "0")] * 3, {"accuracy": 0.0, "f1": 0.0}),
    ],
)
def test_one_class(rows: list[tuple[str, str]], found: dict[str, float]) -> None:
    assert metrics(classified(rows), "binary") == found


def test_multiclass_has_no_log_loss() -> None:
    assert "log_loss" not in metrics(classified([("1", "1")], [0.5]), "multiclass")


@settings(max_examples=20, deadline=None)
@given(pairs("01"), pairs("01"))
def test_merged_windows_have_the_metrics_of_the_whole(a: list[tuple[str, str]], b: list[tuple[str, str]]) -> None:
    merged = classified(a).merge(classified(b))
    assert metrics(merged, "binary") == metrics(classified(a + b), "binary")


def test_every_metric_has_a_direction() -> None:
    found = metrics(classified([("1", "1")], [0.5]), "binary") | metrics(
        PerformanceProfile.of_regression([1.0], [1.0]), "regression"
    )
    assert found.keys() == HIGHER_IS_BETTER.keys()
