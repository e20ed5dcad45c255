"""Event-time windows in a dict, and the loop of confluent-kafka that feeds them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, Generic, TypeVar

from loadtest.peers.scripts.task import LATENESS_MS, WINDOW_MS, Meter, Orders

__all__ = ["Windows", "consume"]

W = TypeVar("W")

_OPEN_MS = WINDOW_MS + LATENESS_MS
# poll() for each message is slower, and larger batches are not faster.
_BATCH = 200


class Windows(ABC, Generic[W]):
    """Open windows by start; one closes when the newest event is past its end and the lateness.

    ``_due_ms`` is when the oldest open window closes: before it nothing has to be looked at. Subclasses keep
    ``seen``, ``late`` and ``_clock_ms`` in their loop, where a call for each event would show.
    """

    def __init__(self) -> None:
        self.seen = 0
        self.late = 0
        self._open: dict[int, W] = {}
        self._clock_ms = 0
        self._due_ms = 0

    @abstractmethod
    def take(self, values: Iterable[bytes]) -> list[dict[str, Any]]:
        """Take in events; returns the metrics of the windows that they closed."""

    @abstractmethod
    def _make(self) -> W:
        """A window without events."""

    @abstractmethod
    def _metric(self, start_ms: int, window: W) -> dict[str, Any]:
        """The metric message of a window that has closed."""

    def finish(self) -> list[dict[str, Any]]:
        """The metrics of the windows still open, at the end of the stream."""
        return [self._metric(start_ms, self._open.pop(start_ms)) for start_ms in sorted(self._open)]

    def _begin(self, start_ms: int) -> W | None:
        """A new window; None when it has closed already."""
        if start_ms + _OPEN_MS <= self._clock_ms:
            return None
        window = self._open[start_ms] = self._make()
        self._due_ms = min(self._open) + _OPEN_MS
        return window

    def _close(self) -> list[dict[str, Any]]:
        due = sorted(start_ms for start_ms in self._open if start_ms + _OPEN_MS <= self._clock_ms)
        metrics = [self._metric(start_ms, self._open.pop(start_ms)) for start_ms in due]
        self._due_ms = min(self._open) + _OPEN_MS
        return metrics


def consume(windows: Windows[Any]) -> None:
    """Read all events, write the metrics, print the figures."""
    import orjson
    from confluent_kafka import Consumer, Producer

    orders, meter = Orders.read(), Meter()
    consumer, producer = Consumer(orders.consumer()), Producer(orders.producer())
    consumer.subscribe([orders.topic])
    while windows.seen < orders.events:
        messages = consumer.consume(_BATCH, 1.0)
        if not messages:
            continue
        meter.start()
        for metric in windows.take([message.value() for message in messages if message.error() is None]):
            producer.produce(orders.out_topic, orjson.dumps(metric))
    for metric in windows.finish():
        producer.produce(orders.out_topic, orjson.dumps(metric))
    producer.flush()
    meter.stop(windows.seen, windows.late)
    consumer.close()
