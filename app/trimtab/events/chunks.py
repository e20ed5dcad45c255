"""Whole chunks of records to tables: typed and by column where they allow it, one by one where they do not.

What becomes of a record depends on its bytes alone, never on the records around it: the typed decoders see each
record by itself, and what they do not take goes to :class:`Decoder`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec
import numpy as np
import orjson

from trimtab.config import EventFields, ModelConfig
from trimtab.events.batch import is_batch
from trimtab.events.batch_tables import BatchReader
from trimtab.events.columns import Texts
from trimtab.events.decode import Decoder
from trimtab.events.errors import EventError, Refusal
from trimtab.events.schemas import HEADER_BYTES, MAGIC
from trimtab.events.tables import FeatureTable, LabelTable, PredictionTable, Sources
from trimtab.events.typed import TypedPredictions
from trimtab.events.typed_avro import AvroPredictions
from trimtab.events.typed_parts import TypedFeatureEvents, TypedLabels, label_tables
from trimtab.events.types import FeatureEvent, LabelEvent, PredictionEvent

__all__ = ["ChunkDecoder", "Refusal"]

Values = Sequence[bytes | None]
Table = PredictionTable | FeatureTable | LabelTable
_MODEL = b'"model":"'
# Rows decoded at once: their structs stay in the cache until they are columns.
_AT_ONCE = 5_000
_NOT_TYPED = (msgspec.MsgspecError, EventError, ValueError, OverflowError, RecursionError, TypeError)


class _Typed(Protocol):
    decode: Callable[[bytes], Any]

    def tables(self, rows: Sequence[Any], sources: Sources) -> Sequence[Table]: ...

    def check(self, row: Any) -> None: ...


class ChunkDecoder:
    """Decodes chunks of one input topic and partition.

    Parameters
    ----------
    models
        Model name to configuration.
    max_bytes
        Largest event that is decoded, in bytes.
    """

    def __init__(self, models: Mapping[str, ModelConfig], max_bytes: int) -> None:
        self._models = models
        self._max_bytes = max_bytes
        self.slow = Decoder(models, max_bytes)
        self._batches = BatchReader(models)
        self._predictions = _typed_predictions(models)
        fields = {model.fields for model in models.values()} or {EventFields()}
        self._slow_way: dict[str, tuple[Callable[[bytes | None], Any], Callable[..., Sequence[Table]]]] = {
            "predictions": (self.slow.prediction, self._of_predictions),
            "labels": (self.slow.label, _of_labels),
            "features": (self.slow.feature, _of_features),
        }
        self._labels: _Typed | None = None
        self._features: _Typed | None = None
        # Events that name no model are typed only when all models read them under the same names.
        if len(fields) == 1:
            names = fields.pop()
            self._labels, self._features = TypedLabels(names, models), TypedFeatureEvents(names)

    def decode(self, topic: str, values: Values, sources: Sources) -> tuple[list[Table], list[Refusal]]:
        """Tables and refusals of a chunk of ``topic``: 'features', 'predictions' or 'labels'."""
        # A service that sends batches sends many: the first record tells, and the odd ones are looked at again.
        if values and is_batch(values[0] or b""):
            return self._mixed(topic, values, sources)
        return self._singles(topic, values, sources)

    def _singles(self, topic: str, values: Values, sources: Sources) -> tuple[list[Table], list[Refusal]]:
        tables: list[Table] = []
        odd: list[int] = []
        parts = self._parts(topic, values)
        if topic == "predictions" and values and (values[0] or b"")[:2] == MAGIC:
            parts = [(None, self._of_avro(values, sources, tables))]
        for typed, rows in parts:
            if typed is None:
                odd += rows
                continue
            for start in range(0, len(rows), _AT_ONCE):
                some = rows if len(rows) <= _AT_ONCE else rows[start : start + _AT_ONCE]
                tables += self._typed_tables(typed, values, some, sources, odd)
        if not odd:
            return tables, []
        if any(is_batch(values[row] or b"") for row in odd):
            return self._mixed(topic, values, sources)
        one_by_one, make = self._slow_way[topic]
        events, refused = _each(one_by_one, values, sorted(odd))
        if events:
            rows = [row for row, _ in events]
            tables += make([event for _, event in events], sources.take(rows))
        return tables, refused

    def _mixed(self, topic: str, values: Values, sources: Sources) -> tuple[list[Table], list[Refusal]]:
        """A chunk with batches: they are taken apart from the single events."""
        batches = [row for row, value in enumerate(values) if value is not None and is_batch(value)]
        tables, refused = self._batches.tables(topic, values, batches, sources)
        if len(batches) < len(values):
            other = sorted(set(range(len(values))).difference(batches))
            found, why = self._singles(topic, [values[row] for row in other], sources.take(other))
            tables += found
            refused += [Refusal(other[row], error) for row, error in why]
        return tables, refused

    def _of_avro(self, values: Values, sources: Sources, tables: list[Table]) -> list[int]:
        """Tables of typed Avro predictions; returns the rows that are none, or have something odd in them."""
        rows_of: dict[bytes, list[int]] = {}
        for row, value in enumerate(values):
            rows_of.setdefault(value[:HEADER_BYTES] if value is not None else b"", []).append(row)
        odd: list[int] = []
        for head, rows in rows_of.items():
            avro = self.slow.avro.get(head[2:])
            if avro is None or head[:2] != MAGIC:
                odd += rows
            else:
                odd += self._of_typed_avro(avro, values, rows, sources, tables)
        return odd

    def _of_typed_avro(
        self, avro: AvroPredictions, values: Values, rows: list[int], sources: Sources, tables: list[Table]
    ) -> list[int]:
        records = [value for value in (values[row] for row in rows) if value is not None]
        columns, fits = avro.columns(records)
        if not fits.all() or _longest(records) > self._max_bytes:
            fits &= np.fromiter(map(len, records), np.int64, len(records)) <= self._max_bytes
            bad = [rows[k] for k in np.flatnonzero(~fits).tolist()]
            good = [rows[k] for k in np.flatnonzero(fits).tolist()]
            return bad + (self._of_typed_avro(avro, values, good, sources, tables) if good else [])
        try:
            tables.append(self._predictions[avro.name.encode()].of_avro(avro.name, columns, sources.take(rows)))
        except _NOT_TYPED:
            # One of them has a value that does not do; those are few, so halves are tried until they are found.
            if len(rows) == 1:
                return rows
            half = len(rows) // 2
            first = self._of_typed_avro(avro, values, rows[:half], sources, tables)
            return first + self._of_typed_avro(avro, values, rows[half:], sources, tables)
        return []

    def _typed_tables(
        self, typed: _Typed, values: Values, rows: Sequence[int], sources: Sources, odd: list[int]
    ) -> Sequence[Table]:
        """Tables of the rows that ``typed`` takes; the others go to ``odd``."""
        whole = len(rows) == len(values) and isinstance(rows, range)
        some = values if whole else [values[row] for row in rows]
        if _longest(some) > self._max_bytes:
            odd += rows
            return []
        structs, taken = _decoded(typed.decode, some, rows, odd)
        if not structs:
            return []
        try:
            return typed.tables(structs, sources if whole and taken is rows else sources.take(np.array(taken)))
        except _NOT_TYPED:
            good = []
            for position, struct in enumerate(structs):
                try:
                    typed.check(struct)
                    good.append(position)
                except _NOT_TYPED:
                    odd.append(taken[position])
        if not good:
            return []
        return typed.tables([structs[k] for k in good], sources.take(np.array([taken[k] for k in good])))

    def _parts(self, topic: str, values: Values) -> list[tuple[_Typed | None, Sequence[int]]]:
        """Rows by the decoder that may take them, those of one model together; None is the slow one."""
        if topic != "predictions":
            return [(self._labels if topic == "labels" else self._features, range(len(values)))]
        if len(self._predictions) == 1:
            return [(next(iter(self._predictions.values())), range(len(values)))]
        rows_of: defaultdict[bytes, list[int]] = defaultdict(list)
        for row, name in enumerate([_model_of(value or b"") for value in values]):
            rows_of[name].append(row)
        parts: dict[_Typed | None, list[int]] = {}
        for name, rows in rows_of.items():
            parts.setdefault(self._predictions.get(name), []).extend(rows)
        return list(parts.items())

    def _of_predictions(self, events: Sequence[PredictionEvent], sources: Sources) -> list[Table]:
        tables: list[Table] = []
        kinds = [(event.model, event.features is None) for event in events]
        for kind in dict.fromkeys(kinds):
            rows = [row for row, of in enumerate(kinds) if of == kind]
            some = [events[row] for row in rows]
            tables.append(PredictionTable.of(some, self._models[kind[0]], sources.take(rows)))
        return tables


def _typed_predictions(models: Mapping[str, ModelConfig]) -> dict[bytes, TypedPredictions]:
    """The decoder of each model's predictions; models whose predictions are read alike share one."""
    alike: dict[tuple[object, ...], list[str]] = {}
    for name, model in models.items():
        alike.setdefault((model.fields, model.numeric, model.categorical, model.task, model.labels), []).append(name)
    found: dict[bytes, TypedPredictions] = {}
    for names in alike.values():
        found |= dict.fromkeys([name.encode() for name in names], TypedPredictions(names, models[names[0]]))
    return found


def _model_of(value: bytes) -> bytes:
    start = value.find(_MODEL) + len(_MODEL)
    return value[start : value.find(b'"', start)]


def _longest(values: Values) -> int:
    try:
        return max([len(value) for value in values])  # type: ignore[arg-type]  # None, which is rare, is a TypeError
    except TypeError:
        return max((len(value) for value in values if value is not None), default=0)


def _decoded(
    decode: Callable[[bytes], Any], values: Values, rows: Sequence[int], odd: list[int]
) -> tuple[list[Any], Sequence[int]]:
    """Structs of the values that can be decoded, and their rows."""
    try:
        return [decode(value) for value in values], rows  # type: ignore[arg-type]  # None is a TypeError
    except _NOT_TYPED:
        pass
    structs, taken = [], []
    for row, value in zip(rows, values, strict=True):
        try:
            structs.append(decode(value))  # type: ignore[arg-type]
            taken.append(row)
        except _NOT_TYPED:
            odd.append(row)
    return structs, taken


def _each(
    decode: Callable[[bytes | None], Any], values: Values, rows: Sequence[int]
) -> tuple[list[tuple[int, Any]], list[Refusal]]:
    events, refused = [], []
    for row in rows:
        try:
            events.append((row, decode(values[row])))
        except EventError as error:
            refused.append(Refusal(row, error))
    return events, refused


def _of_labels(events: Sequence[LabelEvent], sources: Sources) -> Sequence[Table]:
    times = np.array([event.time_ms for event in events], np.int64)
    models, labels = [event.model for event in events], [event.label for event in events]
    return label_tables(models, [event.id for event in events], times, labels, sources)


def _of_features(events: Sequence[FeatureEvent], sources: Sources) -> Sequence[Table]:
    times = np.array([event.time_ms for event in events], np.int64)
    raw = Texts.of([orjson.dumps(event.features).decode() for event in events])
    return [FeatureTable(Texts.of([event.id for event in events]), times, raw, sources)]
