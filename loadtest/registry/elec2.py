"""Elec2 served by a replica at the demo's speed, each label sent one row later: what staleness costs."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from loadtest.oracle.streams import Row, table
from loadtest.processes import Role
from trimtab import ModelFollower, Producer
from trimtab.config import load_config
from trimtab.kafka.clients import admin
from trimtab.kafka.topics import create_topics

__all__ = ["elec2"]

MODEL = "m"
FIRST = 4_531
_STEP_MS = 1_800_000
_START_MS = 831_391_200_000


def elec2(bootstrap: str, folder: Path, rate: int, tell: Callable[[str], None]) -> dict[str, Any]:
    """Accuracy over the rows after the first tenth; .8380 with no staleness at all."""
    rows = table(None)
    path = _configure(bootstrap, folder, rows)
    config = load_config(path)
    create_topics(admin(config.kafka), config.kafka)
    right = 0
    with Role("collector", path) as collector, Role("trainer", path) as trainer, Producer(config) as producer:
        for at, row in enumerate(rows[:FIRST]):
            _send(producer, at, row, None, "0", None)
            _label(producer, at, row)
        producer.flush(30)
        with ModelFollower(MODEL, config, replica=True) as follower:
            if not follower.wait_for_model(120):
                raise SystemExit(f"loadtest: no first version:\n{trainer.log_tail}\n{collector.log_tail}")
            began = time.monotonic()
            for at, row in enumerate(rows[FIRST:], FIRST):
                time.sleep(max(0.0, began + (at - FIRST) / rate - time.monotonic()))
                answer = follower.predict(row.x)
                right += answer.value == row.label
                _send(producer, at, row, answer.score, answer.value, answer.name)
                if at > FIRST:
                    _label(producer, at - 1, rows[at - 1])
                if at % 10_000 == 0:
                    tell(f"elec2: row {at:,}, accuracy {right / (at - FIRST + 1):.4f}")
            took_s = time.monotonic() - began
    count = len(rows) - FIRST
    return {"rows_per_s": count / took_s, "accuracy": right / count, "without_staleness": 0.8380}


def _configure(bootstrap: str, folder: Path, rows: list[Row]) -> Path:
    model = {
        "task": "binary",
        "mode": "online",
        "features": {name: {"type": "numeric"} for name in rows[0].x},
        "factory": {
            "pipeline": [
                {"class": "river.preprocessing:StandardScaler"},
                {
                    "class": "river.linear_model:LogisticRegression",
                    "args": {"optimizer": {"class": "river.optim:SGD", "args": {"lr": 0.05}}},
                },
            ]
        },
        "first_version_after": FIRST,
        # As the demo has it: with windows of an hour nearly each row would begin new profiles.
        "window": {"size": "7d"},
        "label_horizon": "30d",
        "race": {"candidates": ["continue"]},
    }
    # One, as the demo has for one collector: each further one makes every transaction larger.
    kafka = {"bootstrap_servers": bootstrap, "topic_prefix": "elec2.", "partitions": 1}
    path = folder / "elec2.yaml"
    settings = {"kafka": kafka, "data_dir": str(folder / "data"), "models": {MODEL: model}}
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return path


def _send(producer: Producer, at: int, row: Row, score: Any, value: Any, name: str | None) -> None:
    when = _START_MS + at * _STEP_MS
    producer.prediction(model=MODEL, id=f"r{at}", time=when, features=row.x, prediction=value, score=score, served=name)


def _label(producer: Producer, at: int, row: Row) -> None:
    producer.label(id=f"r{at}", time=_START_MS + (at + 1) * _STEP_MS, label=row.label)
