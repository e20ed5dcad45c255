"""Whether rows of a window can be told from rows of the reference, by an online classifier."""

from __future__ import annotations

import math
from collections.abc import Collection

import numpy as np
import numpy.typing as npt
from scipy import special

from trimtab.drift.combination import combined
from trimtab.drift.domain_terms import columns_of, telling_terms
from trimtab.drift.registry import Measured, Statistic
from trimtab.profiles import RowSample
from trimtab.profiles.cells import FloatArray

__all__ = ["AUC", "DOMAIN", "LEAST_ROWS", "STATISTIC", "domain_classifier", "is_fair", "mann_whitney"]

DOMAIN = "__domain__"
"""Name of the feature that the classifier's verdict is about: all features of the model together."""

AUC = "auc_above_half"
"""Name of the statistic."""

LEAST_ROWS = 60
"""Rows of either side under which a half is too small to learn from."""

# Of the numbers that were tried these find most; docs/statistics.md.
_TERMS = 6
_PASSES = 1
_LEARNING_RATE = 0.02

BoolArray = npt.NDArray[np.bool_]


def domain_classifier(reference: RowSample, window: RowSample, ignore: Collection[str] = ()) -> Measured:
    """By how much the area under the ROC curve of "window or reference?" is above one half, and its p-value.

    A logistic regression learns online, one row after the other (River: standardised numbers, one-hot categories, and
    the products of two that differ most). Every other row by hash is one half; each half is scored by what the other
    taught, so that what was learnt by heart does not count. The effect is the mean of both halves' areas less 0.5.

    Each half's p-value is that of the Mann-Whitney test, one-sided: given what was taught, its rows are exchangeable
    when nothing has changed. Both halves go together, by how much depends on the features; their Cauchy combination is
    right at small levels whatever it is (Liu and Xie 2020).

    The same rows give the same result to the last bit, in whatever order they were merged.

    Parameters
    ----------
    ignore
        Features that are left out.

    Returns
    -------
    0.0 and 1.0 when either side has fewer than ``LEAST_ROWS`` rows, or no feature varies.

    Examples
    --------
    >>> draw = np.random.default_rng(1)
    >>> x, noise = draw.normal(size=(2, 600))
    >>> apart, together = ({"x": x, "y": y} for y in (noise, 0.9 * x + 0.44 * noise))
    >>> before, after = (RowSample.of(512, np.arange(600) + k, of, {}) for k, of in enumerate((apart, together)))
    >>> found = domain_classifier(before, after)
    >>> found.value > 0.2, found.p_value < 1e-6
    (True, True)
    """
    columns = columns_of(reference, window, ignore)
    if min(len(reference), len(window)) < LEAST_ROWS or not len(columns):
        return Measured(0.0, 1.0)
    is_window = np.repeat([False, True], [len(reference), len(window)])
    places = np.concatenate((np.arange(len(reference)), np.arange(len(window))))
    # The hashes of a sample of a longer stretch are smaller: in order of rank, both sides are spread alike.
    shares = (places + 0.5) / np.where(is_window, len(window), len(reference))
    order = np.lexsort((is_window, shares))
    odd = places[order] % 2 == 1
    columns, is_window = columns[:, order], is_window[order]
    areas, p_values = zip(*(_of_half(columns, is_window, half) for half in (odd, ~odd)), strict=True)
    return Measured(float(np.mean(areas)) - 0.5, combined(p_values))


def mann_whitney(before: FloatArray, after: FloatArray) -> tuple[float, float]:
    """Probability that one of ``after`` is larger than one of ``before``, and how likely so large a one is by chance.

    Ties count half. The p-value is one-sided, by the normal approximation with its correction for ties (Lehmann 1975).

    Examples
    --------
    >>> mann_whitney(np.array([1.0, 2.0]), np.array([1.0, 2.0]))
    (0.5, 0.5)
    """
    n, m = before.size, after.size
    _, which, counts = np.unique(np.concatenate((before, after)), return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[which]
    area = (float(ranks[n:].sum()) - m * (m + 1) / 2) / (n * m)
    ties = float((counts.astype(np.float64) ** 3 - counts).sum()) / ((n + m) * (n + m - 1))
    variance = (n + m + 1 - ties) / (12 * n * m)
    if variance <= 0:
        return area, 1.0
    return area, float(special.ndtr((0.5 - area) / math.sqrt(variance)))


def is_fair(sample: RowSample, rows: int, least: float) -> bool:
    """Whether the sample stands for so many rows: ``least`` of them or more are distinct.

    Rows of equal content are one in a sample; where that happens often, those that are rare are too many in it. How
    many are distinct is told by the largest of the smallest hashes (Bar-Yossef et al. 2002).

    Examples
    --------
    >>> same = np.zeros(1_000, np.int64)
    >>> [is_fair(RowSample.of(64, time_ms, {}, {}), 1_000, 0.5) for time_ms in (same, np.arange(1_000))]
    [False, True]
    """
    distinct = len(sample)
    if distinct == sample.capacity:
        distinct = int((distinct - 1) / (float(sample.hashes[-1]) / 2**64))
    return distinct >= least * rows


def _of_half(columns: FloatArray, is_window: BoolArray, taught: BoolArray) -> tuple[float, float]:
    """Area and p-value of the other half, by what this one taught."""
    terms = telling_terms(columns, is_window, taught, _TERMS)
    scores = _scores(terms, is_window, taught)
    asked = is_window[~taught]
    return mann_whitney(scores[~asked], scores[asked])


def _scores(terms: FloatArray, is_window: BoolArray, taught: BoolArray) -> FloatArray:
    """Log-odds of being of the window, of the rows that taught nothing."""
    from river import linear_model, optim, preprocessing

    # Keys are numbers: those of texts may be summed in another order in another process.
    rows = [dict(enumerate(row)) for row in terms.T.tolist()]
    labels, teaches = is_window.tolist(), taught.tolist()
    of_window = sum(label for label, teach in zip(labels, teaches, strict=True) if teach)
    of_reference = sum(teaches) - of_window
    weights = {
        True: (of_window + of_reference) / (2 * of_window),
        False: (of_window + of_reference) / (2 * of_reference),
    }
    model = preprocessing.StandardScaler() | linear_model.LogisticRegression(optim.SGD(_LEARNING_RATE))
    for _ in range(_PASSES):
        for row, label, teach in zip(rows, labels, teaches, strict=True):
            if teach:
                model.learn_one(row, label, w=weights[label])
    found = [model.predict_proba_one(row)[True] for row, teach in zip(rows, teaches, strict=True) if not teach]
    return np.array(found)


def _of_samples(reference: RowSample, window: RowSample) -> Measured:
    return domain_classifier(reference, window)


STATISTIC = Statistic(AUC, "any", _of_samples, base=0.5)
"""Not registered, since it is of no single feature; for what earlier windows say of its value."""
