"""The three tasks look alike from outside, whatever River's models return."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest
from river import dummy, forest, linear_model, naive_bayes, preprocessing, stats, tree

from trimtab.training.task import (
    BinaryTask,
    MulticlassTask,
    Prediction,
    RegressionTask,
    TaskName,
    make_task,
)


class Says:
    """A model that returns what it is told to."""

    def __init__(self, proba: Any = None, value: Any = None) -> None:
        self.proba, self.value = proba, value

    def predict_proba_one(self, x: Any) -> Any:
        if self.proba is None:
            raise NotImplementedError
        return self.proba

    def predict_one(self, x: Any) -> Any:
        return self.value


@pytest.mark.parametrize(
    "model",
    [
        linear_model.LogisticRegression(),
        preprocessing.StandardScaler() | linear_model.LogisticRegression(),
        naive_bayes.GaussianNB(),
        tree.HoeffdingTreeClassifier(),
        forest.ARFClassifier(n_models=2, seed=1),
        linear_model.PAClassifier(),
        linear_model.Perceptron(),
        dummy.NoChangeClassifier(),
    ],
    ids=lambda model: type(model).__name__,
)
def test_binary_follows_predict_one_on_real_models(model: Any) -> None:
    task, rng = BinaryTask(), random.Random(2)
    assert task.predict(model, {"x": 0.0}).value == "0"
    for index in range(150):
        x = {"x": rng.gauss(0, 1)}
        if index > 2:
            said = task.predict(model, x)
            assert said.value == ("1" if model.predict_one(x) else "0")
            assert said.score is None or 0.0 <= said.score <= 1.0
        task.learn(model, x, "1" if x["x"] > 0 else "0")


@pytest.mark.parametrize(
    ("proba", "value", "score"),
    [
        ({}, "0", 0.5),
        ({True: 0.5, False: 0.5}, "0", 0.5),
        ({False: 0.4, True: 0.6}, "1", 0.6),
        ({False: 1.0}, "0", 0.0),
        ({True: 1.0}, "1", 1.0),
        ({0: 0.25, 1: 0.75}, "1", 0.75),
        ({False: 6.0, True: 2.0}, "0", 0.25),
        ({False: 0.0, True: 0.0}, "0", 0.5),
        ({True: 3.0}, "1", 1.0),
        ({False: math.nan, True: math.nan}, "0", None),
    ],
)
def test_binary_from_probabilities(proba: dict[Any, float], value: str, score: float | None) -> None:
    assert BinaryTask().predict(Says(proba), {}) == Prediction(value, score)


@pytest.mark.parametrize(("said", "value", "score"), [(None, "0", 0.5), (True, "1", None), (False, "0", None)])
def test_binary_without_probabilities(said: Any, value: str, score: float | None) -> None:
    assert BinaryTask().predict(Says(value=said), {}) == Prediction(value, score)


def test_binary_learns_booleans() -> None:
    model = naive_bayes.GaussianNB()
    for label in ("0", "1", "1"):
        BinaryTask().learn(model, {"x": 1.0}, label)
    assert dict(model.class_counts) == {False: 1, True: 2}


def test_multiclass_before_any_label() -> None:
    assert MulticlassTask(("b", "a")).predict(Says({}), {}) == Prediction("b", None)
    assert MulticlassTask().predict(Says(), {}) == Prediction("", None)


@pytest.mark.parametrize("proba", [{"b": 0.4, "a": 0.4, "c": 0.2}, {"a": 0.4, "c": 0.2, "b": 0.4}])
def test_multiclass_ties_go_to_the_first_in_text_order(proba: dict[str, float]) -> None:
    assert MulticlassTask().predict(Says(proba), {}) == Prediction("a", 0.4)


def test_multiclass_labels_are_text() -> None:
    assert MulticlassTask().predict(Says({1: 0.2, 2.0: 0.8}), {}) == Prediction("2", 0.8)
    assert MulticlassTask().predict(Says(value=3), {}) == Prediction("3", None)


def test_multiclass_learns_on_a_real_model() -> None:
    task, model = make_task("multiclass", classes=("low", "high")), tree.HoeffdingTreeClassifier()
    assert task.predict(model, {"x": 1.0}).value == "low"
    for index in range(20):
        task.learn(model, {"x": float(index % 2)}, ("low", "high")[index % 2])
    assert task.predict(model, {"x": 1.0}).value == "high"


def test_regression() -> None:
    task, model = make_task("regression", scale=2.0), dummy.StatisticRegressor(stats.Mean())
    assert task.predict(model, {}) == Prediction(0.0, None)
    task.learn(model, {}, 4.0)
    assert task.predict(model, {}) == Prediction(4.0, None)
    assert task.loss(Prediction(4.0), 4.0) == 0.0
    assert task.loss(Prediction(4.0), 2.0) == 0.5
    assert task.loss(Prediction(math.inf), 2.0) == task.loss(Prediction(math.nan), 2.0) == 1.0
    assert RegressionTask().predict(Says(value=None), {}) == Prediction(0.0, None)


@pytest.mark.parametrize("scale", [0.0, -1.0, math.nan, math.inf])
def test_regression_needs_a_scale_above_zero(scale: float) -> None:
    with pytest.raises(ValueError, match="finite number above 0"):
        RegressionTask(scale)


@pytest.mark.parametrize("name", ["binary", "multiclass"])
def test_the_loss_of_classes_is_zero_or_one(name: TaskName) -> None:
    task = make_task(name)
    assert (task.loss(Prediction("1", 0.9), "1"), task.loss(Prediction("1", 0.9), "0")) == (0.0, 1.0)
