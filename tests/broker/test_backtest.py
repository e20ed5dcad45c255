"""What a backtest says of a table is what the roles say of the same rows as events, number for number."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
import yaml

from tests.broker.publishing import Trainer, trained
from tests.broker.running import Results, running, wait_until
from trimtab.cli.main import run
from trimtab.config import KafkaConfig, load_config
from trimtab.kafka.clients import producer
from trimtab.kafka.topics import Topics, partition_of

START_MS, STEP_MS = 1_700_000_000_000, 1_000
BEFORE, ROWS, SHIFT = 1_000, 3_000, 2_000


def configure(kafka: KafkaConfig, folder: Path) -> Path:
    model = {
        "task": "binary",
        "features": {"x": {"type": "numeric"}, "c": {"type": "categorical"}},
        "columns": {"label": "up", "prediction": "p", "time": "t"},
        "labels": False,
        "window": {"size": "250s", "idle_timeout": "2s", "min_count": 50},
        "factory": {"class": "river.linear_model:LogisticRegression"},
    }
    where = {"bootstrap_servers": kafka.bootstrap_servers, "topic_prefix": kafka.topic_prefix, "partitions": 3}
    path = folder / "trimtab.yaml"
    settings = {"kafka": where, "data_dir": str(folder / "data"), "models": {"credit": model}}
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return path


def rows() -> list[dict[str, Any]]:
    draw = np.random.default_rng(8)
    return [
        {
            "t": START_MS + row * STEP_MS,
            "x": round(float(draw.normal()) + (row >= SHIFT), 6),
            "c": "abc"[int(draw.integers(3))],
            "up": row % 2,
            "p": int(draw.integers(2)),
        }
        for row in range(ROWS)
    ]


def write(path: Path, some: list[dict[str, Any]]) -> Path:
    lines = [",".join(some[0]), *(",".join(str(value) for value in row.values()) for row in some)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.mark.timeout(180)
def test_live_says_what_a_backtest_says(kafka: KafkaConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, table = configure(kafka, tmp_path), rows()
    config, topics = load_config(path), Topics(kafka.topic_prefix)
    before, after = write(tmp_path / "before.csv", table[:BEFORE]), write(tmp_path / "after.csv", table[BEFORE:])
    Trainer(kafka).version(1, trained(True))
    assert run(["reference", "show", "credit", "--config", str(path)]) == 0
    assert "credit@1 has no reference" in capsys.readouterr().out
    assert run(["reference", "set", "credit", str(before), "--config", str(path), "--actor", "ann"]) == 0
    assert run(["reference", "show", "credit", "--config", str(path)]) == 0
    assert "x: 1,000 values, 0.0 % missing" in capsys.readouterr().out
    assert run(["reference", "set", "credit", str(before), "--version", "7", "--config", str(path)]) == 2
    results = Results(config)
    assert [(e["action"], e["actor"]) for e in results.json(topics.audit)] == [("reference_set", "ann")]
    sender = producer(kafka, "service")
    for number, row in enumerate(table[BEFORE:]):
        event = {
            "id": f"e{number}",
            "model": "credit",
            "version": "credit@1",
            "time": row["t"],
            "features": {"x": row["x"], "c": row["c"]},
            "prediction": row["p"],
        }
        key = event["id"].encode()
        sender.produce(topics.predictions, orjson.dumps(event), key, partition_of(event["id"], 3))
    assert sender.flush(20) == 0

    def metrics() -> list[dict[str, Any]]:
        return [m for m in results.json(topics.metrics) if m["statistic"] == "events"]

    with running(path, ["collector", "monitor"]):
        assert wait_until(lambda: sum(m["value"] for m in metrics()) == ROWS - BEFORE, 60.0), metrics()
    out = tmp_path / "out.json"
    arguments = ["--reference", str(before), "--json", str(out), "--config", str(path)]
    assert run(["backtest", str(after), *arguments]) == 0
    found = json.loads(out.read_text(encoding="utf-8"))
    live = {
        (m["start_ms"], m["feature"], m["statistic"]): m["value"]
        for m in results.json(topics.metrics)
        if m["feature"] is not None and m["histogram"] is None
    }
    offline = {
        (START_MS + (w["first_row"] * STEP_MS), feature, name): (w["start"], measured["value"])
        for w in found["windows"]
        for feature, of in w["features"].items()
        for name, measured in of["statistics"].items()
    }
    assert len(live) == len(offline) > 50
    by_window = sorted({start for start, _, _ in live})
    starts = sorted({start for start, _, _ in offline})
    for (start, feature, name), (_, value) in offline.items():
        assert live[by_window[starts.index(start)], feature, name] == value, (start, feature, name)
    fired = [a for a in results.json(topics.alerts) if a["state"] == "firing"]
    assert [(a["kind"], a["feature"]) for a in fired] == [(a["kind"], a["feature"]) for a in found["alerts"]]
    assert {(a["kind"], a["feature"]) for a in fired} == {("drift", "x")}
    # The same events again, from their topics, against the reference that was set.
    again = tmp_path / "again.json"
    assert run(["backtest", "--from-topic", "--since", "1h", "--json", str(again), "--config", str(path)]) == 0
    replayed = json.loads(again.read_text(encoding="utf-8"))
    assert replayed["rows"] == ROWS - BEFORE
    features = [[w["features"] for w in of["windows"] if w["kind"] == "inputs"] for of in (found, replayed)]
    assert features[0] == features[1]
    assert [a["event_time"] for a in replayed["alerts"]] == [a["event_time"] for a in found["alerts"]]
    assert run(["backtest", "--config", str(path)]) == 2
