"""Mergeable sums from which every performance metric of a window follows."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from trimtab.events.columns import Categories, FloatArray
from trimtab.profiles.exact import Exact, exact_sum
from trimtab.profiles.frame import LARGEST

__all__ = ["PerformanceProfile"]

_CLIP = 1e-15  # as scikit-learn did for float64: one certain and wrong score costs 34.5, not infinity
_ROUNDING = 1e-6  # how far beyond [0, 1] a probability may be and still be a softmax's rounding


@dataclass(frozen=True, slots=True)
class PerformanceProfile:
    """Sums over labelled predictions. Labels are text; 0, False and 0.0 were made ``"0"`` before.

    Parameters
    ----------
    count
        Labelled predictions in the sums.
    confusion
        How often each (label, prediction) occurred. Its size is not bounded here: it is that of the
        model's classes squared.
    log_losses, log_loss_count
        Over those with a score that is a probability (nats) and a label ``"0"`` or ``"1"``; an exact sum.
    abs_errors, squared_errors
        Of regression, in the label's unit and its square; exact sums.
    invalid
        Regression pairs where label or prediction is no finite number; they are in no sum.
    """

    count: int = 0
    confusion: Mapping[tuple[str, str], int] = field(default_factory=dict)
    log_losses: Exact = ()
    log_loss_count: int = 0
    abs_errors: Exact = ()
    squared_errors: Exact = ()
    invalid: int = 0

    @property
    def log_loss_sum(self) -> float:
        """The sum of the log losses, in nats."""
        return self.log_losses[0] if self.log_losses else 0.0

    @property
    def abs_error_sum(self) -> float:
        """The sum of the absolute errors, in the label's unit."""
        return self.abs_errors[0] if self.abs_errors else 0.0

    @property
    def squared_error_sum(self) -> float:
        """The sum of the squared errors, in the square of the label's unit."""
        return self.squared_errors[0] if self.squared_errors else 0.0

    @classmethod
    def of_classification(
        cls, labels: Sequence[str], predictions: Sequence[str], scores: Sequence[float | None]
    ) -> Self:
        """Sums of a classifier's window.

        Parameters
        ----------
        labels, predictions
            Length ``n`` each.
        scores
            Length ``n``: the probability given to class ``"1"``, or None. Clipped to [1e-15, 1 - 1e-15]; a
            score that is no probability (a margin, a NaN) is not in the log loss.

        Raises
        ------
        ValueError
            The lengths differ.

        Examples
        --------
        >>> profile = PerformanceProfile.of_classification(["1", "0"], ["1", "1"], [0.5, None])
        >>> profile.confusion, round(profile.log_loss_sum, 3), profile.log_loss_count
        ({('0', '1'): 1, ('1', '1'): 1}, 0.693, 1)
        """
        confusion = Counter(zip(labels, predictions, strict=True))
        losses = []
        for label, score in zip(labels, scores, strict=True):
            if score is not None and label in ("0", "1") and -_ROUNDING <= score <= 1 + _ROUNDING:
                clipped = min(max(score, _CLIP), 1 - _CLIP)
                losses.append(-math.log(clipped) if label == "1" else -math.log1p(-clipped))
        return cls(len(labels), dict(sorted(confusion.items())), exact_sum(losses), len(losses))

    @classmethod
    def of_categories(cls, labels: Categories, predictions: Categories, scores: FloatArray | None) -> Self:
        """As :meth:`of_classification`, by column: shape ``(n,)`` each; a missing prediction is in no sum.

        Examples
        --------
        >>> made = Categories.of(["1", None, "1"])
        >>> PerformanceProfile.of_categories(Categories.of(["1", "1", "0"]), made, None).confusion
        {('0', '1'): 1, ('1', '1'): 1}
        """
        made = predictions.codes >= 0
        width = max(len(predictions.names), 1)
        pairs = np.bincount(labels.codes[made].astype(np.int64) * width + predictions.codes[made])
        confusion = {
            (labels.names[int(pair) // width], predictions.names[int(pair) % width]): int(pairs[pair])
            for pair in np.flatnonzero(pairs)
        }
        losses = [] if scores is None else _log_losses(labels, scores, made)
        return cls(int(made.sum()), dict(sorted(confusion.items())), exact_sum(losses), len(losses))

    @classmethod
    def of_regression(cls, labels: npt.ArrayLike, predictions: npt.ArrayLike) -> Self:
        """Sums of a regressor's window: shapes ``(n,)``, in the label's unit.

        Raises
        ------
        ValueError
            The shapes differ.

        Examples
        --------
        >>> PerformanceProfile.of_regression([1.0, 2.0], [1.0, 5.0]).squared_error_sum
        9.0
        """
        truth = np.asarray(labels, dtype=np.float64)
        guess = np.asarray(predictions, dtype=np.float64)
        if truth.shape != guess.shape:
            raise ValueError(f"{truth.size} labels and {guess.size} predictions do not pair up")
        usable = (np.abs(truth) <= LARGEST) & (np.abs(guess) <= LARGEST)
        errors = np.abs(truth[usable] - guess[usable])
        return cls(
            count=errors.size,
            abs_errors=exact_sum(errors.tolist()),
            squared_errors=exact_sum((errors * errors).tolist()),
            invalid=truth.size - errors.size,
        )

    def merge(self, other: Self) -> Self:
        """Sums of both windows together, the same to the bit in any order and grouping."""
        confusion = Counter(self.confusion)
        confusion.update(other.confusion)
        return type(self)(
            self.count + other.count,
            dict(sorted(confusion.items())),
            exact_sum(self.log_losses, other.log_losses),
            self.log_loss_count + other.log_loss_count,
            exact_sum(self.abs_errors, other.abs_errors),
            exact_sum(self.squared_errors, other.squared_errors),
            self.invalid + other.invalid,
        )

    def to_wire(self) -> dict[str, Any]:
        """Plain types; ``confusion`` is a list of records, since JSON has no pair for a key."""
        return {
            "count": self.count,
            "confusion": [
                {"label": label, "prediction": prediction, "count": count}
                for (label, prediction), count in sorted(self.confusion.items())
            ],
            "log_loss_sum": list(self.log_losses),
            "log_loss_count": self.log_loss_count,
            "abs_error_sum": list(self.abs_errors),
            "squared_error_sum": list(self.squared_errors),
            "invalid": self.invalid,
        }

    @classmethod
    def from_wire(cls, wire: dict[str, Any]) -> Self:
        """Read what :meth:`to_wire` wrote; raises ``KeyError`` on an absent field."""
        return cls(
            int(wire["count"]),
            {(str(c["label"]), str(c["prediction"])): int(c["count"]) for c in wire["confusion"]},
            _exact(wire["log_loss_sum"]),
            int(wire["log_loss_count"]),
            _exact(wire["abs_error_sum"]),
            _exact(wire["squared_error_sum"]),
            int(wire["invalid"]),
        )


def _exact(wire: Any) -> Exact:
    """An exact sum; profiles of earlier releases hold one float."""
    return exact_sum(wire if isinstance(wire, list) else [float(wire)])


def _log_losses(labels: Categories, scores: FloatArray, made: npt.NDArray[np.bool_]) -> list[float]:
    """Losses of the rows that have a probability and a label "0" or "1"."""
    # The last entry is what -1 picks.
    truth = np.array([{"0": 0, "1": 1}.get(name, -1) for name in labels.names] + [-1])[labels.codes]
    usable = made & (truth >= 0) & (scores >= -_ROUNDING) & (scores <= 1 + _ROUNDING)
    clipped = np.clip(scores[usable], _CLIP, 1 - _CLIP)
    losses: list[float] = np.where(truth[usable] == 1, -np.log(clipped), -np.log1p(-clipped)).tolist()
    return losses
