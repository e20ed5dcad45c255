"""By which loss models are compared: in races, on canaries, in probation and in the shadow."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from trimtab.config import ModelConfig
from trimtab.training.task import Label, Prediction, Task

__all__ = ["Loss", "brier", "loss_of"]

# Two models that are worth comparing differ by less on almost every example; what is beyond would drown it.
_BRIER_BOUND = 0.5


class Loss(NamedTuple):
    """A loss in [0, 1].

    Parameters
    ----------
    of
        The loss of a prediction, once its label is there.
    bound
        Differences of two losses are clipped to it, on either side of 0.
    """

    of: Callable[[Prediction, Label], float]
    bound: float


def loss_of(config: ModelConfig, task: Task) -> Loss:
    """What ``race.loss`` asks for."""
    return Loss(brier, _BRIER_BOUND) if config.race.loss == "brier" else Loss(task.loss, 1.0)


def brier(prediction: Prediction, label: Label) -> float:
    """Squared error of the probability that a binary model gave to class ``"1"``; without one, 0 or 1.

    A proper score: nothing is gained by saying another probability than one believes (Brier, "Verification of
    forecasts expressed in terms of probability", Monthly Weather Review 1950; Gneiting and Raftery, "Strictly proper
    scoring rules, prediction, and estimation", JASA 2007).

    Examples
    --------
    >>> round(brier(Prediction("1", 0.8), "1"), 2), round(brier(Prediction("1", 0.8), "0"), 2)
    (0.04, 0.64)
    >>> brier(Prediction("1"), "0")
    1.0
    """
    if prediction.score is None:
        return float(prediction.value != label)
    missed = prediction.score - (label == "1")
    return missed * missed
