"""Errors jump, and the sequential detectors' alerts come exactly once though the trainer is killed in the middle."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.broker.running import Results, start_role, stop_roles, wait_until
from trimtab import Producer
from trimtab.cli.main import run
from trimtab.config import Config, KafkaConfig, load_config
from trimtab.events.examples import Examples
from trimtab.sequential.watch import Sequential, alarm_record

MODEL = "credit"
COUNT, JUMP, BACK = 2_400, 900, 1_500
START_MS = 1_700_000_000_000
DETECTORS = [
    {"detector": "adwin", "quiet": 300},
    {"detector": "cusum", "quiet": 300},
    {"detector": "page_hinkley", "on": "score", "args": {"threshold": 20}, "quiet": 400},
]


def write_config(kafka: KafkaConfig, folder: Path) -> Path:
    model = {
        "task": "binary",
        "features": {"x": {"type": "numeric"}},
        "factory": {"class": "river.linear_model:LogisticRegression"},
        "sequential": DETECTORS,
        "triggers": {"drift": False, "performance": False},
    }
    where = kafka.model_dump(include={"bootstrap_servers", "topic_prefix", "partitions"})
    path = folder / "trimtab.yaml"
    settings = {"kafka": where, "data_dir": str(folder / "data"), "models": {MODEL: model}}
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return path


def send(config: Config, first: int, last: int) -> None:
    """Predictions with labels: wrong one time in ten, and one in two between jump and way back."""
    draw = random.Random(first)
    with Producer(config) as producer:
        for i in range(first, last):
            changed = JUMP <= i < BACK
            label, wrong = draw.random() < 0.5, draw.random() < (0.5 if changed else 0.1)
            producer.prediction(
                model=MODEL,
                id=f"e{i}",
                time=START_MS + 1_000 * i,
                features={"x": draw.random()},
                prediction=label != wrong,
                score=draw.random() / 2 + changed / 2,
            )
            producer.label(id=f"e{i}", time=START_MS + 1_000 * i, label=label)
        assert producer.flush(30) == 0


def alerts(results: Results) -> list[dict[str, Any]]:
    return [alert for alert in results.json(results.topics.alerts) if alert["kind"] == "sequential"]


def told(records: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """What must be the same, without the wall clock."""
    return [
        (a["incident"], a["state"], a["detector"], a["feature"], a["event_time_ms"], a["version"], str(a["evidence"]))
        for a in records
    ]


def offline(config: Config, results: Results) -> list[dict[str, Any]]:
    """What the detectors say of the log in one go."""
    spec, sequential, found = config.models[MODEL], Sequential(config.models[MODEL]), []
    log = results.examples()
    for position, (_, offset, example) in enumerate(log):
        for alarm in sequential.step(Examples.of([example], spec), [offset], position):
            found.append(alarm_record(MODEL, alarm, 0, 0))
    return found


@pytest.mark.timeout(180)
@pytest.mark.parametrize("kafka", [1], indirect=True)
def test_alerts_come_once_though_the_trainer_is_killed(kafka: KafkaConfig, tmp_path: Path) -> None:
    path = write_config(kafka, tmp_path)
    config = load_config(path)
    results = Results(config)
    processes = [start_role(path, "collector"), start_role(path, "trainer")]
    try:
        send(config, 0, JUMP)
        assert wait_until(lambda: results.learnt(MODEL) >= JUMP // 2, 60), "nothing is learnt"
        # In the middle of the jump: what it detected may be committed or not.
        send(config, JUMP, BACK)
        assert wait_until(lambda: results.learnt(MODEL) > JUMP, 60)
        processes[-1].kill()
        processes[-1].wait()
        send(config, BACK, COUNT)
        assert wait_until(lambda: len(results.examples()) == COUNT, 60)
        processes.append(start_role(path, "trainer", "2"))
        assert wait_until(lambda: results.learnt(MODEL) == COUNT, 60)
    finally:
        stop_roles(processes)
    found, expected = alerts(results), offline(config, results)
    assert told(found) == told(expected)
    fired = [alert for alert in found if alert["state"] == "firing"]
    assert {(alert["detector"], alert["feature"]) for alert in fired} >= {
        ("adwin", "error"),
        ("cusum", "error"),
        ("page_hinkley", "score"),
    }
    assert len({alert["incident"] for alert in fired}) == len(fired)
    assert any(alert["state"] == "resolved" for alert in found)

    # A backtest of the same log says the same.
    out = tmp_path / "o.json"
    assert run(["backtest", "--from-topic", "--since", "1h", "--json", str(out), "--config", str(path)]) == 0
    played = json.loads(out.read_text(encoding="utf-8"))["alerts"]
    assert [(a["statistic"], a["effect"], a["feature"]) for a in played if a["kind"] == "sequential"] == [
        (a["detector"], a["evidence"]["statistics"][a["detector"]], a["feature"]) for a in fired
    ]
