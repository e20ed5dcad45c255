"""What detectors look at: of each example its error, or its score."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from trimtab.events.columns import Categories, FloatArray
from trimtab.events.examples import Examples

__all__ = ["SIGNALS", "errors", "scores"]

# A detector squares what it is given, and raises it to the fourth power.
_LARGEST = 1e60


def errors(examples: Examples) -> FloatArray:
    """How wrong each prediction was that was served, shape ``(n,)``; NaN where none was logged.

    1 for a wrong label and 0 for the right one; for regression the absolute difference, in the label's unit.
    """
    label, prediction = examples.label, examples.prediction
    if prediction is None:
        return np.full(len(examples), np.nan)
    if isinstance(label, Categories) and isinstance(prediction, Categories):
        pairs = zip(label.to_list(), prediction.to_list(), strict=True)
        return np.array([np.nan if said is None else float(said != right) for right, said in pairs], np.float64)
    if isinstance(label, Categories) or isinstance(prediction, Categories):
        raise ValueError("labels and predictions are of two kinds")
    with np.errstate(over="ignore"):
        return np.minimum(np.abs(label - prediction), _LARGEST)


def scores(examples: Examples) -> FloatArray:
    """The score of each prediction, shape ``(n,)``; for regression the prediction; NaN where there is none."""
    found = examples.score
    if not isinstance(examples.label, Categories):
        found = None if isinstance(examples.prediction, Categories) else examples.prediction
    return np.full(len(examples), np.nan) if found is None else np.clip(found, -_LARGEST, _LARGEST)


SIGNALS: Mapping[str, Callable[[Examples], FloatArray]] = {"error": errors, "score": scores}
"""By the name that the configuration gives them."""
