"""Follows the topics and fills the store: one thread, one consumer, from the offsets that the store has."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Final

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Message, TopicPartition
from confluent_kafka import KafkaError as RawError

from trimtab import clock
from trimtab.config import Config
from trimtab.dashboard.store import Store, Taken
from trimtab.errors import KafkaError
from trimtab.kafka.clients import consumer, message_of
from trimtab.kafka.topics import Topics
from trimtab.roles.vitals import VITALS

__all__ = ["SOURCES", "Reader"]

log = logging.getLogger("trimtab.dashboard")

SOURCES: Final = (
    "windows", "metrics", "alerts", "notices", "silences", "health", "followers", "serving", "audit", "dead-letters",
)  # fmt: skip
_POLL_S: Final = 0.1
_BATCH: Final = 5_000
_LARGE_BATCH: Final = 30_000
_ANSWER_S: Final = 10.0

Place = tuple[str, int]
Batch = dict[str, list[Taken]]


class Reader:
    """Reads on until it is stopped; after an error, again once Kafka answers.

    Parameters
    ----------
    on_change
        Called with what changed, such as ``metrics/credit``, in the reading thread.
    """

    def __init__(self, config: Config, store: Store, on_change: Callable[[set[str]], None]) -> None:
        self._config = config
        self._store = store
        self._on_change = on_change
        self._prefix = Topics(config.kafka.topic_prefix).prefix
        self._stop = threading.Event()
        self._ends: dict[Place, int] = {}
        self._began: dict[Place, int] = {}
        self._positions: dict[Place, int] = {}
        self._ended: dict[Place, int] = {}
        self._thread = threading.Thread(target=self._run, name="dashboard-reader", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """Stop, and wait for what is being written."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(10.0)

    @property
    def share(self) -> float:
        """How much is read of what stood in the log when reading began, 0 to 1; 0 before Kafka has answered."""
        if not self._ends:
            return 0.0
        ends, began, now = self._ends, self._began, self._positions
        whole = sum(max(0, end - began[place]) for place, end in ends.items())
        done = sum(min(now.get(place, 0), end) - began[place] for place, end in ends.items() if end > began[place])
        return 1.0 if whole == 0 else min(1.0, max(0.0, done / whole))

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._follow()
            except (KafkaError, KafkaException) as error:
                said = message_of(error) if isinstance(error, KafkaException) else str(error)
                log.warning("%s; trying again", said)
                self._stop.wait(2.0)
            except Exception:
                log.exception("the dashboard's reader failed; it goes on from what is written")
                self._stop.wait(2.0)

    def _follow(self) -> None:
        source = consumer(self._config.kafka, "trimtab-dashboard", enable_partition_eof=True, fetch_wait_max_ms=50)
        try:
            source.assign(self._places(source))
            self._ended.clear()
            while not self._stop.is_set():
                batch: Batch = {}
                first = source.poll(_POLL_S)
                if first is not None:
                    self._gather([first], batch)
                    self._gather_more(source, batch)
                if batch:
                    self._write(batch)
                # Only now: what comes before these ends is in the store.
                self._positions |= self._ended
                self._ended.clear()
                self._store.prune(clock.now_ms())
        finally:
            source.close()

    def _gather_more(self, source: Consumer, batch: Batch) -> None:
        """What is there already; of a log that is read anew, much at once.

        Windows of one time are of all models, each in a place of its own in the file: the more are written together,
        the fewer pages are written again and again.
        """
        if self.share >= 1:
            # consume() waits for a full batch.
            self._gather(source.consume(_BATCH, timeout=0), batch)
            return
        for _ in range(_LARGE_BATCH // _BATCH):
            more = source.consume(_BATCH, timeout=_POLL_S)
            self._gather(more, batch)
            if len(more) < _BATCH:
                return

    def _places(self, source: Consumer) -> list[TopicPartition]:
        """Where to read on, in every partition."""
        listed = source.list_topics(timeout=_ANSWER_S).topics
        stored = self._store.offsets()
        places: dict[Place, int] = {}
        ends: dict[Place, int] = {}
        for name in SOURCES:
            topic = self._prefix + name
            if topic not in listed:
                raise KafkaError(f"topic {topic} does not exist; create it with: trimtab topics create")
            for part in listed[topic].partitions:
                low, high = source.get_watermark_offsets(TopicPartition(topic, part), timeout=_ANSWER_S)
                following = stored.get((name, part), 0)
                if following > high:
                    log.warning("%s[%d] ends at %d, before what was read; the store is made anew", topic, part, high)
                    self._store.renew()
                    return self._places(source)
                places[name, part], ends[name, part] = max(following, low), high
        if not stored:
            self._skip_what_is_old(source, places)
        self._began, self._positions, self._ends = dict(places), dict(places), ends
        return [
            TopicPartition(self._prefix + name, part, at or OFFSET_BEGINNING) for (name, part), at in places.items()
        ]

    def _skip_what_is_old(self, source: Consumer, places: dict[Place, int]) -> None:
        """Begin with the first record that is not older than what is kept: of metrics, that of single statistics."""
        spec, now_ms = self._config.dashboard, clock.now_ms()
        oldest = {"windows": now_ms - spec.keep, "metrics": now_ms - spec.detail}
        prefix = self._prefix
        asked = [TopicPartition(prefix + name, part, oldest[name]) for name, part in places if name in oldest]
        for found in source.offsets_for_times(asked, timeout=_ANSWER_S):
            if found.offset > 0:
                place = (found.topic.removeprefix(self._prefix), found.partition)
                places[place] = max(places[place], found.offset)

    def _gather(self, messages: list[Message], batch: Batch) -> None:
        """Add records to a batch, by topic."""
        cut = len(self._prefix)
        for message in messages:
            error = message.error()
            if error is None:
                taken = Taken(
                    message.partition(), message.offset(), message.timestamp()[1], message.key(), message.value()
                )
                batch.setdefault(message.topic()[cut:], []).append(taken)
            elif error.code() == RawError._PARTITION_EOF:
                # Markers of transactions leave gaps at the end.
                self._ended[message.topic()[cut:], message.partition()] = message.offset()
            elif not error.retriable():
                log.warning("%s[%s]: %s", message.topic(), message.partition(), error.str())

    def _write(self, batch: Batch) -> None:
        changed = self._store.write(batch, clock.now_ms())
        VITALS.count("records", sum(map(len, batch.values())))
        for topic, records in batch.items():
            for record in records:
                self._positions[topic, record.partition] = record.offset + 1
        self._on_change(changed)
