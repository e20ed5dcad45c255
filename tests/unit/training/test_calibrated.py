"""A calibrated model says probabilities that come true, and is a model as any other."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from river import base, forest, linear_model, naive_bayes

from trimtab.config import FactorySpec, parse_config
from trimtab.errors import TrainingError
from trimtab.registry.digest import state_digest
from trimtab.registry.snapshot import dump, load
from trimtab.training import Calibrated
from trimtab.training.conformance import try_model
from trimtab.training.factory import FactoryError, build, names_of, source_hash
from trimtab.training.tally import Tally
from trimtab.training.task import BinaryTask, Prediction

SPEC = {"class": "trimtab.training:Calibrated", "args": {"model": {"class": "river.naive_bayes:GaussianNB"}}}


class Says:
    """A model that says what it is told to."""

    def __init__(self, yes: float | None) -> None:
        self.yes = yes

    def predict_proba_one(self, x: dict[str, Any]) -> dict[bool, float]:
        return {} if self.yes is None else {True: self.yes, False: 1.0 - self.yes}

    def learn_one(self, x: dict[str, Any], y: bool) -> None:
        pass


class Labels(base.Classifier):  # type: ignore[misc]
    """River lets a classifier have no probabilities, and says so when it is asked."""

    def learn_one(self, x: dict[str, Any], y: bool) -> None:
        pass

    def predict_one(self, x: dict[str, Any]) -> bool:
        return True


def copies(count: int) -> list[tuple[dict[str, float], str]]:
    """One feature eight times, of which naive Bayes becomes far too sure."""
    source = random.Random(7)
    labels = [source.random() < 0.5 for _ in range(count)]
    return [(dict.fromkeys("abcdefgh", source.gauss(float(y), 1.0)), str(int(y))) for y in labels]


def judged(model: Any, rows: list[tuple[dict[str, float], str]]) -> Tally:
    task, tally = BinaryTask(), Tally()
    for x, label in rows:
        said = task.predict(model, x)
        tally.take(said, label, task.loss(said, label))
        task.learn(model, x, label)
    tally.settle("binary")
    return tally


def test_its_probabilities_come_true_and_its_labels_stay_as_good() -> None:
    rows = copies(4_000)
    bold, calibrated = judged(naive_bayes.GaussianNB(), rows), judged(Calibrated(naive_bayes.GaussianNB()), rows)
    assert bold.calibration_error > 0.15
    assert calibrated.calibration_error < 0.06
    assert calibrated.metrics("binary")["log_loss"] < 0.65 < bold.metrics("binary")["log_loss"]
    assert calibrated.metrics("binary")["accuracy"] > bold.metrics("binary")["accuracy"] - 0.01


def test_a_model_that_is_honest_stays_as_it_is() -> None:
    source = random.Random(3)
    model = Calibrated(Says(0.8))
    for _ in range(5_000):
        model.learn_one({}, source.random() < 0.8)
    assert model.predict_proba_one({})[True] == pytest.approx(0.8, abs=0.03)


@given(
    st.lists(
        st.tuples(st.none() | st.floats(0, 1) | st.sampled_from([0.0, 1.0, math.nan, math.inf]), st.booleans()),
        max_size=60,
    ),
    st.sampled_from([0.05, 1e6]),
)
def test_whatever_the_model_says_a_probability_is_said(told: list[tuple[float | None, bool]], rate: float) -> None:
    inner = Says(None)
    model = Calibrated(inner, rate)
    for inner.yes, label in told:
        said = model.predict_proba_one({})
        if inner.yes is None:
            assert said == {}
        elif math.isfinite(inner.yes):
            assert 0.0 <= said[True] <= 1.0
            assert said[True] + said[False] == pytest.approx(1.0)
        else:
            # As without it: a model that has diverged has no score.
            assert BinaryTask().predict(model, {}) == BinaryTask().predict(inner, {}) == Prediction("0", None)
        model.learn_one({}, label)


def test_it_is_built_by_a_configuration_and_needs_no_admittance() -> None:
    model = build(FactorySpec.model_validate(SPEC))
    judged(model, copies(200))
    loaded = load(dump(model), max_bytes=100_000)
    assert isinstance(loaded, Calibrated)
    assert state_digest(loaded) == state_digest(model)
    assert loaded.predict_proba_one(copies(1)[0][0]) == model.predict_proba_one(copies(1)[0][0])


def test_what_it_holds_counts_as_source_and_gets_its_seed() -> None:
    inner = {"class": "river.forest:ARFClassifier", "args": {"n_models": 2}}
    spec = FactorySpec.model_validate({**SPEC, "args": {"model": inner}})
    assert list(names_of(spec)) == ["trimtab.training:Calibrated", "river.forest:ARFClassifier"]
    assert source_hash(spec) != source_hash(FactorySpec.model_validate(inner))
    assert build(spec).model.seed == build(FactorySpec.model_validate(inner)).seed


def test_a_clone_has_learnt_nothing() -> None:
    model = Calibrated(naive_bayes.GaussianNB(), rate=0.2)
    judged(model, copies(100))
    again = model.clone()
    assert again.rate == 0.2
    assert state_digest(again) == state_digest(Calibrated(naive_bayes.GaussianNB(), rate=0.2))


@pytest.mark.parametrize("rate", [0.0, -1.0, math.nan, math.inf])
def test_a_rate_that_moves_nothing_or_anywhere_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="give a number above 0"):
        Calibrated(naive_bayes.GaussianNB(), rate)


def test_a_model_without_probabilities_is_refused() -> None:
    with pytest.raises(ValueError, match="a LinearRegression says no probabilities"):
        Calibrated(linear_model.LinearRegression())
    with pytest.raises(ValueError, match="a Labels says no probabilities"):
        Calibrated(Labels()).predict_proba_one({})


def test_classes_are_refused() -> None:
    model: Any = Calibrated(forest.ARFClassifier(n_models=2, seed=1))
    model.learn_one({"a": 1.0}, "red")
    with pytest.raises(ValueError, match="only binary models are calibrated"):
        model.predict_proba_one({"a": 1.0})


@pytest.mark.parametrize(
    ("task", "inner", "says"),
    [
        ("multiclass", "river.naive_bayes:GaussianNB", "only binary models are calibrated"),
        ("regression", "river.linear_model:LinearRegression", "says no probabilities"),
    ],
)
def test_check_says_what_does_not_fit(task: str, inner: str, says: str) -> None:
    text = f"""
    models:
      m:
        task: {task}
        features: {{a: {{type: numeric}}}}
        factory: {{class: "trimtab.training:Calibrated", args: {{model: {{class: "{inner}"}}}}}}
    """
    with pytest.raises((FactoryError, TrainingError), match=says):
        try_model(parse_config(text, source="test", environ={}).models["m"])
