"""Metrics from the mergeable sums of a window."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import Literal

from trimtab.profiles import PerformanceProfile

__all__ = ["HIGHER_IS_BETTER", "Task", "metrics"]

Task = Literal["binary", "multiclass", "regression"]

HIGHER_IS_BETTER: Mapping[str, bool] = {
    "accuracy": True,
    "f1": True,
    "log_loss": False,
    "mae": False,
    "rmse": False,
}

_POSITIVE = "1"


def metrics(profile: PerformanceProfile, task: Task) -> dict[str, float]:
    """Whatever is defined on this window; a metric that is not is left out, never NaN.

    ``accuracy``, ``f1`` (binary: of class ``"1"``; multiclass: the plain mean over every class among labels
    or predictions) and ``log_loss`` (nats, binary only) for classification; ``mae`` and ``rmse``, in the
    label's unit, for regression. A binary window in which nothing is ``"1"``, neither label nor prediction,
    has no F1.

    Examples
    --------
    >>> profile = PerformanceProfile.of_classification(["1", "0", "0", "1"], ["1", "0", "1", "1"], [None] * 4)
    >>> metrics(profile, "binary")
    {'accuracy': 0.75, 'f1': 0.8}
    >>> metrics(PerformanceProfile(), "regression")
    {}
    """
    if profile.count == 0:
        return {}
    if task == "regression":
        squared = profile.squared_error_sum / profile.count
        return {"mae": profile.abs_error_sum / profile.count, "rmse": math.sqrt(squared)}
    correct = sum(n for (label, prediction), n in profile.confusion.items() if label == prediction)
    found = {"accuracy": correct / profile.count}
    by_class = _f1_by_class(profile.confusion)
    if task == "multiclass":
        found["f1"] = math.fsum(by_class.values()) / len(by_class)
    elif _POSITIVE in by_class:
        found["f1"] = by_class[_POSITIVE]
    if task == "binary" and profile.log_loss_count:
        found["log_loss"] = profile.log_loss_sum / profile.log_loss_count
    return found


def _f1_by_class(confusion: Mapping[tuple[str, str], int]) -> dict[str, float]:
    """``2 TP / (2 TP + FP + FN)`` of each class that is a label or a prediction (van Rijsbergen, 1979)."""
    hits: Counter[str] = Counter()
    # A class's labels are TP + FN and its predictions TP + FP, so both together are the denominator.
    mentions: Counter[str] = Counter()
    for (label, prediction), count in confusion.items():
        mentions[label] += count
        mentions[prediction] += count
        if label == prediction:
            hits[label] += count
    return {name: 2 * hits[name] / total for name, total in mentions.items() if total}
