"""The columnar ``event_batch``: many events of one model and one kind in one record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from trimtab.events.batch_wire import WireReader
from trimtab.events.column_wire import checked_texts, column_from_wire, column_to_wire, numbers, texts_to_wire
from trimtab.events.columns import Categories, CodeArray, Column, FloatArray, IntArray, Texts
from trimtab.events.errors import EventError, Reason
from trimtab.events.schemas import HEADER_BYTES, MAGIC, encode, fingerprint_of

__all__ = ["MAX_EVENTS", "EventBatch", "decode_batch", "encode_batch", "is_batch", "join_batches"]

MAX_EVENTS = 65_536
_READER = WireReader()
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
    return join_batches([data])[0]


def join_batches(records: Sequence[bytes]) -> tuple[EventBatch, IntArray]:
    """The events of several records of one shape as one batch, and how many each record had.

    It costs little more than reading one record does.

    Raises
    ------
    EventError
        One of them is damaged, or they differ in kind, model or columns: read them one by one.

    Examples
    --------
    >>> zero = np.zeros(1, np.int64)
    >>> batch = EventBatch("label", "credit", Texts.of(["a"]), zero, zero, zero - 1, label=np.array([1.0]))
    >>> joined, counts = join_batches([encode_batch(batch)] * 3)
    >>> len(joined), counts.tolist()
    (3, [1, 1, 1])
    """
    try:
        wires = [_READER.read(record) for record in records]
        if len(wires) > 1 and any(_shape(wire) != _shape(wires[0]) for wire in wires):
            raise ValueError("records differ in kind, model or columns")
        return _joined(wires), np.array([wire["count"] for wire in wires], np.int64)
    except ValueError as error:
        raise EventError(Reason.MALFORMED, f"event_batch: {error}") from error


def _shape(wire: Mapping[str, Any]) -> tuple[Any, ...]:
    columns = [wire["prediction"], wire["score"], wire["label"], *wire["columns"]]
    buffers = bool(wire["versions"]), bool(wire["learnt_offsets"])
    kinds = [None if column is None else (column["name"], column["type"]) for column in columns]
    return wire["kind"], wire["model"], buffers, kinds


def _joined(wires: Sequence[Mapping[str, Any]]) -> EventBatch:
    first, counts = wires[0], [wire["count"] for wire in wires]
    if not 1 <= min(counts) <= max(counts) <= MAX_EVENTS:
        raise ValueError(f"count: {counts} events where 1 to {MAX_EVENTS:,} are expected")
    _check(first)

    def array(name: str, dtype: np.dtype[Any], default: int) -> Any:
        if not first[name] and name != "times":
            return np.full(sum(counts), default, dtype)
        return _numbers([wire[name] for wire in wires], dtype, counts, name)

    def column(name: str) -> Column | None:
        return None if first[name] is None else _column([wire[name] for wire in wires], counts)

    columns = {
        parts[0]["name"]: _column(parts, counts) for parts in zip(*(wire["columns"] for wire in wires), strict=True)
    }
    if len(columns) < len(first["columns"]):
        raise ValueError("columns: a feature is there twice")
    return EventBatch(
        first["kind"],
        first["model"],
        _texts(wires, counts),
        array("times", _LONG, 0),
        array("versions", _INT, 0),
        array("learnt_offsets", _LONG, -1),
        columns,
        column("prediction"),
        column("score"),  # type: ignore[arg-type]  # checked to be numbers
        column("label"),
    )


def _check(wire: Mapping[str, Any]) -> None:
    score, kind = wire["score"], wire["kind"]
    if score is not None and score["type"] == "category":
        raise ValueError("score: categories where numbers are expected")
    if kind == "prediction" and wire["model"] is None:
        raise EventError(Reason.MISSING_FIELD, "event_batch: a batch of predictions names its model")
    if kind == "label" and wire["label"] is None:
        raise EventError(Reason.MISSING_FIELD, "event_batch: a batch of labels has a column label")


def _texts(wires: Sequence[Mapping[str, Any]], counts: Sequence[int]) -> Texts:
    ids = _joined_texts(wires, counts)
    if not (ids.sizes > 0).all():
        raise EventError(Reason.MISSING_FIELD, "event_batch: an id is empty")
    return ids


def _joined_texts(wires: Sequence[Mapping[str, Any]], counts: Sequence[int]) -> Texts:
    """The ids of all records, checked together."""
    data = b"".join(wire["ids"] for wire in wires)
    ends = _numbers([wire["id_ends"] for wire in wires], np.dtype("<u4"), counts, "id_ends").astype(np.int64)
    sizes = np.array([len(wire["ids"]) for wire in wires])
    last = np.cumsum(counts) - 1
    if (ends[last] != sizes).any():
        raise ValueError("ids: the ends do not ascend to the bytes there are")
    ends += np.repeat(np.cumsum(sizes) - sizes, counts)
    return checked_texts(data, ends, "ids")


def _column(parts: Sequence[Mapping[str, Any]], counts: Sequence[int]) -> Column:
    first = parts[0]
    if first["type"] == "category" and any(part["values"] != first["values"] for part in parts):
        return Categories.concat([column_from_wire(p, n) for p, n in zip(parts, counts, strict=True)])  # type: ignore[misc]
    sizes = [len(part["data"]) for part in parts]
    width = 8 if first["type"] == "float64" else 4
    if sizes != [width * count for count in counts]:
        raise ValueError(f"{first['name']}: its bytes are not those of as many values as there are events")
    return column_from_wire({**first, "data": b"".join(part["data"] for part in parts)}, sum(counts))


def _numbers(parts: Sequence[bytes], dtype: np.dtype[Any], counts: Sequence[int], name: str) -> Any:
    if [len(part) for part in parts] != [dtype.itemsize * count for count in counts]:
        raise ValueError(f"{name}: its bytes are not those of as many values as there are events")
    return numbers(b"".join(parts), dtype, sum(counts), name)
