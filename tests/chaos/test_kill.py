"""Roles are killed, join and leave while events flow; the totals are those of what was sent."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.broker.running import (
    FIRST_VERSION,
    ROLES,
    Results,
    Row,
    play,
    rows,
    start_role,
    stop_roles,
    wait_until,
    write_config,
)
from tests.chaos.oracle import counted, examples_once, learnt_once, predictions_once, versions_once
from trimtab.config import KafkaConfig, load_config
from trimtab.roles.supervisor import Supervisor

MODELS = {"credit": "online", "shop": "frozen"}
RATE = 300.0
SECONDS = 12
STREAM = FIRST_VERSION + int(RATE * SECONDS)
SETTLE_S = 45.0


def problems(results: Results, stream: list[Row]) -> list[str]:
    """All that the oracles find wrong, now."""
    log = [(model, example.id) for model, _, example in results.examples()]
    return [
        *examples_once({(model, row.id) for model in MODELS for row in stream}, log),
        *predictions_once(dict.fromkeys(MODELS, len(stream)), results.metrics(), labelled=len(stream)),
        *learnt_once({model: results.learnt(model) for model in MODELS}, log),
        *versions_once(results.version_keys()),
        *[f"dead letter: {letter['reason']}: {letter['detail']}" for letter in results.dead_letters()],
    ]


def settled(results: Results, stream: list[Row]) -> list[str]:
    """What is still wrong when nothing more can come."""
    wait_until(lambda: not problems(results, stream), SETTLE_S, pause_s=1.0)
    time.sleep(1.0)  # what is doubled may come late
    return problems(results, stream)[:20]


def seen(results: Results) -> str:
    """What helps to find out what is missing, and whether it was only slow."""
    metrics = results.metrics()
    told = {
        name: [
            (metric["model"], metric["version"], metric["start_ms"], metric["value"])
            for metric in metrics
            if metric["statistic"] == name and not metric["segment"] and metric["feature"] is None
        ]
        for name in ("events", "labelled", "late_events", "late_labelled")
    }
    totals = {name: dict(counted(metrics, (name,))) for name in told}
    return f"told {totals}, profiled {results.profiled()}, windows {told}"


@pytest.mark.timeout(240)
def test_each_role_is_killed_once(kafka: KafkaConfig, tmp_path: Path, chaos_seed: int) -> None:
    rng = random.Random(chaos_seed)
    path = write_config(kafka, tmp_path, MODELS)
    config, results = load_config(path), Results(load_config(path))
    stream = rows(STREAM, chaos_seed, turn=STREAM // 2)
    moments = sorted(rng.sample(range(int(RATE), int(RATE * (SECONDS - 2))), len(ROLES)))
    kills = dict(zip(moments, rng.sample(ROLES, len(ROLES)), strict=True))
    with Supervisor(config, path, {"dashboard": 0}) as supervisor:

        def kill(i: int) -> None:
            if i in kills:
                # A kill right after another may find its process still starting.
                pid = supervisor.pids().get(f"{kills[i]}-1")
                assert pid is not None, f"{kills[i]} is not alive"
                os.kill(pid, signal.SIGKILL)

        play(config, stream, RATE, kill)
        found = settled(results, stream)
        restarts = supervisor.restarts()
    assert found == [], f"{found}; {seen(results)}; seed {chaos_seed}, kills {kills}, restarts {restarts}"
    assert {name: count for name, count in restarts.items() if count} == {f"{role}-1": 1 for role in ROLES}
    assert len(results.version_keys()) >= len(MODELS)


@pytest.mark.timeout(240)
def test_a_second_process_joins_and_the_first_leaves(kafka: KafkaConfig, tmp_path: Path) -> None:
    path = write_config(kafka, tmp_path, MODELS)
    config, results = load_config(path), Results(load_config(path))
    stream = rows(STREAM, 99, turn=STREAM // 2)
    first = [start_role(path, role, "1") for role in ROLES]
    second: list[subprocess.Popen[bytes]] = []

    def change(i: int) -> None:
        if i == int(RATE * 3):
            second.extend(start_role(path, role, "2") for role in ROLES)
        if i == int(RATE * 8):
            for process in first:
                process.terminate()

    try:
        play(config, stream, RATE, change)
        found = settled(results, stream)
        assert [process.wait(15) for process in first] == [0, 0, 0], "a role did not stop in order"
        assert [process.poll() for process in second] == [None] * 3
    finally:
        stop_roles([*first, *second])
    assert found == [], f"{found}; {seen(results)}"
