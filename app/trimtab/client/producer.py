"""Sends features, predictions and labels from a service, and never stands in the service's way."""

from __future__ import annotations

import logging
import threading
import time as clock
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from trimtab.client.drops import Drop, DropLog, DropReason
from trimtab.client.wire import Encoder, Time
from trimtab.config import Config, KafkaConfig, load_config
from trimtab.events import EventError
from trimtab.kafka import clients
from trimtab.kafka.topics import Topics

if TYPE_CHECKING:
    from confluent_kafka import Message

__all__ = ["MAX_EVENT_BYTES", "Producer", "ProducerStats"]

log = logging.getLogger("trimtab.client")

MAX_EVENT_BYTES = 1_000_000
_POLL_S = 0.1
_BUFFER_KBYTES = 262_144


@dataclass(frozen=True, slots=True)
class ProducerStats:
    """Counts since the producer was made.

    Every call is counted once: ``accepted + sum(dropped)`` is the number of calls plus the events dropped after
    they were accepted (``delivery_failed``), and ``accepted == delivered + pending + delivery_failed``.
    """

    accepted: int
    delivered: int
    pending: int
    dropped: dict[str, int]
    delivered_by_topic: dict[str, int]


class Producer:
    """Sends events to Kafka in the background.

    A call takes microseconds, blocks on nothing and raises nothing: while Kafka is away, events wait in memory; when
    the buffer is full or an argument is wrong, the event is dropped, counted in :attr:`stats`, and logged once per
    reason. Make it after a fork, in the worker that uses it.

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
        self._lock = threading.Lock()
        self._accepted = 0
        self._failed = 0
        self._delivered: Counter[str] = Counter()
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
        self._send(
            "prediction",
            id,
            lambda: self._encoder.prediction(
                model=model, id=id, time=time, features=features, prediction=prediction, score=score, served=served
            ),
        )

    def feature(self, *, id: str, time: Time, features: Mapping[str, object]) -> None:
        """Send features apart from their prediction."""
        self._send("feature", id, lambda: self._encoder.feature(id=id, time=time, features=features))

    def label(self, *, id: str, time: Time, label: object, model: str | None = None) -> None:
        """Send a true outcome, for one model or for every model that predicted this id."""
        self._send("label", id, lambda: self._encoder.label(id=id, time=time, label=label, model=model))

    @property
    def stats(self) -> ProducerStats:
        """The counts as they are now."""
        with self._lock:
            delivered = sum(self._delivered.values())
            pending = self._accepted - delivered - self._failed
            by_topic = dict(self._delivered)
            accepted = self._accepted
        return ProducerStats(accepted, delivered, pending, self._drops.counts, by_topic)

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
        self._closed.set()
        self._thread.join()
        self._purge(self._producer)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _send(self, kind: str, id: object, encode: Callable[[], bytes]) -> None:
        try:
            data = encode()
        except EventError as error:
            return self._drop(DropReason.INVALID, kind, id, error.detail)
        except Exception as error:
            return self._drop(DropReason.INVALID, kind, id, f"{type(error).__name__}: {error}")
        if len(data) > MAX_EVENT_BYTES:
            detail = f"{len(data):,} bytes are more than {MAX_EVENT_BYTES:,}"
            return self._drop(DropReason.TOO_LARGE, kind, id, detail, data)
        if self._closed.is_set():
            return self._drop(DropReason.CLOSED, kind, id, "the producer is closed", data)
        return self._produce(kind, str(id), data)

    def _produce(self, kind: str, id: str, data: bytes) -> None:
        from confluent_kafka import KafkaException

        with self._lock:
            # Counted before produce(), since the report may come before it returns.
            self._accepted += 1
        try:
            self._producer.produce(self._topics.prefix + kind + "s", data, id.encode(), on_delivery=self._on_delivery)
            return
        except BufferError:
            reason, detail = DropReason.BUFFER_FULL, f"{self._buffer_events:,} events wait for Kafka"
        except KafkaException as error:
            reason, detail = DropReason.DELIVERY_FAILED, clients.message_of(error)
            self._note_fatal(error.args[0])
        except Exception as error:
            reason, detail = DropReason.INVALID, f"{type(error).__name__}: {error}"
        with self._lock:
            if reason is DropReason.DELIVERY_FAILED:
                self._failed += 1
            else:
                self._accepted -= 1
        self._drop(reason, kind, id, detail, data)

    def _drop(self, reason: DropReason, kind: str, id: object, detail: str, data: bytes | None = None) -> None:
        self._drops.add(Drop(reason, kind, str(id), detail, data))

    def _on_delivery(self, error: Any, message: Message) -> None:
        if error is None:
            with self._lock:
                self._delivered[message.topic() or ""] += 1
            return
        with self._lock:
            self._failed += 1
        self._note_fatal(error)
        kind = (message.topic() or "").removeprefix(self._topics.prefix).removesuffix("s")
        id = (message.key() or b"").decode()
        self._drop(DropReason.DELIVERY_FAILED, kind, id, error.str(), message.value())

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

    def _run(self) -> None:
        while not self._closed.is_set():
            self._producer.poll(_POLL_S)
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


def _resolve(config: Config | KafkaConfig | Path | str | None) -> tuple[Config | None, KafkaConfig]:
    if isinstance(config, KafkaConfig):
        return None, config
    if not isinstance(config, Config):
        config = load_config(None if config is None else Path(config))
    return config, config.kafka
