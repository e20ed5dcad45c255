"""Labels and feature events from JSON to tables, typed by msgspec structs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from trimtab.config import EventFields, ModelConfig
from trimtab.events.columns import Categories, Column, IntArray, Texts
from trimtab.events.errors import EventError, Reason
from trimtab.events.tables import FeatureTable, LabelTable, Sources
from trimtab.events.typed import Id, Scalar, times_of
from trimtab.events.values import canonical_category, canonical_value, parse_time

__all__ = ["TypedFeatureEvents", "TypedLabels", "label_tables"]

EXACT = 1 << 53  # whole numbers up to here are floats without loss


class TypedFeatureEvents:
    """Feature events, whose features stay JSON until a prediction names the model."""

    def __init__(self, fields: EventFields) -> None:
        self._fields = fields
        struct = _header(fields, ("features", msgspec.Raw))
        self.decode: Callable[[bytes], Any] = msgspec.json.Decoder(struct).decode

    def tables(self, rows: Sequence[Any], sources: Sources) -> list[FeatureTable]:
        """One table; raises EventError."""
        values = [bytes(row.features) for row in rows]
        if any(value[:1] != b"{" for value in values):
            raise EventError(Reason.WRONG_TYPE, f"{self._fields.features} must be an object of name to value")
        ids = Texts.of([row.id for row in rows])
        raw = Texts(b"".join(values), np.cumsum(np.fromiter(map(len, values), np.int64, len(values))))
        return [FeatureTable(ids, times_of([row.time for row in rows], self._fields.time), raw, sources)]

    def check(self, row: Any) -> None:
        """Raise what :meth:`tables` would raise for one struct."""
        self.tables([row], _NOWHERE)


class TypedLabels:
    """Labels, one table per model and type of value."""

    def __init__(self, fields: EventFields, models: Mapping[str, ModelConfig]) -> None:
        self._fields = fields
        self._models = models
        struct = _header(fields, ("label", Scalar), ("model", str | None, None))
        self.decode: Callable[[bytes], Any] = msgspec.json.Decoder(struct).decode

    def tables(self, rows: Sequence[Any], sources: Sources) -> list[LabelTable]:
        """One table per model and type; raises EventError."""
        labels = [row.label for row in rows]
        models = [row.model for row in rows]
        for model in set(models):
            self._fits(model, {label for label, of in zip(labels, models, strict=True) if of == model})
        times = times_of([row.time for row in rows], self._fields.time)
        return label_tables(models, [row.id for row in rows], times, labels, sources)

    def check(self, row: Any) -> None:
        """Raise what :meth:`tables` would raise for one struct."""
        self._fits(row.model, [row.label])
        parse_time(row.time, self._fields.time)

    def _fits(self, model: str | None, labels: Iterable[Any]) -> None:
        """Each label fits the task of a model that it may be for."""
        if model is not None and model not in self._models:
            raise EventError(Reason.UNKNOWN_MODEL, f"model {model!r} is not configured")
        tasks = {self._models[model].task} if model is not None else {m.task for m in self._models.values()}
        if "multiclass" in tasks:
            return
        for label in labels:
            if "regression" in tasks and not isinstance(label, str):
                canonical_value(label, "regression", self._fields.label)
            elif "binary" in tasks:
                canonical_value(label, "binary", self._fields.label)
            else:
                raise EventError(Reason.WRONG_TYPE, f"{self._fields.label}: a string where a number is expected")


def label_tables(
    models: Sequence[str | None], ids: Sequence[str], times: IntArray, labels: Sequence[Any], sources: Sources
) -> list[LabelTable]:
    """Labels as they came, one table per model and type."""
    kinds = list(zip(models, map(_is_text, labels), strict=True))
    distinct = dict.fromkeys(kinds)
    if len(distinct) == 1:
        return [LabelTable(models[0], Texts.of(ids), times, _column(labels, kinds[0][1]), sources)]
    tables = []
    for kind in distinct:
        rows = [row for row, of in enumerate(kinds) if of == kind]
        column = _column([labels[row] for row in rows], kind[1])
        some = Texts.of([ids[row] for row in rows])
        tables.append(LabelTable(kind[0], some, times[rows], column, sources.take(rows)))
    return tables


def _is_text(label: object) -> bool:
    # A float would not hold every digit of a large whole number, which may be the name of a class.
    return isinstance(label, str) or (isinstance(label, int) and abs(label) > EXACT)


def _column(labels: Sequence[Any], text: bool) -> Column:
    if text:
        return Categories.of(map(canonical_category, labels))
    return np.fromiter(labels, np.float64, len(labels))


def _header(fields: EventFields, *extra: tuple[Any, ...]) -> Any:
    names = {key: getattr(fields, key) for key in ("id", "time", "features", "label")}
    return msgspec.defstruct("Header", [("id", Id), ("time", int | float | str), *extra], rename=names, gc=False)


_NOWHERE = Sources(0, np.zeros(1, np.int64), np.zeros(1, np.int64))
