"""Candidates that learn far back, on a real Kafka; that they survive kills is tested in ``tests/chaos``."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from tests.broker.running import Results, start_role, stop_roles, wait_until
from tests.broker.test_registry_orders import written
from tests.broker.training import write_examples
from trimtab.config import Config, KafkaConfig
from trimtab.events import Example
from trimtab.kafka.topics import Topics, partition_of

pytestmark = pytest.mark.timeout(240)

MODEL = "credit"
TREE = {"class": "river.tree:HoeffdingTreeClassifier", "args": {"grace_period": 50}}
ROWS, TURN = 9_000, 6_500


def configured(kafka: KafkaConfig, folder: Path, **more: Any) -> Config:
    spec = {
        "task": "binary",
        "mode": "frozen",
        "features": {"a": {"type": "numeric"}, "b": {"type": "numeric"}},
        "factory": {"class": "river.linear_model:LogisticRegression"},
        "first_version_after": 200,
        "reference_examples": 300,
        "triggers": {"every_examples": 6_600},
        "race": {
            "candidates": [
                "continue",
                {"name": "whole", "from": "beginning", "factory": TREE},
                {"name": "fading", "from": 3_000, "half_life": 400},
            ],
            "min_examples": 50,
            "max_examples": 1_000,
            "replay_per_second": 2_000,
        },
        **more,
    }
    return Config.model_validate({"kafka": kafka, "data_dir": folder / "data", "models": {MODEL: spec}})


def stream() -> list[Example]:
    rng, found = random.Random(5), []
    for i in range(ROWS):
        x = {"a": rng.gauss(0, 1), "b": rng.gauss(0, 1)}
        label = "1" if (x["a"] > 0) == (i < TURN) else "0"
        found.append(Example(str(i), i * 1_000, i * 1_000, dict(x), label, None, None, 1, None, i * 10))
    return found


def test_examples_that_are_gone_leave_their_candidates_out(kafka: KafkaConfig, tmp_path: Path) -> None:
    from confluent_kafka import TopicPartition

    from trimtab.kafka.clients import admin

    config = configured(kafka, tmp_path)
    path = written(config, tmp_path / "a")
    last = write_examples(config, MODEL, stream()[:6_700])
    home, topic = partition_of(MODEL, kafka.partitions), Topics(kafka.topic_prefix).examples
    results, trainer = Results(config), start_role(path, "trainer")
    try:
        assert wait_until(lambda: results.learnt(MODEL) == 6_700, 90)
        client = admin(kafka)
        for future in client.delete_records([TopicPartition(topic, home, 5)]).values():
            future.result(10)
        write_examples(config, MODEL, stream()[6_700:], seed=1)
        assert wait_until(lambda: results.learnt(MODEL) == ROWS, 90)
    finally:
        stop_roles([trainer])
    refused = [e for e in results.json(results.topics.audit) if e["action"] == "refused"]
    assert last > 5
    assert "begins at offset 5; 0 to 4 are gone" in refused[0]["details"]["reason"]
