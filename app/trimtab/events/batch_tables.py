"""From an ``event_batch`` to tables: the same canonical values, and the same refusals, as of single events."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from trimtab.config import ModelConfig
from trimtab.events.batch import EventBatch, join_batches
from trimtab.events.columns import Categories, Column, FloatArray, IntArray, Texts
from trimtab.events.errors import EventError, Reason, Refusal
from trimtab.events.tables import Features, FeatureTable, LabelTable, PredictionTable, Sources
from trimtab.events.values import MAX_MS, MIN_MS, canonical_category, canonical_value

__all__ = ["BatchReader"]

Table = PredictionTable | FeatureTable | LabelTable


class BatchReader:
    """Makes tables of batches.

    Parameters
    ----------
    models
        Model name to configuration.
    """

    def __init__(self, models: Mapping[str, ModelConfig]) -> None:
        self._models = models

    def tables(
        self, topic: str, values: Sequence[bytes | None], rows: Sequence[int], sources: Sources
    ) -> tuple[list[Table], list[Refusal]]:
        """Tables of the batches at ``rows`` of a chunk, and what is refused."""
        records = [values[row] or b"" for row in rows]
        try:
            batch, counts = join_batches(records)
            return self._table(topic, batch, np.repeat(rows, counts), counts, sources)
        except EventError as error:
            if len(rows) == 1:
                return [], [Refusal(rows[0], error)]
        # They differ, or one is damaged: one by one.
        tables: list[Table] = []
        refused: list[Refusal] = []
        for row in rows:
            found, why = self.tables(topic, values, [row], sources)
            tables += found
            refused += why
        return tables, refused

    def _table(
        self, topic: str, batch: EventBatch, of: IntArray, counts: IntArray, sources: Sources
    ) -> tuple[list[Table], list[Refusal]]:
        """The good events of a batch as a table, and the bad ones; ``of`` is the record of each event.

        Raises EventError when none can be used.
        """
        if batch.kind + "s" != topic:
            raise EventError(Reason.WRONG_TYPE, f"a batch of {batch.kind}s in the topic of {topic}")
        if batch.model is not None and batch.model not in self._models:
            known = ", ".join(sorted(self._models)) or "none"
            raise EventError(Reason.UNKNOWN_MODEL, f"model {batch.model!r} is not configured; configured: {known}")
        checks = _Checks(np.arange(of.size) - np.repeat(np.cumsum(counts) - counts, counts))
        where = sources.take(of)
        outside = (batch.time_ms < MIN_MS) | (batch.time_ms > MAX_MS)
        checks.refuse(outside, Reason.WRONG_TYPE, "time is not milliseconds since 1970")
        made: Table
        if topic == "predictions":
            made = self._predictions(batch, self._models[batch.model or ""], where, checks)
        elif topic == "labels":
            made = self._labels(batch, where, checks)
        else:
            made = _features(batch, where, checks)
        if not checks.bad:
            return [made], []
        good = np.array([row for row in range(len(batch)) if row not in checks.bad], np.int64)
        refused = [Refusal(int(of[row]), error) for row, error in checks.bad.items()]
        return ([made.take(good)] if good.size else []), refused

    def _predictions(self, batch: EventBatch, model: ModelConfig, sources: Sources, checks: _Checks) -> PredictionTable:
        count = len(batch)
        features = _typed_features(batch, model, checks) if batch.columns else None
        prediction = self._prediction(batch, model, checks)
        none = prediction.codes < 0 if isinstance(prediction, Categories) else np.isnan(prediction)
        checks.refuse(none & (batch.version > 0), Reason.MISSING_FIELD, "prediction is missing though version is given")
        checks.refuse(batch.version < 0, Reason.WRONG_TYPE, "version is below zero")
        score = np.full(count, np.nan) if batch.score is None else batch.score
        checks.refuse((score < 0) | (score > 1), Reason.WRONG_TYPE, "score is not a probability from 0 to 1")
        return PredictionTable(
            batch.model or "",
            batch.ids,
            batch.time_ms,
            batch.version,
            batch.learnt,
            prediction,
            score,
            features,
            sources,
        )

    def _prediction(self, batch: EventBatch, model: ModelConfig, checks: _Checks) -> Column:
        given = np.full(len(batch), np.nan) if batch.prediction is None else batch.prediction
        if model.task == "regression":
            return _numbers(given, "prediction", checks)
        return _texts(given, lambda value: str(canonical_value(value, model.task, "prediction")), "prediction", checks)

    def _labels(self, batch: EventBatch, sources: Sources, checks: _Checks) -> LabelTable:
        label = batch.label
        if label is None:
            raise EventError(Reason.MISSING_FIELD, "event_batch: a batch of labels has a column label")
        missing = label.codes < 0 if isinstance(label, Categories) else np.isnan(label)
        checks.refuse(missing, Reason.MISSING_FIELD, "label is missing")
        named = [self._models[batch.model]] if batch.model is not None else list(self._models.values())
        tasks = {model.task for model in named}
        if isinstance(label, Categories):
            if tasks == {"regression"}:
                checks.refuse(~missing, Reason.WRONG_TYPE, "label: a string where a number is expected")
            elif "multiclass" not in tasks:
                _texts(label, lambda value: str(canonical_value(value, "binary", "label")), "label", checks)
        else:
            checks.refuse(np.isinf(label), Reason.NON_FINITE, "label is not finite")
            if tasks == {"binary"}:
                _texts(label, lambda value: str(canonical_value(value, "binary", "label")), "label", checks)
        return LabelTable(batch.model, batch.ids, batch.time_ms, label, sources)


class _Checks:
    """Which events of a batch are refused, and why; the first reason counts."""

    def __init__(self, number: IntArray) -> None:
        self._number = number
        self.bad: dict[int, EventError] = {}

    def refuse(self, rows: Any, reason: Reason, detail: str) -> None:
        """Refuse the events where ``rows`` is true."""
        if rows.any():
            for row in np.flatnonzero(rows).tolist():
                self.bad.setdefault(row, EventError(reason, f"event {self._number[row]} of the batch: {detail}"))


def _typed_features(batch: EventBatch, model: ModelConfig, checks: _Checks) -> Features:
    missing = np.full(len(batch), np.nan)
    categorical = (
        _texts(batch.columns.get(name, missing), canonical_category, f"features.{name}", checks)
        for name in model.categorical
    )
    return Features(_typed_numbers(batch, model.numeric, checks), tuple(categorical))


def _typed_numbers(batch: EventBatch, names: Sequence[str], checks: _Checks) -> npt.NDArray[np.float64]:
    """The numeric features, one row each: as they were read if they came in this order."""
    came = [name for name, column in batch.columns.items() if not isinstance(column, Categories)]
    if batch.matrix is not None and came == list(names) and not np.isinf(batch.matrix).any():
        return batch.matrix
    missing = np.full(len(batch), np.nan)
    rows = [_numbers(batch.columns.get(name, missing), f"features.{name}", checks) for name in names]
    return np.stack(rows) if rows else np.empty((0, len(batch)))


def _numbers(column: Column, name: str, checks: _Checks) -> FloatArray:
    if isinstance(column, Categories):
        checks.refuse(column.codes >= 0, Reason.WRONG_TYPE, f"{name}: a string where a number is expected")
        return np.full(len(column), np.nan)
    checks.refuse(np.isinf(column), Reason.NON_FINITE, f"{name} is not finite; send NaN for missing")
    return column


def _texts(column: Column, canonical: Callable[[Any], str], name: str, checks: _Checks) -> Categories:
    """Canonical categories of categories or numbers."""
    raw: list[Any]
    if isinstance(column, Categories):
        raw, codes = [*column.names], column.codes.astype(np.int64)
    else:
        raw, codes = _distinct(column)
    names: dict[str, int] = {}
    to = np.full(len(raw) + 1, -1, np.int32)
    for code, value in enumerate(raw):
        try:
            to[code] = names.setdefault(canonical(value), len(names))
        except EventError as error:
            checks.refuse(codes == code, error.reason, f"{name}: {error.detail}")
    return Categories(to[codes], list(names))


def _distinct(column: FloatArray) -> tuple[list[float], IntArray]:
    """Distinct numbers ascending, and the place of each value among them; -1 for NaN.

    Examples
    --------
    >>> values, places = _distinct(np.array([1.0, 0.0, 1.0])), _distinct(np.array([2.0, np.nan]))
    >>> [(found, at.tolist()) for found, at in (values, places)]
    [([0.0, 1.0], [1, 0, 1]), ([2.0], [0, -1])]
    """
    low, high = column.min(), column.max()  # NaN when there is one
    upper = column == high
    if low != high and bool((upper | (column == low)).all()):  # most columns of classes have two
        return [float(low), float(high)], upper.astype(np.int64)
    distinct, inverse = np.unique(column, return_inverse=True)
    found, codes = distinct.tolist(), inverse.astype(np.int64)
    if np.isnan(distinct[-1]):
        codes = np.where(codes == distinct.size - 1, -1, codes)
        found.pop()
    return found, codes


def _features(batch: EventBatch, sources: Sources, checks: _Checks) -> FeatureTable:
    """Features of no model yet are kept as JSON, like those of single events."""
    columns: list[list[Any]] = []
    for name, column in batch.columns.items():
        if isinstance(column, Categories):
            columns.append(column.to_list())
        else:
            checks.refuse(np.isinf(column), Reason.NON_FINITE, f"features.{name} is not finite; send NaN for missing")
            columns.append(column.tolist())  # JSON writes NaN as null
    names = list(batch.columns)
    rows = zip(*columns, strict=True) if columns else iter([()] * len(batch))
    values = [orjson.dumps(dict(zip(names, row, strict=True))) for row in rows]
    ends: IntArray = np.cumsum([len(value) for value in values])
    return FeatureTable(batch.ids, batch.time_ms, Texts(b"".join(values), ends), sources)
