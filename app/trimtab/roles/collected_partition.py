"""One input partition of a collector: its join, its pending store, and how the store catches up after a crash."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
from confluent_kafka import Consumer, Message, TopicPartition
from confluent_kafka import KafkaError as RawError

from trimtab.config import Config
from trimtab.errors import KafkaError
from trimtab.events.chunks import ChunkDecoder, Refusal
from trimtab.events.future import without_future
from trimtab.events.tables import FeatureTable, LabelTable, PredictionTable, Sources
from trimtab.joining import DamagedError, Join, Meta, Outcomes, Store, expiry_clock
from trimtab.kafka.topics import Topics

__all__ = ["CollectedPartition", "Decoded", "Taken", "catch_up", "models_hash"]

log = logging.getLogger("trimtab.collector")

CATCH_UP_STALL_S = 30.0


class Decoded(NamedTuple):
    """A chunk of one topic, decoded: its events, the records that cannot be used, and the offset after it."""

    topic: str
    tables: Sequence[PredictionTable | FeatureTable | LabelTable]
    refused: list[Refusal]
    next_offset: int

    @property
    def events(self) -> int:
        """How many events can be used."""
        return sum(map(len, self.tables))


class Taken(NamedTuple):
    """What became of a chunk: outcomes of the join, and predictions that need none."""

    outcomes: Outcomes
    direct: list[PredictionTable]


class CollectedPartition:
    """The state of input partition ``partition``: the same number of features, predictions and labels.

    Parameters
    ----------
    partition
        Its number.
    path
        Folder of its store.
    config
        The configuration.
    decoder
        Decodes its records.
    """

    def __init__(self, partition: int, path: Path, config: Config, decoder: ChunkDecoder) -> None:
        self.partition = partition
        self.horizon_ms = max(model.label_horizon for model in config.models.values())
        self._models = config.models
        self._max_future_ms = config.collector.max_future
        self._decoder = decoder
        self._prefix = config.kafka.topic_prefix
        self._topics = Topics(config.kafka.topic_prefix)
        self._store = Store(path, models_hash(config))
        try:
            self._join, self._meta = self._opened()
        except DamagedError as error:
            # The topics have it all, so what cannot be read is no reason to stop.
            log.error("%s", error)
            self.wipe()

    @property
    def offsets(self) -> dict[str, int]:
        """Next offset per input topic, with what is not committed yet."""
        return self._meta.offsets

    @property
    def pending(self) -> int:
        """Parts of events that wait for their other half."""
        return self._join.pending

    def decode(self, topic: str, messages: Sequence[Message]) -> Decoded:
        """Decode records of one topic that follow each other; changes nothing here."""
        # Comprehensions: called through map() and methodcaller, each of these costs several times as much.
        offsets = [message.offset() for message in messages]
        stamps = [message.timestamp()[1] for message in messages]
        values = [message.value() for message in messages]
        sources = Sources(self.partition, np.array(offsets, np.int64), np.array(stamps, np.int64))
        found, refused = self._decoder.decode(topic.removeprefix(self._prefix), values, sources)
        tables, ahead = without_future(found, sources, self._max_future_ms)
        refused += ahead
        return Decoded(topic, tables, refused, offsets[-1] + 1)

    def take(self, decoded: Decoded) -> Taken:
        """Join what was decoded; chunks of a topic are taken in the order in which they were read."""
        tables, kind = decoded.tables, decoded.topic.removeprefix(self._prefix)
        self._meta.offsets[decoded.topic] = decoded.next_offset
        direct = [table for table in tables if self._needs_no_join(table)]
        joined = [table for table in tables if not self._needs_no_join(table)]
        self._hear(kind, tables)
        outcomes = Outcomes()
        if kind == "predictions" and joined:
            outcomes = self._join.predictions(joined)  # type: ignore[arg-type]
        elif kind == "labels" and joined:
            outcomes = self._join.labels(joined)  # type: ignore[arg-type]
        elif kind == "features" and joined:
            outcomes = self._join.features(joined)  # type: ignore[arg-type]
        return Taken(outcomes, direct)  # type: ignore[arg-type]

    def advance(self, topic: str, end: int) -> bool:
        """The partition was read to ``end``, which markers of transactions may set apart from the last record.

        Returns whether that is news: then it is to be committed, so that it shows that nothing is unread.
        """
        if end <= self._meta.offsets.get(topic, 0):
            return False
        self._meta.offsets[topic] = end
        return True

    def expire(self, behind: Collection[str]) -> Outcomes:
        """Let go of ids past the horizon; ``behind`` are the input topics that were not read to their end."""
        clock = expiry_clock(self._meta.clocks, [topic.removeprefix(self._prefix) for topic in behind])
        return Outcomes() if clock is None else self._join.expire(clock)

    def commit(self) -> None:
        """Make the store durable at the offsets that Kafka has just committed."""
        self._store.write(self._join.changes(), self._meta)
        self._meta = _copy(self._meta)

    def rollback(self) -> None:
        """Back to the last commit."""
        self._join, self._meta = self._opened()

    def close(self) -> None:
        """Close the store; what is not committed is forgotten."""
        self._store.close()

    def wipe(self) -> None:
        """Start from an empty store."""
        self._store.wipe()
        self._join, self._meta = self._opened()

    def _opened(self) -> tuple[Join, Meta]:
        return Join(self._store, self._models, self.horizon_ms), _copy(self._store.meta)

    def _needs_no_join(self, table: PredictionTable | FeatureTable | LabelTable) -> bool:
        if not isinstance(table, PredictionTable):
            return False
        return table.features is not None and not self._models[table.model].labels

    def _hear(self, kind: str, tables: Sequence[PredictionTable | FeatureTable | LabelTable]) -> None:
        if tables:
            latest = max(int(table.time_ms.max()) for table in tables)
            self._meta.clocks[kind] = max(latest, self._meta.clocks.get(kind, latest))


def models_hash(config: Config) -> str:
    """Hash of what rows are stored by: each model's name, task, features and field names."""
    stored = {"task", "features", "fields"}
    settings = [[name, model.model_dump(mode="json", include=stored)] for name, model in config.models.items()]
    return hashlib.sha256(json.dumps(settings).encode()).hexdigest()


def catch_up(partition: CollectedPartition, committed: dict[str, int], reader: Callable[[], Consumer]) -> int:
    """Bring the store to the committed offsets by reading the gap again, without output.

    Returns the number of records read. A store ahead of the group's offsets (they were reset) starts anew.
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
        messages = consumer.consume(5_000, timeout=0.2)
        ended = any(_is_end(message, topic, partition.partition) for message in messages)
        wanted = [m for m in messages if m.error() is None and m.offset() < end]
        if wanted:
            deadline = time.monotonic() + CATCH_UP_STALL_S
            count += len(wanted)
            partition.take(
                partition.decode(topic, wanted)
            )  # what is refused went to dead letters when it was read first
        if ended or any(m.error() is None and m.offset() + 1 >= end for m in messages):
            return count
    if start < end:
        raise KafkaError(f"{topic}[{partition.partition}] gave nothing for {CATCH_UP_STALL_S:.0f} s below {end}")
    return count


def _is_end(message: Message, topic: str, partition: int) -> bool:
    error = message.error()
    if error is None:
        return False
    if error.code() == RawError._PARTITION_EOF:
        return True
    raise KafkaError(f"cannot read {topic}[{partition}] again: {error.str()}")


def _copy(meta: Meta) -> Meta:
    return msgspec.structs.replace(meta, offsets=dict(meta.offsets), clocks=dict(meta.clocks))
