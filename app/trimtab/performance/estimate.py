"""How accurate a binary model probably is before its labels are known, from the scores that it gave.

A score that is a calibrated probability says how often its prediction is right: the mean over a window is the expected
accuracy (confidence-based performance estimation, as NannyML's documentation describes it; the idea is in Guillory et
al., "Predicting with Confidence on Unseen Distributions", ICCV 2021). Scores are rarely calibrated, so by how much the
same estimate is off on the reference, whose labels are known, is taken off. It sees changes of the inputs, never a
change of what the label means: where estimated and realised part, the concept has changed.
"""

from __future__ import annotations

import math

import numpy as np

from trimtab.profiles import PREDICTION, SCORE, CategoricalProfile, NumericProfile, Reference, WindowProfile
from trimtab.profiles.cells import cell_bounds

__all__ = ["ESTIMATED", "EXPECTED", "estimated_accuracy", "expected_accuracy"]

ESTIMATED = "estimated_accuracy"
"""Statistic of the metric records."""

EXPECTED = "expected_accuracy"
"""Among a reference's metrics: what the scores alone said of the examples that gave its accuracy."""

_POSITIVE, _NEGATIVE = "1", "0"
_ROUNDING = 1e-6  # how far beyond [0, 1] a softmax may round


def estimated_accuracy(window: WindowProfile, reference: Reference) -> float | None:
    """Expected accuracy of a window, with the reference's own error of the estimate taken off; 0 to 1.

    None where a score is missing or no probability, or the accuracy on the reference is not known.
    """
    now, before = expected_accuracy(window), reference.metrics.get(EXPECTED, expected_accuracy(reference.profile))
    realised = reference.metrics.get("accuracy")
    if now is None or before is None or realised is None:
        return None
    return min(1.0, max(0.0, now + (realised - before)))


def expected_accuracy(profile: WindowProfile) -> float | None:
    """What the scores alone say: the mean of ``score`` where 1 was predicted, and of ``1 - score`` where 0 was.

    Which score goes with which prediction is not in the profile, so as many of the highest scores are taken as there
    are predictions of 1; that is so for any threshold. A score is known to its cell, a 32nd of its distance from the
    reference's median.

    Examples
    --------
    >>> from trimtab.profiles import IDENTITY
    >>> scores = NumericProfile.of(np.array([0.9, 0.9, 0.2, 0.4]), IDENTITY)
    >>> profile = WindowProfile(4, {SCORE: scores}, {PREDICTION: CategoricalProfile({"0": 2, "1": 2})})
    >>> round(expected_accuracy(profile), 2)
    0.8
    """
    scores, predictions = profile.find(SCORE), profile.find(PREDICTION)
    if not isinstance(scores, NumericProfile) or not isinstance(predictions, CategoricalProfile):
        return None
    counts = {**predictions.counts, **predictions.new}
    positive, total = counts.pop(_POSITIVE, 0), scores.count
    negative = counts.pop(_NEGATIVE, 0)
    usable = total and positive + negative == total and not (predictions.other or predictions.missing or counts)
    if not usable or scores.missing or scores.non_finite:
        return None
    if scores.minimum < -_ROUNDING or scores.maximum > 1 + _ROUNDING:
        return None
    bounds = np.stack(cell_bounds(scores.cells)) * scores.frame.scale + scores.frame.center
    middles = np.clip(bounds, max(0.0, scores.minimum), min(1.0, scores.maximum)).mean(axis=0)
    # Of each cell, how many events are among the negative ones, which have the lowest scores.
    below = np.diff(np.minimum(np.cumsum(scores.counts), negative), prepend=0)
    right = below * (1 - middles) + (scores.counts - below) * middles
    return math.fsum(right.tolist()) / total
