"""From a prediction and its label to a labelled example, by column."""

from __future__ import annotations

import numpy as np

from trimtab.config import ModelConfig
from trimtab.events.columns import Categories, Column, IntArray
from trimtab.events.errors import EventError, Reason
from trimtab.events.examples import Examples
from trimtab.events.tables import LabelTable, PredictionTable
from trimtab.events.values import canonical_value

__all__ = ["canonical_labels", "examples_of", "pairs"]


def canonical_labels(labels: Column, task: str) -> tuple[Column, dict[int, EventError]]:
    """Labels as they came, canonical for a task, and why those (by row) that do not fit do not.

    Examples
    --------
    >>> labels, bad = canonical_labels(np.array([0.0, 1.0, 7.0]), "binary")
    >>> labels.to_list(), list(bad)
    (['0', '1', None], [2])
    """
    if isinstance(labels, Categories):
        raw: list[object] = [*labels.names]
        codes: IntArray = labels.codes.astype(np.int64)
    elif task == "regression":
        return labels, {}
    else:
        distinct, codes = np.unique(labels, return_inverse=True)
        raw = distinct.tolist()
    if task == "regression":
        error = EventError(Reason.WRONG_TYPE, "label: a string where a number is expected")
        return np.full(codes.size, np.nan), dict.fromkeys(range(codes.size), error)
    names: dict[str, int] = {}
    errors: dict[int, EventError] = {}
    to = np.full(len(raw) + 1, -1, np.int32)
    for code, value in enumerate(raw):
        try:
            to[code] = names.setdefault(str(canonical_value(value, task, "label")), len(names))
        except EventError as error:
            errors[code] = error
    bad = {row: errors[code] for row, code in enumerate(codes.tolist()) if code in errors} if errors else {}
    return Categories(to[codes], list(names)), bad


def examples_of(predictions: PredictionTable, labels: LabelTable, label: Column, model: ModelConfig) -> Examples:
    """Labelled examples of predictions with features and, row by row, their labels; ``label`` is canonical."""
    if predictions.ids is None or predictions.features is None:
        raise ValueError("predictions without ids or features are not joined")
    return Examples(
        ids=predictions.ids,
        time_ms=predictions.time_ms,
        label_time_ms=labels.time_ms,
        version=predictions.version,
        learnt=predictions.learnt,
        produced_ms=labels.sources.timestamp_ms,
        features=predictions.features.by_name(model),
        label=label,
        prediction=predictions.prediction,
        score=predictions.score,
    )


def pairs(left: IntArray, right: IntArray) -> tuple[IntArray, IntArray]:
    """Indices into two ascending arrays of all pairs that are equal.

    Examples
    --------
    >>> pairs(np.array([1, 2, 2]), np.array([2, 2, 3]))
    (array([1, 1, 2, 2]), array([0, 1, 0, 1]))
    """
    start = np.searchsorted(right, left)
    several = np.searchsorted(right, left, side="right") - start
    first = np.repeat(np.arange(left.size), several)
    second = np.repeat(start - (np.cumsum(several) - several), several) + np.arange(first.size)
    return first, second
