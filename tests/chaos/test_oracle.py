"""The oracles see what they are for."""

from __future__ import annotations

from typing import Any

from tests.chaos.oracle import examples_once, learnt_once, predictions_once, versions_once

SENT = {("m", "a"), ("m", "b"), ("n", "a")}


def metric(value: int, statistic: str = "events", **fields: Any) -> dict[str, Any]:
    return {"model": "m", "segment": "", "feature": None, "statistic": statistic, "value": float(value), **fields}


def test_counts_of_predictions() -> None:
    right = [metric(3), metric(4), metric(1, "late_events"), metric(9, segment="s=1"), metric(9, "psi", feature="x")]
    assert predictions_once({"m": 8}, right) == []
    assert predictions_once({"m": 9}, right), "one is lost"
    assert predictions_once({"m": 8}, [*right, metric(3)]), "a window is doubled"
    assert predictions_once({"m": 8, "n": 1}, right), "a model is lost"
    assert predictions_once({"m": 8}, [*right, metric(4, "labelled"), metric(1, "late_labelled")], labelled=5) == []


def test_examples() -> None:
    assert examples_once(SENT, list(SENT)) == []
    assert examples_once(SENT, [("m", "a"), ("n", "a")]) == ["lost: ('m', 'b')"]
    assert examples_once(SENT, [*SENT, ("m", "a")]) == ["2 times: ('m', 'a')"]
    assert examples_once(SENT, [*SENT, ("m", "c")]) == ["never sent: ('m', 'c')"]


def test_learning() -> None:
    assert learnt_once({"m": 2, "n": 1}, SENT) == []
    assert learnt_once({"m": 3, "n": 1}, SENT) == ["m: 3 examples learnt, 2 in the log"]
    assert learnt_once({"m": 2}, SENT) == ["n: 0 examples learnt, 1 in the log"]


def test_versions() -> None:
    assert versions_once(["m/versions/1", "m/versions/2", "n/versions/1"]) == []
    assert versions_once(["m/versions/1", "m/versions/1"]) == ["m/versions/1 was written 2 times"]
    assert versions_once(["m/versions/1", "m/versions/3"]) == ["m has versions [1, 3]"]
