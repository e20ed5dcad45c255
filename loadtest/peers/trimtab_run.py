"""One run of Trimtab: a collector process timed over a backlog, and a monitor process beside it.

1. topics of a prefix of their own, the reference published, the stream produced;
2. the monitor, and when its group is stable the collector, are started;
3. the clock runs from the collector's first commit to the one that covers the last event;
4. the metrics are read once every event is in a closed window: the last ones close after the idle timeout.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import yaml

from loadtest.peers import topics
from loadtest.peers.check import check_trimtab
from loadtest.peers.figures import Run
from loadtest.peers.formats import MODEL_SETTINGS, Record
from loadtest.peers.publishing import publish_versions
from loadtest.peers.scripts.task import LATENESS_MS, MODEL, WINDOW_MS
from loadtest.peers.stream import PARTITIONS
from loadtest.peers.truth import Truth, reference
from loadtest.processes import Role
from trimtab.config import Config, load_config
from trimtab.kafka.clients import admin, consumer
from trimtab.kafka.reading import read_topics
from trimtab.kafka.topics import Topics, create_topics

__all__ = ["run_trimtab", "settings"]

IDLE_TIMEOUT_S = 5
_START_S = 60.0
_STALL_S = 60.0
_POLL_S = 0.01


def settings(bootstrap: str, prefix: str, folder: Path) -> dict[str, Any]:
    """The configuration of one run, as the file has it."""
    model = {
        **MODEL_SETTINGS,
        "labels": False,
        "window": {
            "size": f"{WINDOW_MS}ms",
            "lateness": f"{LATENESS_MS}ms",
            "idle_timeout": f"{IDLE_TIMEOUT_S}s",
        },
    }
    kafka = {"bootstrap_servers": bootstrap, "topic_prefix": prefix, "partitions": PARTITIONS}
    return {"kafka": kafka, "data_dir": str(folder / "data"), "models": {MODEL: model}}


def run_trimtab(bootstrap: str, run: str, folder: Path, records: Iterable[Record], truth: Truth) -> Run:
    """Fill topics of their own with ``records`` and measure; deletes the topics.

    Raises
    ------
    RuntimeError
        It stood still, or the stream is too short to be timed.
    SystemExit
        A role ended; the message has its last lines.
    """
    prefix = f"{run}."
    config = _configure(bootstrap, prefix, folder)
    try:
        create_topics(admin(config.kafka), config.kafka)
        publish_versions(config, {MODEL: reference()})
        count = topics.fill(config.kafka, Topics(prefix).predictions, records)
        return _measure(config, folder / "trimtab.yaml", count, truth)
    finally:
        topics.delete(config.kafka, lambda name: name.startswith(prefix))


def _configure(bootstrap: str, prefix: str, folder: Path) -> Config:
    folder.mkdir(parents=True)
    path = folder / "trimtab.yaml"
    path.write_text(yaml.safe_dump(settings(bootstrap, prefix, folder)), encoding="utf-8")
    return load_config(path)


class _Span(NamedTuple):
    """From the collector's first commit to its last: events, seconds, and its CPU seconds."""

    share: float
    seconds: float
    cpu_s: float


def _measure(config: Config, path: Path, records: int, truth: Truth) -> Run:
    events = sum(window.events for window in truth.values())
    with Role("monitor", path) as monitor:
        _wait_for_group(config, "monitor", monitor)
        idle_cpu_s = monitor.cpu_s
        with Role("collector", path) as collector:
            span = _time(config, collector, records)
            rss_mb = collector.peak_rss_mb
            metrics = _closed_windows(config, (collector, monitor), events)
        monitor_cpu_s = monitor.cpu_s - idle_cpu_s
    done = span.share * events
    return Run(
        events=events,
        events_per_s=done / span.seconds,
        cpu_us_per_event=1e6 * span.cpu_s / done,
        rss_mb=rss_mb,
        check=check_trimtab(metrics, truth),
        monitor_cpu_us_per_event=1e6 * monitor_cpu_s / events,
    )


def _time(config: Config, collector: Role, records: int) -> _Span:
    """Follow the commits of the collector over the whole stream."""
    committed = _Commits(config)
    try:
        first = _wait(committed, 1, collector)
        began, cpu_s = time.perf_counter(), collector.cpu_s
        if first == records:
            raise RuntimeError("all events came in one commit: there is nothing to time; give more --events")
        _wait(committed, records, collector)
        seconds = time.perf_counter() - began
        return _Span((records - first) / records, seconds, collector.cpu_s - cpu_s)
    finally:
        committed.close()


class _Commits:
    """How many records of the stream the collectors' group has committed; calling it asks."""

    def __init__(self, config: Config) -> None:
        from confluent_kafka import TopicPartition

        topic = Topics(config.kafka.topic_prefix).predictions
        self._positions = [TopicPartition(topic, number) for number in range(config.kafka.partitions)]
        # Reading committed offsets only would wait for the transaction under way.
        self._group = consumer(
            config.kafka,
            "loadtest-commits",
            group_id=f"{config.kafka.topic_prefix}collector",
            isolation_level="read_uncommitted",
        )

    def __call__(self) -> int:
        return sum(max(0, position.offset) for position in self._group.committed(self._positions, timeout=10))

    def close(self) -> None:
        """Disconnect."""
        self._group.close()


def _wait(committed: Callable[[], int], wanted: int, collector: Role) -> int:
    """Wait until so many records are committed; returns how many are."""
    last, deadline = -1, time.monotonic() + _STALL_S
    while (done := committed()) < wanted:
        collector.check()
        if done > last:
            last, deadline = done, time.monotonic() + _STALL_S
        if time.monotonic() > deadline:
            raise RuntimeError(f"the collector stands at {done:,} of {wanted:,} records:\n{collector.log_tail}")
        time.sleep(_POLL_S)
    return done


def _wait_for_group(config: Config, role: str, process: Role) -> None:
    """Wait until the role's group has shared out its partitions."""
    from confluent_kafka import ConsumerGroupState, KafkaException

    client, group = admin(config.kafka), f"{config.kafka.topic_prefix}{role}"
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        process.check()
        try:
            if client.describe_consumer_groups([group])[group].result().state == ConsumerGroupState.STABLE:
                return
        except KafkaException:  # the broker does not know the group yet
            pass
        time.sleep(0.1)
    raise RuntimeError(f"the {role} did not join its group within {_START_S:.0f} s:\n{process.log_tail}")


def _closed_windows(config: Config, roles: Iterable[Role], events: int) -> list[dict[str, Any]]:
    """All metrics, once every event is in a closed window or counted as late; or those there are after a while."""
    topic = Topics(config.kafka.topic_prefix).metrics
    deadline, counted = time.monotonic() + _STALL_S + IDLE_TIMEOUT_S, 0.0

    def done() -> bool:
        for role in roles:
            role.check()
        return counted >= events or time.monotonic() > deadline

    for message in read_topics(config.kafka, [topic], follow=True, stop=done):
        metric = orjson.loads(message.value())
        if metric["statistic"] in ("events", "late_events"):
            counted += metric["value"]
            deadline = time.monotonic() + _STALL_S
    # One window's records lie in several partitions, whose ends may show one after the other.
    time.sleep(0.5)
    return topics.read_json(config.kafka, topic)
