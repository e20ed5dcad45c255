"""The columnar ``event_batch``: many events of one model and one kind in one record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from trimtab.events.batch_wire import ID_ENDS, IDS, LEARNT, TIMES, VERSIONS, Head, Layout, Wire, WireReader
from trimtab.events.column_wire import checked_texts, column_from_wire, column_to_wire, texts_to_wire
from trimtab.events.columns import Categories, CodeArray, Column, FloatArray, IntArray, Texts
from trimtab.events.errors import EventError, Reason
from trimtab.events.schemas import HEADER_BYTES, MAGIC, encode, fingerprint_of

__all__ = ["MAX_EVENTS", "EventBatch", "decode_batch", "encode_batch", "is_batch", "join_batches"]

MAX_EVENTS = 65_536
_READER = WireReader()
_LONG, _INT, _END, _SHORT = np.dtype("<i8"), np.dtype("<i4"), np.dtype("<u4"), np.dtype("<f4")


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
    matrix
        The numeric ones of ``columns`` in their order, one row each, where they were read into one array.
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
    matrix: npt.NDArray[np.float64] | None = None

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
        first = wires[0].layout
        if any(wire.layout is not first and wire.layout.shape != first.shape for wire in wires):
            raise ValueError("records differ in kind, model or columns")
        counts = np.array([wire.events for wire in wires], np.int64)
        return _joined(wires, counts), counts
    except ValueError as error:
        raise EventError(Reason.MALFORMED, f"event_batch: {error}") from error


def _joined(wires: Sequence[Wire], counts: IntArray) -> EventBatch:
    if not 1 <= counts.min() <= counts.max() <= MAX_EVENTS:
        raise ValueError(f"count: {counts.tolist()} events where 1 to {MAX_EVENTS:,} are expected")
    layout = wires[0].layout
    _check(layout)
    parts = _Parts(wires, counts)

    def column(name: str) -> Column | None:
        head = getattr(layout, name)
        return None if head is None else parts.column(name, head)

    matrix, columns = parts.columns(layout.columns)
    if len(columns) < len(layout.columns):
        raise ValueError("columns: a feature is there twice")
    ends = parts.numbers(ID_ENDS, _END, "id_ends")
    times = parts.numbers(TIMES, _LONG, "times")
    versions = parts.numbers(VERSIONS, _INT, "versions", default=0)
    learnt = parts.numbers(LEARNT, _LONG, "learnt_offsets", default=-1)
    prediction, score, label = column("prediction"), column("score"), column("label")
    parts.fill()
    ids = parts.ids(ends)
    made = ids, times, versions, learnt, columns, prediction, score, label, matrix
    return EventBatch(layout.kind, layout.model, *made)  # type: ignore[arg-type]  # the score is checked to be numbers


def _check(layout: Layout) -> None:
    if layout.score is not None and layout.score.type == "category":
        raise ValueError("score: categories where numbers are expected")
    if layout.kind == "prediction" and layout.model is None:
        raise EventError(Reason.MISSING_FIELD, "event_batch: a batch of predictions names its model")
    if layout.kind == "label" and layout.label is None:
        raise EventError(Reason.MISSING_FIELD, "event_batch: a batch of labels has a column label")


class _Parts:
    """The buffers of records of one shape, joined; arrays are empty until :meth:`fill`."""

    def __init__(self, wires: Sequence[Wire], counts: IntArray) -> None:
        self._wires = wires
        self._counts = counts
        self._total = int(counts.sum())
        spans = np.array([wire.spans for wire in wires])
        self._sizes = spans[:, 1::2] - spans[:, ::2]
        self._wanted: list[tuple[int, memoryview, int]] = []

    def numbers(self, buffer: int, dtype: np.dtype[Any], name: str, default: int | None = None) -> Any:
        """An array; with a ``default``, records may leave the buffer out."""
        found = np.empty(self._total, dtype)
        if default is not None and not self._sizes[:, buffer].all():
            if self._sizes[:, buffer].any():
                raise ValueError(f"records differ in {name}")
            found.fill(default)
        else:
            self._want(found, buffer, name)
        return found

    def columns(self, heads: Sequence[Head]) -> tuple[npt.NDArray[np.float64], dict[str, Column]]:
        """The numeric columns as one array, and all columns by name."""
        numeric = [number for number, head in enumerate(heads) if head.type != "category"]
        matrix = np.empty((len(numeric), self._total))
        rows = dict(zip(numeric, matrix, strict=True))
        columns: dict[str, Column] = {}
        for number, head in enumerate(heads):
            if number in rows:
                self._number(rows[number], head)
            columns[head.name] = rows[number] if number in rows else self._categories(head.name, number)
        return matrix, columns

    def column(self, name: str, head: Head) -> Column:
        """The column that the layouts have as ``name``."""
        if head.type == "category":
            return self._categories(head.name, name)
        found = np.empty(self._total)
        self._number(found, head)
        return found

    def fill(self) -> None:
        """Copy every buffer to where it belongs, record by record: one is read while it is in the cache."""
        at = 0
        for wire, count in zip(self._wires, self._counts.tolist(), strict=True):
            view, spans = memoryview(wire.data), wire.spans
            for buffer, target, width in self._wanted:
                target[at * width : (at + count) * width] = view[spans[2 * buffer] : spans[2 * buffer + 1]]
            at += count

    def ids(self, ends: npt.NDArray[np.uint32]) -> Texts:
        """The ids of all records, checked together."""
        data = b"".join([wire.buffer(IDS) for wire in self._wires])
        sizes = self._sizes[:, IDS]
        if (ends[np.cumsum(self._counts) - 1] != sizes).any():
            raise ValueError("ids: the ends do not ascend to the bytes there are")
        ids = checked_texts(data, ends + np.repeat(np.cumsum(sizes) - sizes, self._counts), "ids")
        if not (ids.sizes > 0).all():
            raise EventError(Reason.MISSING_FIELD, "event_batch: an id is empty")
        return ids

    def _number(self, out: FloatArray, head: Head) -> None:
        if head.type == "float64":
            self._want(out, head.buffer, head.name)
        else:
            self._check(head.buffer, _SHORT.itemsize, head.name)
            out[:] = np.concatenate([np.frombuffer(wire.buffer(head.buffer), _SHORT) for wire in self._wires])

    def _categories(self, name: str, of: str | int) -> Categories:
        """The categories of a column: records may each have their own."""
        layouts = [wire.layout for wire in self._wires]
        heads: list[Head] = [getattr(at, of) if isinstance(of, str) else at.columns[of] for at in layouts]
        if any(head.values != heads[0].values for head in heads):
            each = zip(self._wires, heads, self._counts.tolist(), strict=True)
            return Categories.concat([_column(wire.buffer(head.buffer), head, count) for wire, head, count in each])
        self._check(heads[0].buffer, _INT.itemsize, name)
        data = b"".join([wire.buffer(head.buffer) for wire, head in zip(self._wires, heads, strict=True)])
        return _column(data, heads[0], self._total)

    def _want(self, out: npt.NDArray[Any], buffer: int, name: str) -> None:
        self._check(buffer, out.itemsize, name)
        self._wanted.append((buffer, memoryview(out.data).cast("B"), out.itemsize))

    def _check(self, buffer: int, width: int, name: str) -> None:
        if (self._sizes[:, buffer] != self._counts * width).any():
            raise ValueError(f"{name}: its bytes are not those of as many values as there are events")


def _column(data: bytes, head: Head, count: int) -> Categories:
    wire = {"name": head.name, "type": head.type, "values": head.values, "data": data}
    return column_from_wire(wire, count)  # type: ignore[return-value]  # its type is category
