"""The trainer and its replays are killed at any time, through replays, races, a canary and promotions.

What comes of it, versions, digests and the audit log, is what a trainer decides that nobody kills.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.broker.running import Results, start_role, stop_roles, wait_until
from tests.broker.test_registry_orders import manifests, verdict, written
from tests.broker.test_replays import MODEL, ROWS, configured, stream
from tests.broker.training import write_examples
from tests.unit.training.test_preparing import learnt
from trimtab.config import Config, KafkaConfig
from trimtab.kafka.log import read_range
from trimtab.kafka.topics import Topics, partition_of
from trimtab.registry import state_digest
from trimtab.registry.audit import Entry, check
from trimtab.roles.trainer_records import audit_of
from trimtab.training import Batch, Canary, Decision, Promotion, Trainer, read_batch

KILLS_A_ROUND = 5
PIECE = 600
CANARY = {"steps": [0.2, 0.6], "examples": 100}


def batches(config: Config, last: int) -> list[Batch]:
    topic, home = Topics(config.kafka.topic_prefix).examples, partition_of(MODEL, config.kafka.partitions)
    return [read_batch(m.offset(), m.value() or b"") for m in read_range(config.kafka, topic, home, 0, last)]


def undisturbed(config: Config, log: list[Batch]) -> tuple[list[dict[str, Any]], dict[int, str]]:
    """The audit entries of a trainer that nobody kills, and the digest of each version."""
    trainer, entries, digests = Trainer(MODEL, config.models[MODEL]), list[dict[str, Any]](), dict[int, str]()
    for batch in log:
        decisions = []
        if trainer.awaited is not None:
            decisions += trainer.on_replayed(learnt(trainer.config, trainer.awaited, log).lineages)
            entries += [_entry(trainer, one) for one in decisions]
            decisions = []
        for one in trainer.on_batch(batch):
            if isinstance(one, Promotion):
                digests[one.version] = state_digest(one.model)
            if not isinstance(one, Canary) or one.action:
                entries.append(_entry(trainer, one))
    return entries, digests


def _entry(trainer: Trainer, decision: Decision) -> dict[str, Any]:
    state = trainer.state
    return audit_of(MODEL, trainer.config, decision, state.offset, state.event_time_ms, 0)


def workers(parent: int) -> list[int]:
    """Processes that replay for a trainer."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            own = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(own[1]) == parent and b"replay_worker" in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
    return found


@pytest.mark.timeout(240)
def test_races_are_the_same_however_often_somebody_is_killed(
    kafka: KafkaConfig, tmp_path: Path, chaos_seed: int
) -> None:
    config, chance = (
        configured(kafka, tmp_path, triggers={"every_examples": 3_000}, canary=CANARY),
        random.Random(chaos_seed),
    )
    path, results, rows = written(config, tmp_path / "a"), Results(config), stream()
    trainer, kills = start_role(path, "trainer"), KILLS_A_ROUND
    try:
        for at in range(0, ROWS, PIECE):
            last = write_examples(config, MODEL, rows[at : at + PIECE], seed=at)
            # The replays begin with the first third; races, canary and promotion are after the turn.
            if kills and chance.random() < 0.5:
                kills -= 1
                time.sleep(3.0 * chance.random())
                trainer = killed(trainer, path, chance)
        assert wait_until(lambda: results.learnt(MODEL) == ROWS, 90)
    finally:
        stop_roles([trainer])
    expected, digests = undisturbed(config, batches(config, last))
    assert {"candidates_replay", "race_started", "race_ended", "canary_step", "promoted"} <= {
        e["action"] for e in expected
    }
    entries = results.json(results.topics.audit)
    own = ("time_ms", "writer", "sequence", "previous_sha256", "sha256")
    assert [{name: e[name] for name in e if name not in own} for e in entries] == [
        {name: e[name] for name in e if name not in own} for e in expected
    ]
    assert list(check(Entry(0, at, entry) for at, entry in enumerate(entries))) == []
    assert {version: one["state_digest"] for version, one in manifests(config).items()} == digests
    assert max(digests) >= 2
    assert verdict(config, 2) == ("reproduced", None)
    assert any(one["statistic"] == "replayed_share" for one in results.metrics())
    # What a replay wrote goes when its race has begun.
    assert not list((tmp_path / "data" / "replays").glob("*"))


def killed(trainer: subprocess.Popen[bytes], path: Path, chance: random.Random) -> subprocess.Popen[bytes]:
    """The trainer after a kill of its replay or of itself."""
    replaying = workers(trainer.pid)
    if replaying and chance.random() < 0.5:
        os.kill(replaying[0], signal.SIGKILL)
        return trainer
    os.kill(trainer.pid, signal.SIGKILL)
    trainer.wait()
    return start_role(path, "trainer")
