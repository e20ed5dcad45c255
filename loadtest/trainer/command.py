"""``python -m loadtest trainer``: the trainer over ``examples`` beside the bare River loop of the same model.

The loop predicts and learns rows that lie in memory. The trainer, a process of its own, reads the same rows from
Kafka, learns, writes checkpoints and commits; it is timed from its first commit to its last. In mode ``online`` it
predicts each row first, as the loop does, and publishes its state ten times a second; in mode ``frozen`` it does so
only while a race or a probation asks for it, which is not the case here.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import yaml
from confluent_kafka import Consumer, KafkaException, TopicPartition

from loadtest.peers import topics
from loadtest.peers.formats import Record
from loadtest.processes import Role
from trimtab.config import Config, load_config
from trimtab.events import Example
from trimtab.events.examples import Examples, encode_examples
from trimtab.kafka.clients import admin, consumer
from trimtab.kafka.embedded import EmbeddedBroker
from trimtab.kafka.topics import Topics, create_topics, partition_of
from trimtab.training.factory import build

__all__ = ["FACTORIES", "Figures", "main"]

MODEL = "load"
ROWS = 1_000
BATCH = 500
FEATURES = tuple(f"f{number}" for number in range(10))
START_MS = 1_700_000_000_000
FACTORIES: dict[str, Any] = {
    "logistic": {
        "pipeline": [
            {"class": "river.preprocessing:StandardScaler"},
            {"class": "river.linear_model:LogisticRegression"},
        ]
    },
    "tree": {"class": "river.tree:HoeffdingTreeClassifier"},
    "forest": {"class": "river.forest:ARFClassifier", "args": {"n_models": 3, "seed": 1}},
}
MODES = ("frozen", "online")
STALL_S = 60.0


class Figures(NamedTuple):
    """Examples a second, and the trainer's CPU time for one."""

    model: str
    mode: str
    bare_per_s: float
    trainer_per_s: float
    cpu_us: float

    @property
    def ratio(self) -> float:
        """The trainer's speed as a share of the loop's."""
        return self.trainer_per_s / self.bare_per_s

    @property
    def line(self) -> str:
        """For people."""
        speeds = f"bare River {self.bare_per_s:,.0f}/s; the trainer {self.trainer_per_s:,.0f}/s ({self.ratio:.2f})"
        return f"{self.model:9} {self.mode:7} {speeds}, {self.cpu_us:.1f} us CPU each"


def rows(count: int) -> list[Example]:
    """Examples whose label depends on the first feature."""
    values = np.random.default_rng(0).normal(size=(ROWS, len(FEATURES))).tolist()
    found = []
    for number in range(count):
        row, at = dict(zip(FEATURES, values[number % ROWS], strict=True)), START_MS + number
        label = "1" if row["f0"] > 0 else "0"
        found.append(Example(f"{number:x}", at, at + 1, row, label, "1", 0.5, 0, None, at + 1))
    return found


def bare(config: Config, examples: list[Example]) -> float:
    """Examples a second of the loop that everyone writes."""
    model = build(config.models[MODEL].factory)
    pairs = [(example.features, example.label == "1") for example in examples]
    right, began = 0, time.perf_counter()
    for x, y in pairs:
        said = model.predict_proba_one(x)
        right += (said.get(True, 0.0) > 0.5) == y
        model.learn_one(x, y)
    return len(pairs) / (time.perf_counter() - began)


def trained(config: Config, path: Path, count: int) -> tuple[float, float]:
    """Examples a second of the trainer, and microseconds of CPU time for each."""
    batches = -(-count // BATCH)
    with Role("trainer", path) as trainer:
        first = _wait(config, 1, trainer)
        began, cpu_s = time.perf_counter(), trainer.cpu_s
        _wait(config, batches, trainer)
        seconds, cpu_s = time.perf_counter() - began, trainer.cpu_s - cpu_s
    done = count - first * BATCH
    if done <= 0:
        raise SystemExit("loadtest: all examples came in one commit: there is nothing to time; give more --examples")
    return done / seconds, 1e6 * cpu_s / done


def measure(bootstrap: str, folder: Path, name: str, mode: str, count: int) -> Figures:
    """One model; the bare loop runs before and after."""
    config, path = _configure(bootstrap, folder, name, mode)
    create_topics(admin(config.kafka), config.kafka)
    examples = rows(count)
    partition = partition_of(MODEL, config.kafka.partitions)
    records = (
        Record(partition, MODEL.encode(), encode_examples(MODEL, Examples.of(chunk, config.models[MODEL])))
        for chunk in (examples[first : first + BATCH] for first in range(0, count, BATCH))
    )
    topics.fill(config.kafka, Topics(config.kafka.topic_prefix).examples, records)
    before = bare(config, examples)
    per_s, cpu_us = trained(config, path, count)
    return Figures(name, mode, statistics.mean((before, bare(config, examples))), per_s, cpu_us)


def _configure(bootstrap: str, folder: Path, name: str, mode: str) -> tuple[Config, Path]:
    model = {
        "task": "binary",
        "features": {feature: {"type": "numeric"} for feature in FEATURES},
        "factory": FACTORIES[name],
        "first_version_after": BATCH,
        "mode": mode,
    }
    kafka = {"bootstrap_servers": bootstrap, "topic_prefix": f"trainer-{name}-{mode}.", "partitions": 1}
    path = folder / f"{name}-{mode}.yaml"
    settings = {"kafka": kafka, "data_dir": str(folder / f"data-{name}-{mode}"), "models": {MODEL: model}}
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return load_config(path), path


def _wait(config: Config, wanted: int, trainer: Role) -> int:
    """Wait until so many records are committed; returns how many are."""
    group = consumer(config.kafka, "loadtest-commits", group_id=f"{config.kafka.topic_prefix}trainer")
    place = [TopicPartition(Topics(config.kafka.topic_prefix).examples, 0)]
    last, deadline = -1, time.monotonic() + STALL_S
    try:
        while (done := _committed(group, place)) < wanted:
            trainer.check()
            if done > last:
                last, deadline = done, time.monotonic() + STALL_S
            if time.monotonic() > deadline:
                raise SystemExit(f"loadtest: the trainer stands at {done:,} of {wanted:,}:\n{trainer.log_tail}")
            time.sleep(0.02)
    finally:
        group.close()
    return done


def _committed(group: Consumer, place: list[TopicPartition]) -> int:
    try:
        return max(0, int(group.committed(place, timeout=10)[0].offset))
    except KafkaException:  # a broker that has just started does not know the group yet
        return 0


def main(argv: list[str]) -> int:
    """Parse the command line and measure; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m loadtest trainer", description=__doc__)
    parser.add_argument("--examples", type=int, default=300_000, help="labelled examples for each model")
    parser.add_argument("--only", default=",".join(FACTORIES), help=f"some of {', '.join(FACTORIES)}")
    parser.add_argument("--json", type=Path, help="write the result to this file")
    options = parser.parse_args(argv)
    wanted = options.only.split(",")
    if options.examples < BATCH or not set(wanted) <= set(FACTORIES):
        parser.error(f"give at least {BATCH} examples, and models among {', '.join(FACTORIES)}")
    found: list[Figures] = []
    with tempfile.TemporaryDirectory(prefix="trimtab-loadtest-") as name:
        broker = EmbeddedBroker(Path(name) / "broker")
        try:
            bootstrap = broker.start().bootstrap_servers
            for model, mode in product(wanted, MODES):
                found.append(measure(bootstrap, Path(name), model, mode, options.examples))
                print(found[-1].line, flush=True)
        finally:
            broker.stop()
    if options.json is not None:
        result = {f"{one.model}_{one.mode}": one._asdict() | {"ratio": one.ratio} for one in found}
        options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return 0
