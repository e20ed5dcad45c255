"""Runs roles as processes, streams made-up events through them, and reads what came of it."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import yaml
from confluent_kafka import KafkaException, TopicPartition

from trimtab import ModelFollower, Producer
from trimtab.config import Config, KafkaConfig
from trimtab.errors import KafkaError, RegistryError
from trimtab.events import Example, decode
from trimtab.kafka.clients import consumer
from trimtab.kafka.reading import read_topics
from trimtab.kafka.tables import read_table
from trimtab.kafka.topics import Topics, partition_of
from trimtab.registry.fetch import ChunkReader
from trimtab.registry.records import SnapshotRef
from trimtab.registry.snapshot import load
from trimtab.training import TrainerState, read_batch
from trimtab.training.checkpoint import decode_state

ROLES = ("collector", "monitor", "trainer")
FIRST_VERSION = 200
HORIZON_MS = 120_000
ROW_MS = 1_000
START_MS = 1_700_000_040_000
MAX_BYTES = 50_000_000


def kafka_settings(kafka: KafkaConfig) -> dict[str, Any]:
    """The section ``kafka`` of a trimtab.yaml."""
    return {
        "bootstrap_servers": kafka.bootstrap_servers,
        "topic_prefix": kafka.topic_prefix,
        "partitions": kafka.partitions,
    }


def write_config(kafka: KafkaConfig, folder: Path, modes: dict[str, str]) -> Path:
    """A trimtab.yaml with one small model for each name and mode."""
    model = {
        "task": "binary",
        "features": {"x": {"type": "numeric"}, "y": {"type": "numeric"}},
        "window": {"size": "60s", "idle_timeout": "3s", "min_count": 20},
        "label_horizon": HORIZON_MS,
        "triggers": {"drift": True, "performance": True, "schedule": "10m"},
        "factory": {"class": "river.linear_model:LogisticRegression"},
        "first_version_after": FIRST_VERSION,
        "reference_examples": 500,
        "race": {"min_examples": 100, "max_examples": 400, "alpha": 0.05, "reset_examples": 300},
        "publish": {"every": "10ms"},
    }
    settings = {
        "kafka": kafka_settings(kafka),
        "data_dir": str(folder / "data"),
        "models": {name: model | {"mode": mode} for name, mode in modes.items()},
    }
    path = folder / "trimtab.yaml"
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return path


def start_role(path: Path, role: str, instance: str = "1") -> subprocess.Popen[bytes]:
    """Start one role process; its log lies beside the configuration."""
    command = [sys.executable, "-m", "trimtab", "run", role, "--instance", instance, "--config", str(path)]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("TRIMTAB_")}
    with (path.parent / f"{role}-{instance}.log").open("ab") as out:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=environ, cwd=path.parent)


def stop_roles(processes: Sequence[subprocess.Popen[bytes]], deadline_s: float = 15.0) -> None:
    """SIGTERM, and SIGKILL to what does not stop."""
    for process in processes:
        process.terminate()
    for process in processes:
        try:
            process.wait(deadline_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def running(path: Path, roles: Sequence[str] = ROLES) -> Iterator[list[subprocess.Popen[bytes]]]:
    """One process of each role."""
    processes = [start_role(path, role) for role in roles]
    try:
        yield processes
    finally:
        stop_roles(processes)


def wait_until(condition: Callable[[], bool], timeout_s: float, pause_s: float = 0.3) -> bool:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(pause_s)
    return condition()


class Row(NamedTuple):
    """One row of the stream: the label follows x, and from ``turn`` on its opposite."""

    id: str
    time_ms: int
    features: dict[str, float | None]
    label: bool


def rows(count: int, seed: int, turn: int) -> list[Row]:
    rng = random.Random(seed)
    made = []
    for i in range(count):
        features = {"x": rng.gauss(0, 1), "y": rng.gauss(0, 1)}
        label = (features["x"] + rng.gauss(0, 0.3) > 0) != (i >= turn)
        made.append(Row(f"e{seed}-{i}", START_MS + i * ROW_MS, dict(features), label))
    return made


def play(config: Config, stream: list[Row], rate: float, on_row: Callable[[int], None] = lambda _: None) -> None:
    """Stream with the client alone: every model predicts each row, and its label comes one row later."""
    followers = {name: ModelFollower(name, config).start() for name in config.models}
    try:
        with Producer(config) as producer:
            for i, row in enumerate(stream[:FIRST_VERSION]):
                _row(producer, followers, stream, i, row)
            producer.label(id=row.id, time=row.time_ms, label=row.label)
            assert producer.flush(30) == 0
            assert all(follower.wait_for_model(60) for follower in followers.values()), "no first version"
            began = time.monotonic()
            for i, row in enumerate(stream[FIRST_VERSION:]):
                time.sleep(max(0.0, began + i / rate - time.monotonic()))
                on_row(i)
                _row(producer, followers, stream, FIRST_VERSION + i, row)
            producer.label(id=row.id, time=row.time_ms, label=row.label)
            assert producer.flush(30) == 0
            assert producer.stats.dropped == {}
    finally:
        for follower in followers.values():
            follower.close()


def _row(producer: Producer, followers: dict[str, ModelFollower], stream: list[Row], i: int, row: Row) -> None:
    apart = i % 5 == 0
    if apart:
        producer.feature(id=row.id, time=row.time_ms, features=row.features)
    for name, follower in followers.items():
        answer = follower.predict(row.features)
        producer.prediction(
            model=name,
            id=row.id,
            time=row.time_ms,
            features=None if apart else row.features,
            prediction=answer.value,
            score=answer.score,
            served=answer.name,
        )
    if i and i != FIRST_VERSION:
        before = stream[i - 1]
        producer.label(id=before.id, time=row.time_ms, label=before.label)


def acknowledged(kafka: KafkaConfig, role: str, topic: str) -> int:
    """Sum of the offsets up to which a role's group has acknowledged a topic."""
    group = consumer(kafka, "test-acknowledged", group_id=f"{kafka.topic_prefix}{role}")
    try:
        places = [TopicPartition(topic, number) for number in range(kafka.partitions)]
        return sum(max(0, place.offset) for place in group.committed(places, timeout=10))
    except KafkaException:  # the broker does not know the group yet
        return 0
    finally:
        group.close()


class Results:
    """What the roles have written so far, committed records only."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.topics = Topics(config.kafka.topic_prefix)

    def json(self, topic: str) -> list[dict[str, Any]]:
        return [orjson.loads(message.value()) for message in read_topics(self.config.kafka, [topic])]

    def metrics(self) -> list[dict[str, Any]]:
        return self.json(self.topics.metrics)

    def dead_letters(self) -> list[dict[str, Any]]:
        return self.json(self.topics.dead_letters)

    def examples(self) -> list[tuple[str, int, Example]]:
        """Model, offset of its record in the log, example."""
        found = []
        for message in read_topics(self.config.kafka, [self.topics.examples]):
            name = message.key().decode()
            batch = read_batch(message.offset(), message.value())
            found += [(name, batch.offset, example) for example in batch.examples]
        return found

    def profiled(self) -> Counter[str]:
        """Predictions in the profiles, by model."""
        counts: Counter[str] = Counter()
        for message in read_topics(self.config.kafka, [self.topics.profiles]):
            record = decode("profile", message.value())
            counts[record["model"]] += record["counts"].get("predictions", 0)
        return counts

    def version_keys(self) -> list[str]:
        """Keys of the manifests, as often as they were written."""
        keys = (message.key().decode() for message in read_topics(self.config.kafka, [self.topics.registry]))
        return [key for key in keys if key.split("/")[1:2] == ["versions"]]

    def checkpoint(self, model: str) -> TrainerState | None:
        """The trainer's newest checkpoint of a model."""
        home = partition_of(model, self.config.kafka.partitions)
        value = read_table(self.config.kafka, self.topics.state, home).get(f"trainer/{model}")
        if value is None:
            return None
        reader = ChunkReader(self.config.kafka, "test-checkpoint")
        try:
            data = reader.read(SnapshotRef.from_wire(orjson.loads(value)["checkpoint"]))
        finally:
            reader.close()
        return decode_state(data, lambda part: load(part, max_bytes=MAX_BYTES))

    def learnt(self, model: str) -> int:
        """How many examples the newest checkpoint has learnt; 0 when it was replaced while it was read."""
        with suppress(KafkaError, RegistryError):
            state = self.checkpoint(model)
            return state.count if state is not None else 0
        return 0
