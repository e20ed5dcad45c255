"""One input partition of a collector: its join, its pending store, and how the store catches up after a crash."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
from confluent_kafka import Consumer, Message, TopicPartition
from confluent_kafka import KafkaError as RawError

from trimtab.errors import KafkaError
from trimtab.events import Decoder, EventError
from trimtab.joining import Join, Meta, Outcome, PendingStore, Source
from trimtab.kafka.topics import Topics

__all__ = ["CollectedPartition", "catch_up"]

CATCH_UP_STALL_S = 30.0


class CollectedPartition:
    """The state of input partition ``partition``: the same number of features, predictions and labels."""

    def __init__(self, partition: int, path: Path, decoder: Decoder, horizon_ms: int, topics: Topics) -> None:
        self.partition = partition
        self.horizon_ms = horizon_ms
        self._decoder = decoder
        self._topics = topics
        self._path = path
        self._store = PendingStore(path)
        self._join = Join(self._store, decoder, horizon_ms)
        self._meta = _copy(self._store.meta)

    @property
    def offsets(self) -> dict[str, int]:
        """Next offset per input topic, with what is not committed yet."""
        return self._meta.offsets

    def handle(self, message: Message) -> list[Outcome]:
        """Decode and join one event; raises EventError when it can't be used, and counts it as read in any case."""
        topic, offset = str(message.topic()), int(message.offset())
        self._meta.offsets[topic] = offset + 1
        source = Source(self.partition, offset, message.timestamp()[1])
        value = message.value()
        if topic == self._topics.predictions:
            prediction = self._decoder.prediction(value)
            self._meta.inputs_clock_ms = _later(self._meta.inputs_clock_ms, prediction.time_ms)
            return self._join.prediction(prediction, source)
        if topic == self._topics.labels:
            label = self._decoder.label(value)
            self._meta.labels_clock_ms = _later(self._meta.labels_clock_ms, label.time_ms)
            return self._join.label(label, source)
        return self._join.feature(self._decoder.feature(value), source)

    def expire(self, drained: bool) -> list[Outcome]:
        """Let go of ids past the horizon.

        Predictions and labels of a backlog are read at different speeds, so the slower side's event time counts;
        only when both topics are read to the end (``drained``) does the faster one.
        """
        clocks = [c for c in (self._meta.inputs_clock_ms, self._meta.labels_clock_ms) if c is not None]
        if not clocks or (len(clocks) == 1 and not drained):
            return []
        return self._join.expire(max(clocks) if drained else min(clocks))

    def commit(self) -> None:
        """Make the store durable at the offsets that Kafka has just committed."""
        self._store.commit(_copy(self._meta))

    def rollback(self) -> None:
        """Back to the last commit."""
        self._store.rollback()
        self._meta = _copy(self._store.meta)

    def close(self) -> None:
        """Close the store; what is not committed is forgotten."""
        self._store.close()

    def wipe(self) -> None:
        """Start from an empty store."""
        import shutil

        self._store.close()
        shutil.rmtree(self._path, ignore_errors=True)
        self._store = PendingStore(self._path)
        self._join = Join(self._store, self._decoder, self.horizon_ms)
        self._meta = _copy(self._store.meta)


def catch_up(partition: CollectedPartition, committed: dict[str, int], reader: Callable[[], Consumer]) -> int:
    """Bring the store to the committed offsets by reading the gap again, without output.

    Returns the number of events read. A store ahead of the group's offsets (they were reset) starts anew.
    """
    if any(offset > committed.get(topic, 0) for topic, offset in partition.offsets.items()):
        partition.wipe()
    behind = {topic: end for topic, end in committed.items() if partition.offsets.get(topic, 0) < end}
    if not behind:
        return 0
    consumer = reader()
    try:
        count = sum(_replay(consumer, partition, topic, end) for topic, end in sorted(behind.items()))
    finally:
        consumer.close()
    partition.offsets.update(behind)
    partition.commit()
    return count


def _replay(consumer: Consumer, partition: CollectedPartition, topic: str, end: int) -> int:
    """Feed ``topic`` from the store's offset, or from a horizon ago, up to ``end``."""
    position = TopicPartition(topic, partition.partition)
    low, _ = consumer.get_watermark_offsets(position, timeout=10)
    start = partition.offsets.get(topic)
    if start is None:
        since = TopicPartition(topic, partition.partition, int(time.time() * 1000) - partition.horizon_ms)
        found = consumer.offsets_for_times([since], timeout=10)[0].offset
        start = found if found >= 0 else end
    consumer.assign([TopicPartition(topic, partition.partition, max(start, low))])
    count, deadline = 0, time.monotonic() + CATCH_UP_STALL_S
    while start < end and time.monotonic() < deadline:
        for message in consumer.consume(1_000, timeout=0.2):
            if message.error() is not None:
                if message.error().code() == RawError._PARTITION_EOF:
                    return count
                raise KafkaError(f"cannot read {topic}[{partition.partition}] again: {message.error().str()}")
            deadline = time.monotonic() + CATCH_UP_STALL_S
            if message.offset() >= end:
                return count
            count += 1
            with contextlib.suppress(EventError):  # it went to dead letters when it was read first
                partition.handle(message)
            if message.offset() + 1 >= end:
                return count
    if start < end:
        raise KafkaError(f"{topic}[{partition.partition}] gave nothing for {CATCH_UP_STALL_S:.0f} s below {end}")
    return count


def _copy(meta: Meta) -> Meta:
    return msgspec.structs.replace(meta, offsets=dict(meta.offsets))


def _later(clock: int | None, time_ms: int) -> int:
    return time_ms if clock is None or time_ms > clock else clock
