"""Sums of a comparison, and what became of those that earlier releases kept."""

import numpy as np
import pytest

from trimtab.training.checkpoint import _first_of
from trimtab.training.tally import Tally
from trimtab.training.task import Prediction


def tallied(scores: list[float], labels: list[str]) -> Tally:
    tally = Tally()
    for score, label in zip(scores, labels, strict=True):
        tally.take(Prediction("1" if score >= 0.5 else "0", score), label, 0.0)
    tally.settle("binary")
    return tally


def test_expected_accuracy_is_the_mean_confidence_of_what_was_predicted() -> None:
    rng = np.random.default_rng(3)
    scores = [float(score) for score in rng.random(500)]
    found = tallied(scores, ["1"] * 500).metrics("binary")
    assert found["expected_accuracy"] == pytest.approx(np.mean([max(s, 1 - s) for s in scores]))
    assert found["accuracy"] == pytest.approx(np.mean([s >= 0.5 for s in scores]))


def test_other_tasks_and_scores_that_are_no_probabilities_have_none() -> None:
    tally = Tally()
    tally.take(Prediction("1", None), "1", 0.0)
    tally.settle("binary")
    assert tally.metrics("binary") == {"accuracy": 1.0, "f1": 1.0}
    assert Tally().metrics("multiclass") == {}


def test_what_an_earlier_release_counted_goes_on() -> None:
    earlier = tallied([0.9, 0.2], ["1", "1"])
    kept = _first_of(earlier.performance.to_wire())
    assert kept is not None
    assert kept.metrics("binary")["accuracy"] == 0.5
    assert "expected_accuracy" not in kept.metrics("binary")
    again = _first_of(earlier.to_wire())
    assert again is not None
    assert again.metrics("binary") == earlier.metrics("binary")
    assert _first_of(None) is None
