"""Sends features, predictions and labels from a service, and never stands in the service's way."""

from __future__ import annotations

import logging
import threading
import time as clock
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from trimtab.client.batching import Batch, batches_of
from trimtab.client.drops import Drop, DropLog, DropReason
from trimtab.client.wire import Call, Encoder, Time
from trimtab.config import Config, KafkaConfig, load_config
from trimtab.events import EventError
from trimtab.kafka import clients
from trimtab.kafka.embedded.found import connected
from trimtab.kafka.topics import Topics

if TYPE_CHECKING:
    from confluent_kafka import Message

__all__ = ["MAX_EVENT_BYTES", "Producer", "ProducerStats"]

log = logging.getLogger("trimtab.client")

MAX_EVENT_BYTES = 1_000_000
# From this many waiting events of one sort on, they are sent as columns.
BATCH_FROM = 16
LINGER_S = 0.01
_IDLE_WAIT_S = 0.1
_DELIVERY_WAIT_S = 0.01
_METADATA_TIMEOUT_S = 1.0
_METADATA_EVERY_S = 5.0
_BUFFER_KBYTES = 262_144


@dataclass(frozen=True, slots=True)
class ProducerStats:
    """Counts since the producer was made.

    Every call is counted once: ``accepted + sum(dropped)`` is the number of calls plus the events dropped after
    Kafka's client took them (``delivery_failed``), and ``accepted == delivered + pending + delivery_failed``.
    """

    accepted: int
    delivered: int
    pending: int
    dropped: dict[str, int]
    delivered_by_topic: dict[str, int]


class Producer:
    """Sends events to Kafka in the background.

    A call takes a microsecond or two, blocks on nothing and raises nothing: it puts the event in a queue. A thread
    sends what is there: at once and one by one when events are few; as columnar batches, gathered for 10 ms, when
    they come fast. While Kafka is away, events wait in memory; when the buffer is full or an argument is wrong, the
    event is dropped, counted in :attr:`stats`, and logged once per reason. Make it after a fork, in the worker that
    uses it.

    Parameters
    ----------
    config
        The configuration, where it lies, or only its Kafka section; None reads ``trimtab.yaml`` as the command
        line does.
    buffer_events
        How many events may wait for Kafka; they also take at most 256 MiB.
    on_drop
        Called with each :class:`Drop`, for a service that wants to keep such events itself.

    Raises
    ------
    ConfigError, KafkaError
        Only when it is made: the configuration is wrong or names no brokers.

    Examples
    --------
    >>> with Producer(KafkaConfig(bootstrap_servers="127.0.0.1:1")) as producer:
    ...     producer.label(id="a", time=0, label=float("nan"))
    ...     producer.stats.dropped
    {'invalid': 1}
    """

    def __init__(
        self,
        config: Config | KafkaConfig | Path | str | None = None,
        *,
        buffer_events: int = 100_000,
        on_drop: Callable[[Drop], None] | None = None,
    ) -> None:
        whole, self._kafka = _resolve(config)
        self._topics = Topics(self._kafka.topic_prefix)
        self._encoder = Encoder(whole)
        self._buffer_events = buffer_events
        self._drops = DropLog(on_drop)
        self._room = buffer_events  # 0 when closed
        self._keeps_drops = on_drop is not None
        self._lock = threading.Lock()
        self._pending = self._failed = 0
        self._delivered: Counter[str] = Counter()
        self._waiting: deque[Call] = deque()
        self._names: tuple[Any, ...] = ()
        self._sending = threading.Lock()
        self._partitions: dict[str, int] = {}
        self._unknown, self._asked = True, -_METADATA_EVERY_S
        self._wake, self._asleep = threading.Event(), False
        self._broken = threading.Event()
        self._closed = threading.Event()
        self._producer = self._connect()
        self._thread = threading.Thread(target=self._run, name="trimtab-producer", daemon=True)
        self._thread.start()

    def prediction(
        self,
        *,
        model: str,
        id: str,
        time: Time,
        features: Mapping[str, object] | None = None,
        prediction: object = None,
        score: float | None = None,
        served: str | None = None,
    ) -> None:
        """Send a prediction.

        Parameters
        ----------
        model, id
            Name of the model, and the event id that features and label share.
        time
            Event time: milliseconds since 1970 UTC, a datetime, or ISO 8601.
        features
            Name to value, None for missing; without them a feature event of the same id must be sent.
        prediction, score
            Class or number; probability of class 1 (binary) or of the predicted class.
        served
            :attr:`ServedPrediction.name`: the model that answered; None when there was none.
        """
        self._put("prediction", model, id, time, features, prediction, score, served)

    def feature(self, *, id: str, time: Time, features: Mapping[str, object]) -> None:
        """Send features apart from their prediction."""
        self._put("feature", None, id, time, features)

    def label(self, *, id: str, time: Time, label: object, model: str | None = None) -> None:
        """Send a true outcome, for one model or for every model that predicted this id."""
        self._put("label", model, id, time, None, label)

    @property
    def stats(self) -> ProducerStats:
        """The counts as they are now; every call made before was looked at."""
        self._drain()
        with self._lock:
            delivered = sum(self._delivered.values())
            accepted = delivered + self._pending + self._failed
            return ProducerStats(accepted, delivered, self._pending, self._drops.counts, dict(self._delivered))

    def flush(self, timeout_s: float = 10.0) -> int:
        """Wait until everything accepted is delivered or dropped; returns how many events still wait."""
        deadline = clock.monotonic() + timeout_s
        while (pending := self.stats.pending) > 0 and (left_s := deadline - clock.monotonic()) > 0:
            # In slices, since the other thread may replace the producer meanwhile.
            self._producer.flush(min(0.5, left_s))
            if self.stats.pending == pending:
                clock.sleep(0.001)
        return self.stats.pending

    def close(self, timeout_s: float = 10.0) -> None:
        """Flush, then drop (and count) what Kafka has not taken within ``timeout_s`` seconds."""
        if self._closed.is_set():
            return
        self.flush(timeout_s)
        with self._lock:
            self._room = 0
        self._closed.set()
        self._wake.set()
        self._thread.join()
        self._drain()
        self._purge(self._producer)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _put(
        self,
        kind: str,
        model: Any,
        id: Any,
        time: Any,
        features: Any,
        value: Any = None,
        score: Any = None,
        served: Any = None,
    ) -> None:
        if type(features) is not dict:
            features = _dictionary(features)
        if type(features) is dict:
            names = tuple(features)
            if names == self._names:
                names = self._names  # one for all, and not one more to keep
            else:
                self._names = names
            call = Call(kind, model, id, time, names, tuple(features.values()), value, score, served)
        else:
            call = Call(kind, model, id, time, None, features, value, score, served)
        with self._lock:
            room = self._pending < self._room
            if room:
                self._pending += 1
                self._waiting.append(call)
        if not room:
            self._refuse(call)
        elif self._asleep:
            self._asleep = False
            self._wake.set()

    def _refuse(self, call: Call) -> None:
        """Drop a call that finds no room."""
        data = None
        if self._keeps_drops:
            try:
                data = self._encoder.encode(call)
            except EventError as error:
                return self._drop(DropReason.INVALID, call, error.detail)
            if len(data) > MAX_EVENT_BYTES:
                return self._drop(DropReason.TOO_LARGE, call, _too_large(data), data)
        if self._closed.is_set():
            return self._drop(DropReason.CLOSED, call, "the producer is closed", data)
        return self._drop(DropReason.BUFFER_FULL, call, f"{self._buffer_events:,} events wait for Kafka", data)

    def _drain(self) -> int:
        """Hand everything that waits to Kafka's client, in order; returns how much it was."""
        with self._sending:
            calls = [self._waiting.popleft() for _ in range(len(self._waiting))]
            if len(calls) < BATCH_FROM:
                single: Sequence[Call] = calls
            else:
                batches, single = batches_of(calls, self._partitions_of, self._encoder, BATCH_FROM)
                for batch in batches:
                    self._send_batch(batch)
            for call in single:
                self._send(call)
            return len(calls)

    def _send(self, call: Call) -> None:
        try:
            data = self._encoder.encode(call)
        except EventError as error:
            return self._give_up([call], DropReason.INVALID, error.detail)
        if len(data) > MAX_EVENT_BYTES:
            return self._give_up([call], DropReason.TOO_LARGE, _too_large(data), data)
        return self._produce([call], data, call.id.encode(), -1)

    def _send_batch(self, batch: Batch) -> None:
        if len(batch.data) <= MAX_EVENT_BYTES:
            return self._produce(batch.calls, batch.data, None, batch.partition)
        for call in batch.calls:
            self._send(call)
        return None

    def _produce(self, calls: Sequence[Call], data: bytes, key: bytes | None, partition: int) -> None:
        from confluent_kafka import KafkaException

        def report(error: Any, message: Message) -> None:
            self._delivered_or_not(calls, data, error, message)

        topic = self._topics.prefix + calls[0].kind + "s"
        try:
            self._producer.produce(topic, data, key, partition, on_delivery=report)
        except BufferError:
            self._give_up(calls, DropReason.BUFFER_FULL, "Kafka's client has no room", data)
        except KafkaException as error:
            self._give_up(calls, DropReason.DELIVERY_FAILED, clients.message_of(error), data)
            self._note_fatal(error.args[0])
        except Exception as error:
            self._give_up(calls, DropReason.INVALID, f"{type(error).__name__}: {error}", data)

    def _delivered_or_not(self, calls: Sequence[Call], data: bytes, error: Any, message: Message) -> None:
        if error is not None:
            self._give_up(calls, DropReason.DELIVERY_FAILED, error.str(), data)
            self._note_fatal(error)
            return
        if (why := clients.not_stored(error, message)) is not None:
            # If it is stored after all, the collector finds the ids a second time.
            log.warning("%s[%d]: %d events are sent again: %s", message.topic(), message.partition(), len(calls), why)
            self._produce(calls, data, message.key(), message.partition())
            return
        with self._lock:
            self._pending -= len(calls)
            self._delivered[message.topic() or ""] += len(calls)

    def _give_up(self, calls: Sequence[Call], reason: DropReason, detail: str, data: bytes | None = None) -> None:
        """Drop calls that were accepted; only those that Kafka failed to take stay counted as accepted."""
        with self._lock:
            self._pending -= len(calls)
            if reason is DropReason.DELIVERY_FAILED:
                self._failed += len(calls)
        for call in calls:
            if len(calls) > 1 and self._keeps_drops:
                data = self._encoder.encode(call)
            self._drop(reason, call, detail, data)

    def _drop(self, reason: DropReason, call: Call, detail: str, data: bytes | None = None) -> None:
        self._drops.add(Drop(reason, call.kind, str(call.id), detail, data))

    def _note_fatal(self, error: Any) -> None:
        if error.fatal():
            self._broken.set()

    def _connect(self) -> Any:
        # Topics may be created after the service starts, so an unknown one is not an error at once.
        return clients.producer(
            self._kafka,
            "trimtab-producer",
            queue_buffering_max_messages=self._buffer_events,
            queue_buffering_max_kbytes=_BUFFER_KBYTES,
        )

    def _partitions_of(self, kind: str) -> int | None:
        found = self._partitions.get(self._topics.prefix + kind + "s")
        self._unknown = self._unknown or found is None
        return found

    def _ask(self) -> None:
        """Ask for the partitions of the topics, when some were wanted and Kafka was not asked just now."""
        from confluent_kafka import KafkaException

        if not self._unknown or clock.monotonic() - self._asked < _METADATA_EVERY_S:
            return
        self._asked = clock.monotonic()
        try:
            found = self._producer.list_topics(timeout=_METADATA_TIMEOUT_S).topics
        except KafkaException:
            return
        self._partitions |= {name: len(topic.partitions) for name, topic in found.items() if topic.partitions}
        self._unknown = False

    def _run(self) -> None:
        while not self._closed.is_set():
            self._ask()
            self._wake.clear()
            self._asleep = True
            if not self._waiting:  # a call after this line sees that it must wake us
                self._wake.wait(_DELIVERY_WAIT_S if self._pending else _IDLE_WAIT_S)
            self._asleep = False
            # While events come fast, a pause lets the next batch grow.
            while self._drain() >= BATCH_FROM and not self._closed.is_set():
                self._ask()
                self._producer.poll(LINGER_S)
            self._producer.poll(0)
            if self._broken.is_set():
                self._replace()

    def _replace(self) -> None:
        """After a fatal error librdkafka's producer refuses everything, so a new one takes over."""
        broken, self._producer = self._producer, self._connect()
        self._broken.clear()
        log.warning("the Kafka producer failed for good and was replaced; events in its buffer are counted as dropped")
        self._purge(broken)
        # Reports of the old one may have raised the flag again.
        self._broken.clear()

    @staticmethod
    def _purge(producer: Any) -> None:
        """Give up on what a producer still holds; its reports count each event."""
        producer.purge()
        producer.flush(1.0)


def _dictionary(features: Any) -> Any:
    """Another kind of mapping as a dictionary."""
    try:
        return dict(features) if isinstance(features, Mapping) else features
    except Exception:  # the encoder looks at it again, and says what is wrong
        return features


def _too_large(data: bytes) -> str:
    return f"{len(data):,} bytes are more than {MAX_EVENT_BYTES:,}"


def _resolve(config: Config | KafkaConfig | Path | str | None) -> tuple[Config | None, KafkaConfig]:
    if isinstance(config, KafkaConfig):
        return None, config
    if not isinstance(config, Config):
        config = load_config(None if config is None else Path(config))
    config = connected(config)
    return config, config.kafka
