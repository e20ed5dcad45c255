"""Expected accuracy from scores against the plain mean, and what it cannot say."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.performance import estimated_accuracy, expected_accuracy
from trimtab.profiles import (
    IDENTITY,
    PREDICTION,
    SCORE,
    CategoricalProfile,
    Frame,
    NumericProfile,
    Reference,
    WindowProfile,
)


def profile(scores: list[float], predictions: list[str], frame: Frame = IDENTITY) -> WindowProfile:
    return WindowProfile(
        len(scores),
        {SCORE: NumericProfile.of(np.array(scores, np.float64), frame)},
        {PREDICTION: CategoricalProfile.of(predictions)},
    )


@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=200),
    st.floats(0, 1),
    st.floats(0, 1),
    st.floats(0.01, 1),
)
def test_it_is_the_mean_over_single_events(scores: list[float], limit: float, center: float, scale: float) -> None:
    predictions = ["1" if score >= limit else "0" for score in scores]
    plain = np.mean([score if score >= limit else 1 - score for score in scores])
    found = expected_accuracy(profile(scores, predictions, Frame(center, scale)))
    # A cell is a 32nd of the distance from the frame's centre wide, and the middle is at most half of it off.
    assert found is not None
    assert abs(found - plain) <= 1 / 64 + 1e-6


def test_a_calibrated_model_is_estimated_without_labels() -> None:
    rng = np.random.default_rng(5)
    before, after = rng.beta(0.5, 0.5, 20_000), rng.beta(2, 2, 20_000)
    truth = after > rng.random(20_000)
    realised = float(np.mean((after >= 0.5) == truth))
    known = float(np.mean((before >= 0.5) == (before > rng.random(20_000))))
    windows = [profile(list(s), ["1" if p >= 0.5 else "0" for p in s]) for s in (before, after)]
    found = estimated_accuracy(windows[1], Reference("r", windows[0], {"accuracy": known}))
    assert found == pytest.approx(realised, abs=0.015)
    assert known - realised > 0.1


def test_what_is_off_on_the_reference_is_taken_off() -> None:
    same = profile([0.99] * 10, ["1"] * 10)
    assert estimated_accuracy(same, Reference("r", same, {"accuracy": 0.7})) == pytest.approx(0.7)


@pytest.mark.parametrize(
    "window",
    [
        WindowProfile(0, {}, {}),
        profile([], []),
        profile([0.5, float("nan")], ["1", "0"]),
        profile([0.5, float("inf")], ["1", "0"]),
        profile([0.5, 3.0], ["1", "0"]),
        profile([-2.0, 0.5], ["1", "0"]),
        profile([0.5, 0.5], ["yes", "no"]),
        profile([0.5], ["1", "0"]),
    ],
)
def test_nothing_is_said_where_scores_are_no_probabilities(window: WindowProfile) -> None:
    assert expected_accuracy(window) is None
    assert estimated_accuracy(window, Reference("r", profile([0.5], ["1"]), {"accuracy": 0.5})) is None


def test_nothing_is_said_without_the_accuracy_on_the_reference() -> None:
    window = profile([0.5], ["1"])
    assert estimated_accuracy(window, Reference("r", window, {})) is None
