"""One view of River's models for the three tasks: predict, learn, and a loss in [0, 1].

Labels are canonical everywhere outside the model: ``"0"`` and ``"1"`` for binary, the text of the class for
multiclass, a finite float for regression. A River binary model learns ``False`` and ``True``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, Protocol

import msgspec

__all__ = [
    "BinaryTask",
    "MulticlassTask",
    "Prediction",
    "RegressionTask",
    "Task",
    "TaskName",
    "make_task",
]

TaskName = Literal["binary", "multiclass", "regression"]
Label = str | float
Features = Mapping[str, Any]

# Below this, a sum of probabilities differs from one by rounding only.
_ROUNDING: Final = 1e-9


class Prediction(msgspec.Struct, frozen=True, gc=False):
    """What a model says: a canonical label and, for classes, the probability given to it or to class ``"1"``.

    ``score`` is ``None`` for regression, for classifiers without probabilities, and when a model has diverged.
    """

    value: Label
    score: float | None = None


class Task(Protocol):
    """What the trainer needs of a task."""

    def predict(self, model: Any, x: Features) -> Prediction:
        """Predict ``x``; defined before the first label too."""
        ...

    def ask(self, model: Any, x: Features) -> object:
        """Let ``model`` predict as :meth:`predict` does, for those who do not need the answer."""
        ...

    def learn(self, model: Any, x: Features, label: Label) -> None:
        """Let ``model`` learn one example with a canonical label."""
        ...

    def targets(self, labels: Sequence[Label]) -> Sequence[Any]:
        """Canonical labels as a River model learns them."""
        ...

    def loss(self, prediction: Prediction, label: Label) -> float:
        """Return the loss of one prediction, from 0 (right) to 1."""
        ...


_UNDECIDED: Final = Prediction("0", 0.5)


class BinaryTask:
    """Labels ``"0"`` and ``"1"``; the score is the probability of ``"1"``.

    The label is ``"1"`` when that probability is above one half, as River's ``predict_one`` decides; a model that
    knows nothing yet says ``"0"`` with score 0.5.

    Examples
    --------
    >>> from river import linear_model
    >>> task, model = BinaryTask(), linear_model.LogisticRegression()
    >>> task.predict(model, {"x": 1.0})
    Prediction(value='0', score=0.5)
    >>> task.learn(model, {"x": 1.0}, "1")
    >>> task.predict(model, {"x": 1.0}).value
    '1'
    """

    __slots__ = ()

    def predict(self, model: Any, x: Features) -> Prediction:
        """Predict ``x``."""
        try:
            proba = model.predict_proba_one(x)
        except (NotImplementedError, AttributeError):
            return _by_label(model.predict_one(x))
        if not proba:
            return _UNDECIDED
        yes = proba.get(True)
        no = proba.get(False)
        if yes is None:
            yes = 0.0 if no is not None else 0.5
        if no is None:
            no = 1.0 - yes if yes <= 1.0 else 0.0
        total = yes + no
        if not -_ROUNDING < total - 1.0 < _ROUNDING:
            yes, no = _shares(yes, no)
            if yes is None:
                return Prediction("0", None)
        return Prediction("1" if yes > no else "0", yes)

    def ask(self, model: Any, x: Features) -> object:
        """Predict ``x``."""
        return _ask_classifier(model, x)

    def learn(self, model: Any, x: Features, label: Label) -> None:
        """Learn one example."""
        model.learn_one(x, label == "1")

    def targets(self, labels: Sequence[Label]) -> Sequence[Any]:
        """``False`` and ``True``."""
        return [label == "1" for label in labels]

    def loss(self, prediction: Prediction, label: Label) -> float:
        """Return 0 when the label is right, else 1."""
        return 0.0 if prediction.value == label else 1.0


def _ask_classifier(model: Any, x: Features) -> object:
    try:
        return model.predict_proba_one(x)
    except (NotImplementedError, AttributeError):
        return model.predict_one(x)


def _by_label(value: Any) -> Prediction:
    """Return a prediction without score; ``None`` is a model that has seen no label."""
    return _UNDECIDED if value is None else Prediction("1" if value else "0", None)


def _shares(yes: float, no: float) -> tuple[float, float] | tuple[None, None]:
    """Return two votes as shares of one, or nothing when they are not finite."""
    total = yes + no
    if not math.isfinite(total):
        return None, None
    return (yes / total, no / total) if total > 0 else (0.5, 0.5)


class MulticlassTask:
    """Labels are texts; the score is the probability of the predicted class, ties go to the first in text order.

    Parameters
    ----------
    classes
        The known classes; the first is predicted before any label has been learnt (else the empty text).
    """

    __slots__ = ("_unknown",)

    def __init__(self, classes: tuple[str, ...] = ()) -> None:
        self._unknown = Prediction(classes[0] if classes else "", None)

    def predict(self, model: Any, x: Features) -> Prediction:
        """Predict ``x``."""
        try:
            proba = model.predict_proba_one(x)
        except (NotImplementedError, AttributeError):
            value = model.predict_one(x)
            return self._unknown if value is None else Prediction(_text(value), None)
        best, highest = None, -1.0
        for label, share in proba.items():
            if share > highest or (share == highest and _text(label) < _text(best)):
                best, highest = label, share
        return self._unknown if best is None else Prediction(_text(best), float(highest))

    def ask(self, model: Any, x: Features) -> object:
        """Predict ``x``."""
        return _ask_classifier(model, x)

    def learn(self, model: Any, x: Features, label: Label) -> None:
        """Learn one example."""
        model.learn_one(x, label)

    def targets(self, labels: Sequence[Label]) -> Sequence[Any]:
        """They are learnt as they are."""
        return labels

    def loss(self, prediction: Prediction, label: Label) -> float:
        """Return 0 when the label is right, else 1."""
        return 0.0 if prediction.value == label else 1.0


class RegressionTask:
    """Labels are floats; the loss ``|y - p| / (|y - p| + scale)`` is bounded, and one half at an error of ``scale``.

    Parameters
    ----------
    scale
        An error that is half as bad as any could be, in the label's unit; above 0.
    """

    __slots__ = ("_scale",)

    def __init__(self, scale: float = 1.0) -> None:
        if not (math.isfinite(scale) and scale > 0):
            raise ValueError(f"scale is {scale!r}; give a finite number above 0, in the unit of the label")
        self._scale = scale

    def predict(self, model: Any, x: Features) -> Prediction:
        """Predict ``x``; 0.0 before the first label."""
        value = model.predict_one(x)
        return Prediction(0.0 if value is None else float(value), None)

    def ask(self, model: Any, x: Features) -> object:
        """Predict ``x``."""
        return model.predict_one(x)

    def learn(self, model: Any, x: Features, label: Label) -> None:
        """Learn one example."""
        model.learn_one(x, label)

    def targets(self, labels: Sequence[Label]) -> Sequence[Any]:
        """They are learnt as they are."""
        return labels

    def loss(self, prediction: Prediction, label: Label) -> float:
        """Return the bounded error; 1 when the model has diverged."""
        error = abs(float(label) - float(prediction.value))
        return error / (error + self._scale) if math.isfinite(error) else 1.0


def make_task(name: TaskName, *, classes: tuple[str, ...] = (), scale: float = 1.0) -> Task:
    """Return the view for ``models.<name>.task``."""
    if name == "binary":
        return BinaryTask()
    return MulticlassTask(classes) if name == "multiclass" else RegressionTask(scale)


def _text(value: Any) -> str:
    """Return the text of a class as River has it."""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
