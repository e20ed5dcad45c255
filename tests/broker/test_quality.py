"""What is refused and what comes twice is counted once, though the collector and the monitor are killed meanwhile."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from tests.broker.running import START_MS, Results, running, start_role, stop_roles, wait_until, write_config
from trimtab.config import KafkaConfig, load_config
from trimtab.kafka.clients import producer
from trimtab.kafka.topics import Topics

GOOD, WRONG, TWICE = 300, 25, 50


def with_window(path: Path, size: str) -> Path:
    settings = yaml.safe_load(path.read_text(encoding="utf-8"))
    for model in settings["models"].values():
        model["window"]["size"] = size
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return path


def counted(results: Results, statistic: str) -> Counter[str]:
    """Events by model: a share times what it is a share of."""
    found: Counter[str] = Counter()
    for metric in results.json(results.topics.metrics):
        if metric["statistic"] == statistic:
            found[metric["model"]] += round(metric["value"] * metric["count"])
    return found


@pytest.mark.timeout(180)
def test_refused_and_repeated_events_are_counted_once_and_alarm(kafka: KafkaConfig, tmp_path: Path) -> None:
    path = with_window(write_config(kafka, tmp_path, {"credit": "online", "fraud": "online"}), "4s")
    config = load_config(path)
    topics, results = Topics(kafka.topic_prefix), Results(config)
    raw = producer(kafka, "service")

    def send(number: int, model: str, x: object = 0.5) -> None:
        event: dict[str, Any] = {"id": f"e{number}", "model": model, "time": START_MS + number, "features": {"x": x}}
        raw.produce(topics.predictions, orjson.dumps(event), f"e{number}")

    with running(path, ("monitor",)) as (monitor,):
        first = start_role(path, "collector")
        try:
            for number in range(GOOD):
                send(number, "credit")
                send(number, "fraud")
                if number == GOOD // 2:
                    assert raw.flush(20) == 0
                    assert wait_until(lambda: bool(results.json(topics.dead_letters)), 30.0)
                    first.kill()
                    monitor.kill()
                if number % (GOOD // WRONG) == 0:
                    send(GOOD + number, "credit", "text")
                if number % (GOOD // TWICE) == 0:
                    send(number, "credit")
        finally:
            stop_roles([first])
        assert raw.flush(20) == 0
        with running(path, ("collector", "monitor")):
            assert wait_until(lambda: counted(results, "refused")["credit"] >= WRONG, 60.0)
            assert wait_until(lambda: counted(results, "duplicates")["credit"] >= TWICE, 30.0)
            assert wait_until(lambda: len(results.json(topics.alerts)) >= 2, 30.0)
    assert counted(results, "refused") == {"credit": WRONG, "fraud": 0}
    assert counted(results, "duplicates") == {"credit": TWICE, "fraud": 0}
    alerts = {(a["model"], a["kind"], a["feature"], a["state"]) for a in results.json(topics.alerts)}
    assert {("credit", "quality", f"({name})", "firing") for name in ("refused", "duplicates")} <= alerts
    assert {model for model, *_ in alerts} == {"credit"}
    assert len(results.json(topics.dead_letters)) == WRONG + TWICE
