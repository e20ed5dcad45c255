"""Reads the Avro of an ``event_batch`` without copying its buffers.

fastavro takes 80 us for a batch of 500 events with ten features, most of it for copies. A sender's batches are alike
but for their buffers, so here the layout of one is remembered: where the next one has the same bytes between its
buffers, whatever their lengths, only the lengths are read. The tests hold it against fastavro.
"""

from __future__ import annotations

from typing import NamedTuple

from trimtab.events.schemas import HEADER_BYTES, MAGIC, fingerprint_of

__all__ = ["IDS", "ID_ENDS", "LEARNT", "TIMES", "VERSIONS", "Head", "Layout", "Wire", "WireReader"]

_KINDS = ("prediction", "feature", "label")
_TYPES = ("float64", "float32", "category")
IDS, ID_ENDS, TIMES, VERSIONS, LEARNT = range(5)
"""Numbers of the buffers that every record has; those of the columns follow."""
_COLUMNS = ("prediction", "score", "label")
_REMEMBERED = 64  # layouts


class Head(NamedTuple):
    """A column but for its data; ``buffer`` is the number of the buffer that has them."""

    name: str
    type: str
    values: list[str]
    buffer: int


class Wire(NamedTuple):
    """A record: ``spans`` has where each buffer starts and ends in ``data``, one after the other."""

    layout: Layout
    data: bytes
    events: int
    spans: list[int]

    def buffer(self, number: int) -> bytes:
        """The bytes of a buffer."""
        return self.data[self.spans[2 * number] : self.spans[2 * number + 1]]


class WireReader:
    """Reads records of schema ``event_batch``; remembers the layouts of those it has seen."""

    def __init__(self) -> None:
        self._layouts: list[Layout] = []

    def read(self, data: bytes) -> Wire:
        """Where everything is in a record.

        Raises
        ------
        ValueError
            The fingerprint is another schema's, or the body does not fit the schema.
        """
        for layout in self._layouts:
            wire = layout.read(data)
            if wire is not None:
                return wire
        layout, wire = Layout.of(data)
        # The newest first: a sender's next batch is like its last.
        self._layouts = [layout, *self._layouts[: _REMEMBERED - 1]]
        return wire


class Layout:
    """Everything that a record says but for its count, its buffers and their lengths.

    ``shape`` is equal for records whose buffers can be joined.
    """

    def __init__(self, reader: _Reader) -> None:
        self.kind = _KINDS[reader.index()]
        self.model = reader.text() if reader.some() else None
        self.count = reader.count()
        for _ in range(LEARNT + 1):
            reader.buffer()
        self.columns = reader.columns()
        made = {name: reader.column() if reader.some() else None for name in _COLUMNS}
        self.prediction, self.score, self.label = made.values()
        heads = [None if head is None else head[:2] for head in (*made.values(), *self.columns)]
        self.shape = self.kind, self.model, heads
        self._before, self._tail = reader.between()
        self._size, self._events = -1, 0
        self._spans: list[int] = []
        self._places: list[slice] = []
        self._fixed: list[bytes] = []

    @classmethod
    def of(cls, data: bytes) -> tuple[Layout, Wire]:
        """The layout of a record; raises ValueError when it does not fit the schema."""
        if data[:2] != MAGIC or data[2:HEADER_BYTES] != fingerprint_of("event_batch"):
            raise ValueError(f"not an Avro event_batch: fingerprint {data[2:HEADER_BYTES].hex()}")
        reader = _Reader(data)
        try:
            layout = cls(reader)
        except IndexError as error:
            raise ValueError("the body ends within a field") from error
        if reader.at != len(data):
            raise ValueError(f"{len(data) - reader.at} bytes follow the record")
        return layout, Wire(layout, data, layout.count, reader.spans)

    def read(self, data: bytes) -> Wire | None:
        """A record of this layout; None when it is of another, or when it is damaged."""
        if len(data) == self._size and [data[place] for place in self._places] == self._fixed:
            return Wire(self, data, self._events, self._spans)
        wire = self._read(data)
        if wire is not None:
            self._remember(wire)
        return wire

    def _remember(self, wire: Wire) -> None:
        """The next record has often the same lengths: then all that is not in a buffer is the same."""
        self._size, self._events, self._spans = len(wire.data), wire.events, wire.spans
        bounds = [0, *wire.spans, self._size]
        self._places = [slice(start, end) for start, end in zip(bounds[::2], bounds[1::2], strict=True)]
        self._fixed = [wire.data[place] for place in self._places]

    def _read(self, data: bytes) -> Wire | None:
        at, numbers, spans = 0, [], []
        try:
            for before in self._before:
                if not data.startswith(before, at):
                    return None
                at += len(before)
                number = data[at]
                if number >= 0x80:
                    number, at = _long(data, at)
                at += 1
                if number & 1:  # below zero
                    return None
                numbers.append(number >> 1)
                if len(numbers) > 1:  # the first one is the count, the others are lengths
                    spans.append(at)
                    at += number >> 1
                    spans.append(at)
        except IndexError:
            return None
        return Wire(self, data, numbers[0], spans) if data[at:] == self._tail and at <= len(data) else None


def _long(data: bytes, at: int) -> tuple[int, int]:
    """A variable-length number before its zig-zag is undone, and the place of its last byte."""
    byte = data[at]
    value, shift = byte & 0x7F, 7
    while byte & 0x80:
        at += 1
        byte = data[at]
        value |= (byte & 0x7F) << shift
        shift += 7
        if shift > 70:
            raise ValueError("a number has more than 64 bits")
    return value, at


class _Reader:
    """Avro's binary encoding (specification 1.12) from one place on."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.at = HEADER_BYTES
        self.spans: list[int] = []
        self._numbers: list[tuple[int, int]] = []

    def long(self) -> int:
        """A zig-zag variable-length number."""
        value, last = _long(self._data, self.at)
        self.at = last + 1
        return (value >> 1) ^ -(value & 1)

    def count(self) -> int:
        """A number that other records of the layout have otherwise."""
        start = self.at
        value = self.long()
        if value < 0:
            raise ValueError("a count is below zero")
        self._numbers.append((start, self.at))
        return value

    def between(self) -> tuple[list[bytes], bytes]:
        """What stands before each count or length, after the buffer before it; and after the last buffer."""
        ends = [0, self._numbers[0][1], *self.spans[1::2]]
        before = [self._data[end:start] for end, (start, _) in zip(ends, self._numbers, strict=False)]
        return before, self._data[ends[-1] :]

    def index(self) -> int:
        """A number that must not be below zero."""
        value = self.long()
        if value < 0:
            raise ValueError("an index is below zero")
        return value

    def some(self) -> bool:
        """Whether the second branch of a union with null follows."""
        branch = self.long()
        if branch not in (0, 1):
            raise ValueError(f"a union of two has no branch {branch}")
        return branch == 1

    def buffer(self) -> int:
        """Bytes; returns the number of the buffer."""
        size = self.count()
        self._skip(size)
        self.spans += [self.at - size, self.at]
        return len(self.spans) // 2 - 1

    def _skip(self, size: int) -> None:
        self.at += size
        if self.at > len(self._data):
            raise ValueError("the body ends within a buffer")

    def text(self) -> str:
        """UTF-8; UnicodeDecodeError is a ValueError."""
        size = self.index()
        self._skip(size)
        return self._data[self.at - size : self.at].decode()

    def texts(self) -> list[str]:
        """An array of texts."""
        found: list[str] = []
        while count := self._block():
            found += [self.text() for _ in range(count)]
        return found

    def column(self) -> Head:
        """One column."""
        return Head(self.text(), _TYPES[self.index()], self.texts(), self.buffer())

    def columns(self) -> list[Head]:
        """An array of columns."""
        found: list[Head] = []
        while count := self._block():
            found += [self.column() for _ in range(count)]
        return found

    def _block(self) -> int:
        """Items in the next block of an array; 0 ends it. A negative count is followed by the block's size."""
        count = self.long()
        if count < 0:
            self.long()
            count = -count
        if count > len(self._data):
            raise ValueError(f"a block of {count} items is longer than the record")
        return count
