"""``python -m loadtest joined``: predictions and the labels of older ones, beside many that go on waiting.

1. predictions that will wait are produced and collected, untimed; the collector is stopped;
2. as many new predictions as labels for the oldest ones are produced;
3. the collector starts again, which loads what waits, and is timed from its first commit to its last.

Every label must have become an example, and no event a dead letter.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

import numpy as np
import orjson
import yaml
from confluent_kafka import Consumer, KafkaException, TopicPartition

from loadtest.peers import topics
from loadtest.peers.formats import MODEL_SETTINGS, Record
from loadtest.peers.scripts.task import FEATURES, MODEL
from loadtest.processes import Role
from trimtab.config import Config, load_config
from trimtab.events.examples import decode_examples
from trimtab.kafka.clients import admin, consumer
from trimtab.kafka.embedded import EmbeddedBroker
from trimtab.kafka.reading import read_topics
from trimtab.kafka.topics import Topics, create_topics

__all__ = ["Figures", "labels", "main", "predictions"]

PARTITIONS = 4
START_MS = 1_700_000_000_000
STALL_S = 120.0


class Figures(NamedTuple):
    """What was measured; an event is a prediction with the label of another one."""

    pending: int
    pairs_per_s: float
    cpu_us_per_pair: float
    rss_mb: float
    start_s: float
    examples: int
    dead_letters: int


def predictions(first: int, count: int) -> Iterator[Record]:
    """Predictions ``first`` and on, one a millisecond of event time."""
    values = np.random.default_rng(0).normal(size=(1_000, len(FEATURES))).tolist()
    features = [orjson.dumps(dict(zip(FEATURES, row, strict=True))) for row in values]
    for number in range(first, first + count):
        event_id = b"%016x" % number
        value = b'{"id":"%s","model":"%s","version":null,"time":%d,"features":%s,"prediction":%d,"score":0.5}' % (
            event_id,
            MODEL.encode(),
            START_MS + number,
            features[number % 1_000],
            number & 1,
        )
        yield Record(crc32(event_id) % PARTITIONS, event_id, value)


def labels(first: int, count: int, delay_ms: int) -> Iterator[Record]:
    """Labels of predictions ``first`` and on."""
    for number in range(first, first + count):
        event_id = b"%016x" % number
        value = b'{"id":"%s","time":%d,"label":%d}' % (event_id, START_MS + number + delay_ms, number & 1)
        yield Record(crc32(event_id) % PARTITIONS, event_id, value)


def measure(bootstrap: str, folder: Path, pending: int, pairs: int) -> Figures:
    """One run."""
    config, path = _configure(bootstrap, folder)
    create_topics(admin(config.kafka), config.kafka)
    names = Topics(config.kafka.topic_prefix)
    topics.fill(config.kafka, names.predictions, predictions(0, pending))
    with Role("collector", path) as collector:
        _wait(config, [names.predictions], pending, collector)
    topics.fill(config.kafka, names.predictions, predictions(pending, pairs))
    topics.fill(config.kafka, names.labels, labels(0, pairs, pending))
    began = time.perf_counter()
    with Role("collector", path) as collector:
        first = _wait(config, [names.predictions, names.labels], pending + 1, collector) - pending
        start_s, cpu_s, started = time.perf_counter() - began, collector.cpu_s, time.perf_counter()
        _wait(config, [names.predictions, names.labels], pending + 2 * pairs, collector)
        seconds, cpu_s = time.perf_counter() - started, collector.cpu_s - cpu_s
        rss_mb = collector.peak_rss_mb
    done = pairs - first / 2
    if done <= 0:
        raise SystemExit(f"loadtest: all {pairs:,} pairs were in the first commit; give more --pairs")
    examples = sum(len(decode_examples(m.value())) for m in read_topics(config.kafka, [names.examples]))
    dead = len(list(read_topics(config.kafka, [names.dead_letters])))
    return Figures(pending, done / seconds, 1e6 * cpu_s / done, rss_mb, start_s, examples, dead)


def _configure(bootstrap: str, folder: Path) -> tuple[Config, Path]:
    model = {**MODEL_SETTINGS, "label_horizon": "30d", "window": {"size": "10s", "lateness": "60s"}}
    kafka = {"bootstrap_servers": bootstrap, "topic_prefix": "joined.", "partitions": PARTITIONS}
    path = folder / "trimtab.yaml"
    settings = {"kafka": kafka, "data_dir": str(folder / "data"), "models": {MODEL: model}}
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return load_config(path), path


def _wait(config: Config, of: list[str], wanted: int, collector: Role) -> int:
    """Wait until so many records of these topics are committed; returns how many are."""
    positions = [TopicPartition(topic, number) for topic in of for number in range(PARTITIONS)]
    group = consumer(
        config.kafka,
        "loadtest-commits",
        group_id=f"{config.kafka.topic_prefix}collector",
        isolation_level="read_uncommitted",
    )
    last, deadline = -1, time.monotonic() + STALL_S
    try:
        while (done := _committed(group, positions)) < wanted:
            collector.check()
            if done > last:
                last, deadline = done, time.monotonic() + STALL_S
            if time.monotonic() > deadline:
                raise SystemExit(f"loadtest: the collector stands at {done:,} of {wanted:,}:\n{collector.log_tail}")
            time.sleep(0.02)
    finally:
        group.close()
    return done


def _committed(group: Consumer, positions: list[TopicPartition]) -> int:
    try:
        return sum(max(0, position.offset) for position in group.committed(positions, timeout=10))
    except KafkaException:  # a broker that has just started does not know the group yet
        return 0


def main(argv: list[str]) -> int:
    """Parse the command line and measure; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m loadtest joined", description=__doc__)
    parser.add_argument("--pending", type=int, default=1_000_000, help="predictions that wait for their labels")
    parser.add_argument("--pairs", type=int, default=400_000, help="predictions and labels that are timed")
    parser.add_argument("--json", type=Path, help="write the result to this file")
    options = parser.parse_args(argv)
    if not 1 <= options.pairs <= options.pending:
        parser.error("give at least one pair, and no more pairs than pending predictions")
    with tempfile.TemporaryDirectory(prefix="trimtab-loadtest-") as name:
        broker = EmbeddedBroker(Path(name) / "broker")
        try:
            found = measure(broker.start().bootstrap_servers, Path(name), options.pending, options.pairs)
        finally:
            broker.stop()
    print(
        f"{found.pending:,} pending: {found.pairs_per_s:,.0f} predictions with their labels a second, "
        f"{found.cpu_us_per_pair:.2f} us CPU each, {found.rss_mb:.0f} MB, first commit after {found.start_s:.1f} s; "
        f"{found.examples:,} examples, {found.dead_letters} dead letters"
    )
    if options.json is not None:
        options.json.write_text(json.dumps(found._asdict(), indent=2) + "\n", encoding="utf-8")
    return 0 if found.examples == options.pairs and not found.dead_letters else 1
