"""The monitor as a process of its own, against a real Kafka: killed, restarted, and timed."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import orjson
import pytest
from confluent_kafka import OFFSET_BEGINNING, TopicPartition

from trimtab.config import (
    AbsenceSpec,
    AlertSpec,
    Config,
    FactorySpec,
    KafkaConfig,
    ModelConfig,
    NumericFeature,
    WindowSpec,
)
from trimtab.events import encode
from trimtab.kafka.clients import consumer, producer
from trimtab.kafka.topics import Topics, partition_of
from trimtab.profiles import NumericProfile, Reference, WindowProfile
from trimtab.registry.records import champion_key, reference_key, version_key
from trimtab.roles.monitor import run

MODEL = "credit"
SIZE_MS = 1_000
RNG = np.random.default_rng(7)
REFERENCE = Reference.of("r1", {name: RNG.normal(size=2_000) for name in ("age", "income")}, {}, {})


def config_of(kafka: KafkaConfig, **other: Any) -> Config:
    model = ModelConfig(
        task="binary",
        features={"age": NumericFeature(), "income": NumericFeature()},
        window=WindowSpec(size=SIZE_MS, idle_timeout=1_500, min_count=50),
        alerts=AlertSpec(for_windows=1, resolve_after=1),
        factory=FactorySpec.model_validate({"class": "river.linear_model:LogisticRegression"}),
        **other,
    )
    return Config(kafka=kafka, models={MODEL: model})


@contextmanager
def monitor(config: Config) -> Iterator[multiprocessing.process.BaseProcess]:
    process = multiprocessing.get_context("spawn").Process(target=run, args=(config, "1"))
    process.start()
    try:
        yield process
    finally:
        process.kill()
        process.join(10)


class Collector:
    """Writes profile records as the collector does: each flush is a transaction."""

    def __init__(self, kafka: KafkaConfig) -> None:
        self.kafka = kafka
        self.topic = Topics(kafka.topic_prefix).profiles
        self.out = producer(kafka, "collector", transactional_id=kafka.topic_prefix + "collector-test", linger_ms=0)
        self.out.init_transactions(10)
        self.clocks: dict[int, int] = {}
        self.offset = 0

    def flush(self, events: list[tuple[int, int]], shift: float = 0.0) -> None:
        """Events are (partition, event time)."""
        windows: dict[int, list[tuple[int, int]]] = {}
        for partition, at in events:
            self.clocks[partition] = max(at, self.clocks.get(partition, at))
            windows.setdefault(at // SIZE_MS * SIZE_MS, []).append((partition, at))
        profiles = [self._profile(start, len(inside), shift) for start, inside in windows.items()]
        record = {
            "model": MODEL,
            "source_partitions": self.kafka.partitions,
            "clocks": [{"kind": "inputs", "partition": p, "time_ms": t} for p, t in self.clocks.items()],
            "counts": {},
            "arrivals": [],
            "profiles": profiles,
        }
        self.out.begin_transaction()
        partition = partition_of(MODEL, self.kafka.partitions)
        self.out.produce(self.topic, encode("profile", record), MODEL, partition=partition)
        self.out.commit_transaction(10)

    def _profile(self, start: int, count: int, shift: float) -> dict[str, Any]:
        numeric = {
            name: NumericProfile.of(RNG.normal(shift, size=count), REFERENCE.frame(name)) for name in ("age", "income")
        }
        first, self.offset = self.offset, self.offset + count
        return {
            "kind": "inputs",
            "version": 1,
            "reference": "r1",
            "segment": "",
            "start_ms": start,
            "end_ms": start + SIZE_MS,
            "last_produced_ms": time.time_ns() // 1_000_000,
            "offsets": [{"partition": 0, "first": first, "last": self.offset - 1}],
            "sketch": WindowProfile(count, numeric).to_bytes(),
        }


def publish_reference(kafka: KafkaConfig) -> None:
    out = producer(kafka, "trainer-test")
    value = orjson.dumps(REFERENCE.to_wire())
    out.produce(Topics(kafka.topic_prefix).registry, value, reference_key(MODEL, 1), partition=0)
    assert out.flush(10) == 0


def committed(
    kafka: KafkaConfig, topic: str, done: Callable[[list[dict[str, Any]]], bool], timeout_s: float = 60.0
) -> list[dict[str, Any]]:
    """Committed records, each with the time at which it could be read, until ``done`` and then half a second."""
    reader = consumer(kafka, "reader", fetch_wait_max_ms=10)
    reader.assign([TopicPartition(topic, p, OFFSET_BEGINNING) for p in range(kafka.partitions)])
    found: list[dict[str, Any]] = []
    deadline = time.monotonic() + timeout_s
    try:
        while time.monotonic() < deadline:
            for message in reader.consume(500, timeout=0.02):
                assert message.error() is None
                found.append(orjson.loads(message.value()) | {"read_ms": time.time() * 1000})
            if done(found):
                deadline = min(deadline, time.monotonic() + 0.5)
    finally:
        reader.close()
    return found


def total(metrics: list[dict[str, Any]]) -> float:
    return sum(float(metric["value"]) for metric in metrics if metric["statistic"] in ("events", "late_events"))


@pytest.mark.timeout(180)
def test_killed_in_the_middle_it_counts_everything_once(kafka: KafkaConfig) -> None:
    publish_reference(kafka)
    config = config_of(kafka)
    collector = Collector(kafka)
    metrics = Topics(kafka.topic_prefix).metrics
    flushes = 400

    def flush(number: int) -> None:
        # Partition 2 lags behind the others; the last flush of each hundred holds an event that is far too late.
        at = number * 30
        late = [(0, 0)] if number % 100 == 99 else []
        collector.flush([(0, at), (0, at + 5), (1, at), (2, max(0, at - 400)), *late])

    sent = flushes * 4 + flushes // 100
    with monitor(config) as first:
        for number in range(flushes // 2):
            flush(number)
        before = committed(kafka, metrics, lambda found: total(found) > 200)
        assert 200 < total(before) < sent / 2
        first.kill()
        first.join(10)
    for number in range(flushes // 2, flushes):
        flush(number)
    with monitor(config) as second:
        found = committed(kafka, metrics, lambda found: total(found) >= sent)
        second.terminate()
        second.join(15)
        assert second.exitcode == 0
    assert total(found) == sent
    assert sum(metric["value"] for metric in found if metric["statistic"] == "late_events") == flushes // 100
    windows = [(metric["statistic"], metric["feature"], metric["start_ms"]) for metric in found]
    counted = [window for window in windows if window[0] != "late_events"]
    assert len(set(counted)) == len(counted)
    assert {metric["statistic"] for metric in found} >= {"psi", "ks", "js", "wasserstein", "missing_rate", "events"}
    whole = committed(kafka, Topics(kafka.topic_prefix).windows, lambda found: True, timeout_s=10)
    of_metrics = {m["start_ms"]: m["value"] for m in found if m["statistic"] == "events"}
    of_windows = [(w["start_ms"], w["numbers"]["events"]["value"]) for w in whole if "events" in w["numbers"]]
    assert sorted(of_windows) == sorted(of_metrics.items())
    assert {name for window in whole for name in window["features"]} == {"age", "income"}


@pytest.mark.timeout(120)
def test_alerts_are_readable_soon_after_the_last_event(kafka: KafkaConfig) -> None:
    """600 events a second in flushes of 10 ms; every window changes the state of both features' alerts."""
    publish_reference(kafka)
    collector = Collector(kafka)
    with monitor(config_of(kafka)):
        collector.flush([(p, time.time_ns() // 1_000_000 - 60_000) for p in range(kafka.partitions)])
        metrics = Topics(kafka.topic_prefix).metrics
        assert committed(kafka, metrics, lambda found: total(found) >= 1), "the monitor is up"
        until = time.time() + 10
        while time.time() < until:
            now = time.time_ns() // 1_000_000
            collector.flush([(number % kafka.partitions, now) for number in range(6)], shift=now // SIZE_MS % 2 * 2.0)
            time.sleep(max(0.0, now / 1000 + 0.01 - time.time()))
        # A consumer that starts now reads late, so latency is taken by the broker's and the monitor's clocks.
        alerts = committed(kafka, Topics(kafka.topic_prefix).alerts, lambda found: len(found) >= 16, timeout_s=10)
    assert len(alerts) >= 16
    assert {alert["state"] for alert in alerts} == {"firing", "resolved"}
    latency_ms = [alert["raised_ms"] - alert["last_produced_ms"] for alert in alerts[:-2]]
    print(f"last event to decided: p50 {np.median(latency_ms):.0f} ms, max {max(latency_ms):.0f} ms")
    assert max(latency_ms) < 2_000
    assert "has drifted" in alerts[0]["summary"]


@pytest.mark.timeout(120)
def test_a_partition_that_nobody_reads_is_not_idle(kafka: KafkaConfig) -> None:
    """Its records would be late if silence, while the collectors are away, closed their windows."""
    publish_reference(kafka)
    topics = Topics(kafka.topic_prefix)
    collector, out = Collector(kafka), producer(kafka, "service")
    out.produce(topics.predictions, b"{}", partition=1)
    assert out.flush(10) == 0
    with monitor(config_of(kafka)):
        collector.flush([(0, 500), (2, 500)])
        collector.flush([(0, 5_000), (2, 5_000)])
        silent = committed(kafka, topics.metrics, lambda found: total(found) > 0, timeout_s=8)
        assert total(silent) == 0, "partition 1 has a record that no collector has read"
        collector.flush([(1, 700)])
        group = consumer(kafka, "collector", group_id=f"{kafka.topic_prefix}collector")
        group.commit(offsets=[TopicPartition(topics.predictions, 1, 1)], asynchronous=False)
        group.close()
        found = committed(kafka, topics.metrics, lambda found: total(found) >= 5)
    events = {metric["start_ms"]: metric["value"] for metric in found if metric["statistic"] == "events"}
    assert events == {0: 3, 5_000: 2}
    assert not [metric for metric in found if metric["statistic"] == "late_events"]


@pytest.mark.timeout(120)
def test_predictions_that_never_come_and_then_do(kafka: KafkaConfig) -> None:
    publish_reference(kafka)
    topics = Topics(kafka.topic_prefix)
    with monitor(config_of(kafka, absence=AbsenceSpec(predictions=2_000, labels=60_000))) as first:
        alerts = committed(kafka, topics.alerts, lambda found: len(found) == 1, timeout_s=30)
        assert [(a["kind"], a["feature"], a["state"]) for a in alerts] == [("absent", "predictions", "firing")]
        assert alerts[0]["summary"].startswith("No predictions of credit for 2")
        first.kill()
        first.join(10)
    with monitor(config_of(kafka, absence=AbsenceSpec(predictions=20_000))):
        Collector(kafka).flush([(0, 500)])
        alerts = committed(kafka, topics.alerts, lambda found: len(found) == 2, timeout_s=30)
    assert [a["state"] for a in alerts] == ["firing", "resolved"]
    assert alerts[1]["incident"] == alerts[0]["incident"]


@pytest.mark.timeout(120)
def test_a_version_that_is_served_too_long_and_then_no_longer(kafka: KafkaConfig) -> None:
    publish_reference(kafka)
    topics, out = Topics(kafka.topic_prefix), producer(kafka, "trainer-test")
    promoted_ms = time.time_ns() // 1_000_000 - 60_000
    records: dict[str, dict[str, Any]] = {version_key(MODEL, version): {"version": version} for version in (1, 2)}
    records[champion_key(MODEL)] = {"model": MODEL, "version": 2, "changed_ms": promoted_ms}
    for key, record in records.items():
        out.produce(topics.registry, orjson.dumps(record), key, partition=0)
    assert out.flush(10) == 0
    config = config_of(kafka, absence=AbsenceSpec(stale=8_000))
    with monitor(config) as first:
        Collector(kafka).flush([(0, 500)])
        alerts = committed(kafka, topics.alerts, lambda found: len(found) == 1, timeout_s=30)
        assert [(a["kind"], a["version"], a["state"]) for a in alerts] == [("stale", 1, "firing")]
        assert alerts[0]["evidence"]["statistics"]["champion"] == 2
        assert alerts[0]["evidence"]["start_ms"] == promoted_ms
        first.kill()
        first.join(10)
    with monitor(config):
        alerts = committed(kafka, topics.alerts, lambda found: len(found) == 2, timeout_s=30)
    assert [a["state"] for a in alerts] == ["firing", "resolved"]
    assert alerts[1]["incident"] == alerts[0]["incident"]
