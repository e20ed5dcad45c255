"""Quix Streams: key by model through a repartition topic, reduce into windows; state and changelog by default."""

# mypy: disable-error-code="import-not-found, import-untyped"
from __future__ import annotations

import tempfile
from bisect import bisect_right
from datetime import timedelta
from typing import Any

from quixstreams import Application

from loadtest.peers.scripts.histograms import empty_bins, metric_of
from loadtest.peers.scripts.task import EDGES, LATENESS_MS, WINDOW_MS, Meter, Orders


class Progress:
    """Counts what went through, and ends the application after the last event."""

    def __init__(self, orders: Orders) -> None:
        self._orders = orders
        self._meter = Meter()
        self._seen = 0
        self._late = 0
        self.app: Any = None

    def on_processed(self, topic: str, _partition: int, _offset: int) -> None:
        """A message is done; the first ones are those on their way to the repartition topic."""
        self._meter.start()
        if topic == self._orders.topic:
            return
        self._seen += 1
        if self._seen >= self._orders.events:
            self._meter.stop(self._seen, self._late)
            self.app.stop()

    def on_late(self, *_event: Any) -> bool:
        """An event came too late; False keeps the library from logging it."""
        self._late += 1
        return False


def time_of(value: Any, _headers: Any, _timestamp: float, _kind: Any) -> int:
    """Event time in milliseconds."""
    return int(value["time"])


def first(event: Any) -> Any:
    """The window that begins with this event."""
    return count(empty_bins(), event)


def count(bins: Any, event: Any) -> Any:
    """Add an event to a window."""
    for name, number in event["features"].items():
        bins[name][bisect_right(EDGES, number)] += 1
    return bins


def close(window: Any) -> dict[str, Any]:
    """The metric message of a closed window."""
    return metric_of(window["start"], window["value"])


def build(orders: Orders, progress: Progress, folder: str) -> Any:
    """The application."""
    app = Application(
        broker_address=orders.broker,
        consumer_group=f"peer-{orders.run}",
        auto_offset_reset="earliest",
        state_dir=folder,
        loglevel="WARNING",
        on_message_processed=progress.on_processed,
        consumer_extra_config=orders.tuning,
    )
    source = app.topic(orders.topic, value_deserializer="json", timestamp_extractor=time_of)
    target = app.topic(orders.out_topic, value_serializer="json", key_serializer="str")
    windows = (
        app.dataframe(source)
        .group_by("model")
        .tumbling_window(
            timedelta(milliseconds=WINDOW_MS), grace_ms=timedelta(milliseconds=LATENESS_MS), on_late=progress.on_late
        )
        .reduce(count, first)
    )
    windows.final().apply(close).to_topic(target)
    return app


def main() -> None:
    """Run until the last event."""
    orders = Orders.read()
    progress = Progress(orders)
    with tempfile.TemporaryDirectory(prefix="loadtest-quix-") as folder:
        progress.app = build(orders, progress, folder)
        progress.app.run()


if __name__ == "__main__":
    main()
