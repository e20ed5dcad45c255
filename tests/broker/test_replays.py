"""Candidates that learn far back in a process of their own, killed again and again: the same race as without kills."""

from __future__ import annotations

import os
import random
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.broker.running import Results, start_role, stop_roles, wait_until
from tests.broker.test_registry_orders import manifests, verdict, written
from tests.broker.training import write_examples
from tests.unit.training.test_preparing import learnt
from trimtab.config import Config, KafkaConfig
from trimtab.events import Example
from trimtab.kafka.log import read_range
from trimtab.kafka.topics import Topics, partition_of
from trimtab.registry import state_digest
from trimtab.training import Batch, Note, Promotion, Trainer, read_batch

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


def batches(config: Config, last: int) -> list[Batch]:
    topic, home = Topics(config.kafka.topic_prefix).examples, partition_of(MODEL, config.kafka.partitions)
    return [read_batch(m.offset(), m.value() or b"") for m in read_range(config.kafka, topic, home, 0, last)]


def undisturbed(config: Config, log: list[Batch]) -> list[tuple[str, Any]]:
    """What a trainer decides that nobody kills."""
    trainer, found = Trainer(MODEL, config.models[MODEL]), []
    for batch in log:
        decisions = []
        if trainer.awaited is not None:
            decisions += trainer.on_replayed(learnt(trainer.config, trainer.awaited, log).lineages)
        for one in decisions + trainer.on_batch(batch):
            found.append((one.action, one.version) if isinstance(one, Note) else ("promoted", one.version))  # type: ignore[union-attr]
            if isinstance(one, Promotion):
                found[-1] = ("promoted", (one.version, state_digest(one.model)))
    return found


def workers(parent: int) -> list[int]:
    """Processes that replay for a trainer."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            own = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(own[1]) == parent and b"replay_worker" in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
    return found


def test_a_race_with_replays_is_the_same_however_often_somebody_is_killed(kafka: KafkaConfig, tmp_path: Path) -> None:
    config, chance = configured(kafka, tmp_path), random.Random(3)
    path = written(config, tmp_path / "a")
    last = write_examples(config, MODEL, stream())
    expected = undisturbed(config, batches(config, last))
    assert {action for action, _ in expected} >= {"candidates_replay", "race_started", "race_ended", "promoted"}
    results, trainer = Results(config), start_role(path, "trainer")
    try:
        for kill in range(6):
            time.sleep(0.5 + 2.5 * chance.random())
            replaying = workers(trainer.pid)
            if kill % 2 and replaying:
                os.kill(replaying[0], signal.SIGKILL)
                continue
            os.kill(trainer.pid, signal.SIGKILL)
            trainer.wait()
            trainer = start_role(path, "trainer")
        assert wait_until(lambda: results.learnt(MODEL) == ROWS, 90)
    finally:
        stop_roles([trainer])
    entries = results.json(results.topics.audit)
    made = {version: one["state_digest"] for version, one in manifests(config).items()}
    found = [
        (e["action"], (e["version"], made[e["version"]]) if e["action"] == "promoted" else e["version"])
        for e in entries
    ]
    assert found == expected
    assert manifests(config)[2]["candidate"] in ("whole", "fading")
    assert verdict(config, 2) == ("reproduced", None)
    assert any(one["statistic"] == "replayed_share" for one in results.metrics())
    # What a replay wrote goes when its race has begun.
    assert not list((tmp_path / "data" / "replays").glob("*"))


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
