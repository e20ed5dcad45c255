"""What is counted of one model while it is compared: losses, metrics, and how honest its probabilities are."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from trimtab.performance import EXPECTED
from trimtab.performance import metrics as performance_metrics
from trimtab.profiles import PerformanceProfile
from trimtab.training.task import Label, Prediction, TaskName

__all__ = ["Tally", "profile_of"]

_BINS = 10

Told = list[tuple[Label, Prediction]]


@dataclass(slots=True, eq=False)
class Tally:
    """Sums over the examples of a comparison.

    Parameters
    ----------
    loss
        Sum of the losses, each in [0, 1].
    performance
        What metrics follow from.
    bins
        Of ten equal bins of the predicted probability: count, sum of the probabilities, how often it came true.

    Examples
    --------
    >>> tally = Tally()
    >>> tally.take(Prediction("1", 0.9), "1", 0.0)
    >>> tally.take(Prediction("1", 0.7), "0", 1.0)
    >>> tally.settle("binary")
    >>> tally.metrics("binary")["accuracy"], round(tally.calibration_error, 2)
    (0.5, 0.4)
    """

    loss: float = 0.0
    performance: PerformanceProfile = field(default_factory=PerformanceProfile)
    bins: list[list[float]] = field(default_factory=lambda: [[0.0, 0.0, 0.0] for _ in range(_BINS)])
    told: Told = field(default_factory=list)

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_wire` wrote."""
        return cls(wire["loss"], PerformanceProfile.from_wire(wire["performance"]), wire["bins"])

    def to_wire(self) -> dict[str, Any]:
        """Plain types, once all is settled."""
        return {"loss": self.loss, "performance": self.performance.to_wire(), "bins": self.bins}

    def take(self, prediction: Prediction, label: Label, loss: float) -> None:
        """Count one example."""
        self.loss += loss
        self.told.append((label, prediction))

    def settle(self, task: TaskName) -> None:
        """Count what was taken, a batch at once."""
        if not self.told:
            return
        self.performance = self.performance.merge(profile_of(task, self.told))
        if task != "regression":
            for label, prediction in self.told:
                self._calibrate(task, prediction, label)
        self.told = []

    def _calibrate(self, task: TaskName, prediction: Prediction, label: Label) -> None:
        score = prediction.score
        if score is None or not 0.0 <= score <= 1.0:
            return
        came_true = label == "1" if task == "binary" else label == prediction.value
        kept = self.bins[min(int(score * _BINS), _BINS - 1)]
        kept[0] += 1.0
        kept[1] += score
        kept[2] += came_true

    def metrics(self, task: TaskName) -> dict[str, float]:
        """As :func:`trimtab.performance.metrics` has them; of a binary task also ``expected_accuracy``.

        That is the mean probability of what was predicted, by which later estimates are corrected.
        """
        found = performance_metrics(self.performance, task)
        if task == "binary" and (count := sum(n for n, _, _ in self.bins)):
            half = _BINS // 2
            right = [p if at >= half else n - p for at, (n, p, _) in enumerate(self.bins)]
            found[EXPECTED] = math.fsum(right) / count
        return found

    @property
    def calibration_error(self) -> float:
        """Expected calibration error over ten equal bins; NaN when nothing had a probability.

        Of binary tasks that of class ``"1"``, else that of the predicted class (Naeini, Cooper and Hauskrecht,
        "Obtaining well calibrated probabilities using Bayesian binning", AAAI 2015).
        """
        count = sum(n for n, _, _ in self.bins)
        return math.fsum(abs(p - hits) for _, p, hits in self.bins) / count if count else math.nan


def profile_of(task: TaskName, told: Told) -> PerformanceProfile:
    """The sums of labelled predictions."""
    labels = [label for label, _ in told]
    if task == "regression":
        values = [float(prediction.value) for _, prediction in told]
        return PerformanceProfile.of_regression([float(label) for label in labels], values)
    scores = [prediction.score if task == "binary" else None for _, prediction in told]
    values_ = [str(prediction.value) for _, prediction in told]
    return PerformanceProfile.of_classification([str(label) for label in labels], values_, scores)
