"""References that the stream itself makes: its first windows, and the last ones, through a monitor that dies."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
import yaml

from tests.broker.running import Results, running, wait_until
from trimtab.cli.main import run
from trimtab.config import Config, KafkaConfig, load_config
from trimtab.kafka.clients import producer
from trimtab.kafka.tables import read_table
from trimtab.kafka.topics import Topics, partition_of
from trimtab.registry.records import reference_key

START_MS, STEP_MS, SIZE = 1_700_000_000_000, 1_000, 250


def configure(kafka: KafkaConfig, folder: Path, reference: dict[str, Any], **window: Any) -> Path:
    model = {
        "task": "binary",
        "features": {"x": {"type": "numeric"}, "c": {"type": "categorical"}},
        "columns": {"label": "up", "time": "t"},
        "labels": False,
        "window": {"size": f"{SIZE}s", "idle_timeout": "2s", "min_count": 50, **window},
        "reference": reference,
        "drift": {"false_alarms": "1 per 1d"},
        "factory": {"class": "river.linear_model:LogisticRegression"},
    }
    where = {"bootstrap_servers": kafka.bootstrap_servers, "topic_prefix": kafka.topic_prefix, "partitions": 3}
    path = folder / "trimtab.yaml"
    settings = {"kafka": where, "data_dir": str(folder / "data"), "models": {"credit": model}}
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return path


def rows(count: int, level: Callable[[int], float]) -> list[dict[str, Any]]:
    draw = np.random.default_rng(8)
    return [
        {
            "t": START_MS + row * STEP_MS,
            "x": round(float(draw.normal(level(row))), 6),
            "c": "abc"[int(draw.integers(3))],
            "up": row % 2,
        }
        for row in range(count)
    ]


def send(config: Config, some: list[dict[str, Any]], version: str | None) -> None:
    sender = producer(config.kafka, "service")
    for row in some:
        event = {"id": f"e{row['t']}", "model": "credit", "time": row["t"], "prediction": 0}
        event |= {"features": {"x": row["x"], "c": row["c"]}} | ({"version": version} if version else {})
        key = event["id"].encode()
        sender.produce(
            Topics(config.kafka.topic_prefix).predictions, orjson.dumps(event), key, partition_of(event["id"], 3)
        )
    assert sender.flush(20) == 0


def events(results: Results, config: Config) -> float:
    found = results.json(Topics(config.kafka.topic_prefix).metrics)
    return sum(float(m["value"]) for m in found if m["statistic"] == "events")


@pytest.mark.timeout(240)
def test_a_model_without_training_is_compared_with_its_first_windows(kafka: KafkaConfig, tmp_path: Path) -> None:
    path = configure(kafka, tmp_path, {"from": "first_windows", "windows": 3})
    config, topics = load_config(path), Topics(kafka.topic_prefix)
    results = Results(config)
    stream = rows(SIZE * 14, lambda row: 1_013.0 + 3.0 * (row >= SIZE * 12))

    def known() -> str | None:
        value = read_table(kafka, topics.registry, 0).get(reference_key("credit", 0))
        return None if value is None else str(orjson.loads(value)["id"])

    at = 0
    with running(path, ["collector", "monitor"]):
        # Window after window, so that each reference has arrived before the next events are profiled.
        while at < SIZE * 12 and known() != "credit@0/first-3":
            before = known()
            send(config, stream[at : at + SIZE], None)
            at += SIZE
            assert wait_until(lambda at=at: events(results, config) == at, 30.0), at  # type: ignore[misc]
            wait_until(lambda before=before: known() != before, 1.0)  # type: ignore[misc]
    assert known() == "credit@0/first-3"
    with running(path, ["collector", "monitor"]):
        send(config, stream[at:], None)
        assert wait_until(lambda: events(results, config) == len(stream), 60.0)
    fired = [a for a in results.json(topics.alerts) if a["state"] == "firing"]
    assert [(a["kind"], a["feature"], a["evidence"]["reference"]) for a in fired] == [
        ("drift", "x", "credit@0/first-3")
    ]
    assert fired[0]["evidence"]["start_ms"] >= START_MS + SIZE * 11 * STEP_MS
    told = [entry["details"]["reference"] for entry in results.json(topics.audit)]
    assert told == [*(f"credit@0/frames-{k + 1}" for k in range(len(told) - 1)), "credit@0/first-3"]


@pytest.mark.timeout(240)
def test_a_moving_reference_goes_on_where_a_killed_monitor_was(
    kafka: KafkaConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The level follows the time of a day of six windows; hopping windows, and the same as a backtest says."""
    day = SIZE * 6
    path = configure(
        kafka, tmp_path, {"from": "moving", "season": f"{day}s", "windows": 9, "least": 5}, hop=f"{SIZE // 2}s"
    )
    config, topics = load_config(path), Topics(kafka.topic_prefix)
    stream = rows(day * 14, lambda row: 2.0 * np.sin(2 * np.pi * row / day) + 4.0 * (row >= day * 13))
    table = tmp_path / "rows.csv"
    lines = [",".join(stream[0]), *(",".join(str(value) for value in row.values()) for row in stream)]
    table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    out = tmp_path / "out.json"
    arguments = ["--reference", str(table), "--json", str(out), "--config", str(path)]
    assert run(["reference", "set", "credit", str(table), "--version", "0", "--config", str(path)]) == 0
    assert run(["backtest", str(table), *arguments]) == 0
    found = json.loads(out.read_text(encoding="utf-8"))
    expected = [(a["kind"], a["feature"], round(a["effect"], 9)) for a in found["alerts"]]
    assert ("drift", "x") in {alert[:2] for alert in expected}

    results = Results(config)
    with running(path, ["collector", "monitor"]) as [_, monitor]:
        send(config, stream[: day * 7], None)
        assert wait_until(lambda: events(results, config) > day * 6, 60.0)
        monitor.kill()
    with running(path, ["collector", "monitor"]):
        send(config, stream[day * 7 :], None)
        whole = sum(w["count"] for w in found["windows"])
        assert wait_until(lambda: events(results, config) >= whole, 90.0), (events(results, config), whole)
    fired = [a for a in results.json(topics.alerts) if a["state"] == "firing"]
    # A row's file has its version 1, an event without one has 0: only the reference's name differs.
    assert [(a["kind"], a["feature"], round(max(a["evidence"]["statistics"].values()), 3)) for a in fired] == [
        (a[0], a[1], round(max(w["value"] for w in _statistics(found, k).values()), 3)) for k, a in enumerate(expected)
    ]
    history = [key for key in read_table(kafka, topics.state, partition_of("credit", 3)) if "/history/" in key]
    assert 0 < len(history) <= 12 * 9


def _statistics(found: dict[str, Any], number: int) -> dict[str, Any]:
    alert = found["alerts"][number]
    [window] = [w for w in found["windows"] if w["end"] == alert["event_time"]]
    return dict(window["features"][alert["feature"]]["statistics"])
