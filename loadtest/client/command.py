"""``python -m loadtest client``: what the producer client costs the service that calls it.

One process calls ``Producer.prediction`` as fast as Kafka keeps up, and every eighth call is timed; the clock runs
until Kafka has acknowledged the last event. Then a quiet service: one call at a time, timed until Kafka has it.
"""

from __future__ import annotations

import argparse
import gc
import json
import resource
import statistics
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from loadtest.peers.formats import MODEL_SETTINGS
from loadtest.peers.scripts.task import FEATURES, MODEL
from trimtab import Producer
from trimtab.config import Config
from trimtab.kafka.clients import admin
from trimtab.kafka.embedded import EmbeddedBroker
from trimtab.kafka.topics import create_topics

__all__ = ["Figures", "main"]

START_MS = 1_700_000_000_000
# More than these on their way, and the caller pauses; the buffer holds many more.
IN_FLIGHT = 20_000
TIMED_EVERY = 8
CHUNK = 5_000
QUIET_CALLS = 300


class Figures(NamedTuple):
    """What was measured; calls in microseconds, quiet deliveries in milliseconds."""

    events_per_s: float
    call_us_p50: float
    call_us_p99: float
    call_us_max: float
    cpu_us_per_event: float
    rss_mb: float
    quiet_ms_p50: float
    quiet_ms_p99: float
    dropped: int


def measure(config: Config, events: int) -> Figures:
    """Both parts, on topics that are there."""
    with Producer(config, buffer_events=10 * IN_FLIGHT) as producer:
        quiet_ms = [_quiet(producer, number) for number in range(QUIET_CALLS)]
        cpu_s, began = time.process_time(), time.perf_counter()
        calls_us = _busy(producer, events) / 1_000
        if producer.flush(60):
            raise SystemExit("loadtest: Kafka did not take every event within 60 s")
        seconds, cpu_s = time.perf_counter() - began, time.process_time() - cpu_s
        dropped = sum(producer.stats.dropped.values())
    p50, p99 = np.percentile(calls_us, [50, 99])
    return Figures(
        events / seconds,
        float(p50),
        float(p99),
        float(calls_us.max()),
        1e6 * cpu_s / events,
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_000,
        statistics.median(quiet_ms),
        float(np.percentile(quiet_ms, 99)),
        dropped,
    )


def _busy(producer: Producer, events: int) -> npt.NDArray[np.int64]:
    """Send; nanoseconds of the calls that were timed."""
    rows = np.random.default_rng(0).normal(size=(1_000, len(FEATURES))).tolist()
    features = [dict(zip(FEATURES, row, strict=True)) for row in rows]
    taken: list[int] = []
    gc.disable()  # a service's heap is its own affair
    for first in range(0, events, CHUNK):
        while producer.stats.pending > IN_FLIGHT:
            time.sleep(0.001)
        _send(producer, range(first, min(first + CHUNK, events)), features, taken)
    gc.enable()
    return np.array(taken)


def _send(producer: Producer, numbers: range, features: list[dict[str, float]], taken: list[int]) -> None:
    now, predict = time.perf_counter_ns, producer.prediction
    for number in numbers:
        row, event_id = features[number % 1_000], f"{number:016x}"
        if number % TIMED_EVERY:
            predict(model=MODEL, id=event_id, time=START_MS + number, features=row, prediction=1, score=0.5)
        else:
            started = now()
            predict(model=MODEL, id=event_id, time=START_MS + number, features=row, prediction=1, score=0.5)
            taken.append(now() - started)


def _quiet(producer: Producer, number: int) -> float:
    """Milliseconds until Kafka has one event."""
    wanted = producer.stats.delivered + 1
    started = time.perf_counter()
    producer.label(id=f"quiet-{number}", time=START_MS, label=1)
    while producer.stats.delivered < wanted:
        producer.flush(1)
    return 1_000 * (time.perf_counter() - started)


def main(argv: list[str]) -> int:
    """Parse the command line and measure; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m loadtest client", description=__doc__)
    parser.add_argument("--events", type=int, default=2_000_000, help="predictions that are sent")
    parser.add_argument("--json", type=Path, help="write the result to this file")
    options = parser.parse_args(argv)
    if options.events < 1:
        parser.error("give at least one event")
    with tempfile.TemporaryDirectory(prefix="trimtab-loadtest-") as name:
        broker = EmbeddedBroker(Path(name) / "broker")
        try:
            kafka = {"bootstrap_servers": broker.start().bootstrap_servers, "topic_prefix": "client.", "partitions": 4}
            config = Config.model_validate({"kafka": kafka, "models": {MODEL: MODEL_SETTINGS}})
            create_topics(admin(config.kafka), config.kafka)
            found = measure(config, options.events)
        finally:
            broker.stop()
    print(
        f"{found.events_per_s:,.0f} events a second from one process, {found.cpu_us_per_event:.2f} us CPU each, "
        f"{found.rss_mb:.0f} MB, {found.dropped} dropped; a call takes {found.call_us_p50:.2f} us p50, "
        f"{found.call_us_p99:.2f} us p99, {found.call_us_max:,.0f} us at most; "
        f"a quiet service's event is at Kafka after {found.quiet_ms_p50:.1f} ms p50, {found.quiet_ms_p99:.1f} ms p99"
    )
    if options.json is not None:
        options.json.write_text(json.dumps(found._asdict(), indent=2) + "\n", encoding="utf-8")
    return 0 if not found.dropped else 1
