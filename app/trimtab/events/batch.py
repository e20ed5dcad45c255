"""The columnar ``event_batch``: many events of one model and one kind in one record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from trimtab.events.column_wire import column_from_wire, column_to_wire, numbers, texts_from_wire, texts_to_wire
from trimtab.events.columns import CodeArray, Column, FloatArray, IntArray, Texts
from trimtab.events.errors import EventError, Reason
from trimtab.events.schemas import HEADER_BYTES, MAGIC, decode, encode, fingerprint_of

__all__ = ["MAX_EVENTS", "EventBatch", "decode_batch", "encode_batch", "is_batch"]

MAX_EVENTS = 65_536
_LONG, _INT = np.dtype("<i8"), np.dtype("<i4")


@dataclass(frozen=True, slots=True, eq=False)
class EventBatch:
    """Events of one kind ('prediction', 'feature' or 'label'), as they were sent.

    Parameters
    ----------
    model
        None for features, and for labels of every model.
    version, learnt
        The served version, 0 for none, and the examples offset that it had learnt, -1 for none.
    columns
        Features by name.
    """

    kind: str
    model: str | None
    ids: Texts
    time_ms: IntArray
    version: CodeArray
    learnt: IntArray
    columns: Mapping[str, Column] = field(default_factory=dict)
    prediction: Column | None = None
    score: FloatArray | None = None
    label: Column | None = None

    def __len__(self) -> int:
        return self.time_ms.size


def is_batch(data: bytes) -> bool:
    """Whether a record is one, by its first ten bytes."""
    return data[:2] == MAGIC and data[2:HEADER_BYTES] == fingerprint_of("event_batch")


def encode_batch(batch: EventBatch) -> bytes:
    """One record of schema ``event_batch``.

    Examples
    --------
    >>> zero = np.zeros(1, np.int64)
    >>> batch = EventBatch("label", "credit", Texts.of(["a"]), zero, zero, zero - 1, label=np.array([1.0]))
    >>> decode_batch(encode_batch(batch)).ids.to_list()
    ['a']
    """
    ids, ends = texts_to_wire(batch.ids)

    def column(name: str, values: Column | None) -> dict[str, Any] | None:
        return None if values is None else column_to_wire(name, values)

    return encode(
        "event_batch",
        {
            "kind": batch.kind,
            "model": batch.model,
            "count": len(batch),
            "ids": ids,
            "id_ends": ends,
            "times": batch.time_ms.astype(_LONG).tobytes(),
            "versions": batch.version.astype(_INT).tobytes() if batch.version.any() else b"",
            "learnt_offsets": batch.learnt.astype(_LONG).tobytes() if (batch.learnt >= 0).any() else b"",
            "columns": [column_to_wire(name, values) for name, values in batch.columns.items()],
            "prediction": column("prediction", batch.prediction),
            "score": column("score", batch.score),
            "label": column("label", batch.label),
        },
    )


def decode_batch(data: bytes) -> EventBatch:
    """Read what :func:`encode_batch` wrote; raises EventError when it is damaged."""
    try:
        wire = decode("event_batch", data)
        return _batch(wire)
    except ValueError as error:
        raise EventError(Reason.MALFORMED, f"event_batch: {error}") from error


def _batch(wire: Mapping[str, Any]) -> EventBatch:
    count: int = wire["count"]
    if not 1 <= count <= MAX_EVENTS:
        raise ValueError(f"count: {count} events where 1 to {MAX_EVENTS:,} are expected")
    ids = texts_from_wire(wire["ids"], wire["id_ends"], count, "ids")
    if not (ids.sizes > 0).all():
        raise EventError(Reason.MISSING_FIELD, "event_batch: an id is empty")
    columns = {found["name"]: column_from_wire(found, count) for found in wire["columns"]}
    if len(columns) < len(wire["columns"]):
        raise ValueError("columns: a feature is there twice")
    score, label, kind = wire["score"], wire["label"], wire["kind"]
    if score is not None and score["type"] == "category":
        raise ValueError("score: categories where numbers are expected")
    if kind == "prediction" and wire["model"] is None:
        raise EventError(Reason.MISSING_FIELD, "event_batch: a batch of predictions names its model")
    if kind == "label" and label is None:
        raise EventError(Reason.MISSING_FIELD, "event_batch: a batch of labels has a column label")
    return EventBatch(
        kind,
        wire["model"],
        ids,
        numbers(wire["times"], _LONG, count, "times"),
        _or_all(wire["versions"], _INT, count, "versions", 0),
        _or_all(wire["learnt_offsets"], _LONG, count, "learnt_offsets", -1),
        columns,
        None if wire["prediction"] is None else column_from_wire(wire["prediction"], count),
        None if score is None else column_from_wire(score, count),  # type: ignore[arg-type]  # checked above
        None if label is None else column_from_wire(label, count),
    )


def _or_all(data: bytes, dtype: Any, count: int, name: str, default: int) -> Any:
    return numbers(data, dtype, count, name) if data else np.full(count, default, dtype)
