"""By which loss models are compared."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.training.worlds import configured, restarted, run, turning
from trimtab.config import ModelConfig, parse_config
from trimtab.errors import ConfigError
from trimtab.training import Promotion, Trainer
from trimtab.training.lineage import LearntRange, Lineage
from trimtab.training.losses import brier, loss_of
from trimtab.training.race import Candidate, Race, Trigger
from trimtab.training.scoring import Scoring
from trimtab.training.state import PastChampion, TrainerState
from trimtab.training.task import BinaryTask, Prediction

EVERY = "    triggers: {every_examples: 500}\n"


class Says:
    """A model that gives class True always the same probability."""

    def __init__(self, yes: float) -> None:
        self.yes = yes

    def predict_proba_one(self, x: dict[str, Any]) -> dict[bool, float]:
        return {True: self.yes, False: 1 - self.yes}


def config_with(loss: str, more: str = "") -> ModelConfig:
    config = configured(EVERY + more)
    return config.model_copy(update={"race": config.race.model_copy(update={"loss": loss})})


def raced(config: ModelConfig, champion: float, challenger: float, labels: list[str]) -> tuple[Candidate, TrainerState]:
    candidate = Candidate("other", Says(challenger), 1, LearntRange(), Lineage(Says(challenger)))
    lineage = Lineage(Says(champion))
    past = [PastChampion(1, Says(challenger), lineage), PastChampion(2, Says(champion), lineage)]
    state = TrainerState(lineage, champions=past, race=Race(Trigger("command"), 0, [candidate]))
    score, _ = Scoring(config, BinaryTask(), state).plan()
    assert score is not None
    for number, label in enumerate(labels):
        score({"region": ["eu", "us"][number % 2]}, label)
    return candidate, state


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_the_true_probability_has_the_least_expected_loss(true: float, said: float, label: float) -> None:
    def expected(p: float) -> float:
        return true * brier(Prediction("1", p), "1") + (1 - true) * brier(Prediction("1", p), "0")

    assert expected(true) <= expected(said) + 1e-12
    assert 0 <= brier(Prediction("0", said), "1" if label > 0.5 else "0") <= 1


def test_a_diverged_model_counts_as_right_or_wrong() -> None:
    assert brier(Prediction("0", None), "0") == 0.0
    assert brier(Prediction("0", None), "1") == 1.0


def test_an_honest_probability_wins_by_brier_and_not_by_error() -> None:
    labels = ["1", "1", "1", "0"] * 100
    by_error, _ = raced(config_with("error"), 0.99, 0.75, labels)
    by_brier, state = raced(config_with("brier"), 0.99, 0.75, labels)
    assert (by_error.test.wealth, by_error.test.mean) == (1.0, 0.0)
    assert by_brier.test.wealth > 100
    # Of the same models the one in the shadow does better, and its watch says so.
    assert state.champions[0].watch.wealth > 100
    assert state.race is not None
    numbers = state.race.numbers(by_brier)
    assert numbers["champion_loss"] == pytest.approx((3 * 0.01**2 + 0.99**2) / 4)
    assert numbers["candidate_loss"] == pytest.approx((3 * 0.25**2 + 0.75**2) / 4)


def test_large_differences_are_clipped() -> None:
    """Being sure and wrong once outweighs no more than a few examples; the mean is of what was clipped."""
    candidate, _ = raced(config_with("brier"), 1.0, 0.0, ["0"])
    bound = loss_of(config_with("brier"), BinaryTask()).bound
    assert candidate.test.mean == bound
    assert candidate.test.wealth == pytest.approx(raced(config_with("error"), 1.0, 0.0, ["0"])[0].test.wealth)


def test_protected_segments_are_of_errors() -> None:
    protected = "    gates: {protected: [{segment: region, tolerance: 0.05}]}"
    candidates = [raced(config_with(loss, protected), 0.4, 0.9, ["1", "0"] * 50)[0] for loss in ("error", "brier")]
    assert candidates[0].protection.to_wire() == candidates[1].protection.to_wire()
    assert candidates[0].protection.tests


def test_a_stream_that_turns_is_followed_by_brier_too() -> None:
    trainer = Trainer("m", config_with("brier"))
    log = turning(1_700, 520)
    made = [one for one in run(trainer, log) if isinstance(one, Promotion)]
    assert len(made) >= 2
    assert made[1].race is not None
    assert made[1].race["candidate_loss"] < made[1].race["champion_loss"]
    half = Trainer("m", config_with("brier"))
    again = [*run(half, log[:80]), *run(restarted(half), log[80:])]
    assert [one.race for one in again if isinstance(one, Promotion)] == [one.race for one in made]


def test_brier_is_of_binary_models() -> None:
    text = """
models:
  m:
    task: regression
    features: {a: {type: numeric}}
    factory: {class: "river.linear_model:LinearRegression"}
    race: {loss: brier}
"""
    with pytest.raises(ConfigError, match=r"race.loss: brier is of .* a binary model, and task is regression"):
        parse_config(text, source="test", environ={})
