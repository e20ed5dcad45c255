"""A user's model that fails on an example stops alone; mended, it learns that example and all after it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from tests.broker.running import Results, running, wait_until, write_config
from tests.broker.training import write_examples
from trimtab.config import Config, KafkaConfig, load_config
from trimtab.doctor.processes import processes
from trimtab.events import Example
from trimtab.kafka.tables import read_table
from trimtab.kafka.topics import Topics, partition_of

BROKEN = "FRAGILE_IS_BROKEN"
ROOT = Path(__file__).parents[2]
OWN = f"{__name__}:Fragile"
COUNT, BAD = 400, 300


class Fragile:
    """Remembers the share of ones; on a number above 100 it fails, until somebody mends it."""

    def __init__(self) -> None:
        self.seen = self.ones = 0

    def predict_one(self, x: dict[str, Any]) -> bool:
        return self.ones * 2 > self.seen

    def learn_one(self, x: dict[str, Any], y: bool) -> None:
        if x["x"] > 100 and os.environ.get(BROKEN):
            raise ValueError("x is out of my range")
        self.seen += 1
        self.ones += y


def examples() -> list[Example]:
    return [
        Example(str(i), i, i, {"x": 1e6 if i == BAD else i / 7, "y": 0.0}, str(i % 2), None, None, 1, None, i)
        for i in range(COUNT)
    ]


def position(config: Config, name: str) -> int:
    """Offset of the last record that a model's checkpoint has learnt."""
    home = partition_of(name, config.kafka.partitions)
    value = read_table(config.kafka, Topics(config.kafka.topic_prefix).state, home).get(f"trainer/{name}")
    return -1 if value is None else int(orjson.loads(value)["offset"])


@pytest.mark.timeout(120)
def test_one_model_stops_and_the_others_go_on(
    kafka: KafkaConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Of one partition, so that one could hold up the other.
    home = partition_of("fragile", kafka.partitions)
    sturdy = next(name for name in map("m{}".format, range(99)) if partition_of(name, kafka.partitions) == home)
    path = write_config(kafka, tmp_path, {"fragile": "online", sturdy: "online"})
    settings = yaml.safe_load(path.read_text())
    settings["models"]["fragile"] |= {"factory": {"class": OWN}, "admit": [OWN]}
    path.write_text(yaml.safe_dump(settings))
    config = load_config(path, environ={})
    results = Results(config)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv(BROKEN, "yes")
    with running(path, ["trainer"]) as [trainer]:
        assert wait_until(lambda: results.json(results.topics.health) != [], 30)
        last = {name: write_examples(config, name, examples()) for name in ("fragile", sturdy)}
        assert wait_until(lambda: results.learnt(sturdy) == COUNT, 40)
        assert wait_until(lambda: any(one.check == "learning" for one in processes(config)), 20)
        assert trainer.poll() is None
        assert -1 < position(config, "fragile") < last["fragile"]
    monkeypatch.delenv(BROKEN)
    with running(path, ["trainer"]):
        assert wait_until(lambda: position(config, "fragile") == last["fragile"], 40)
        assert wait_until(lambda: all(one.check != "learning" for one in processes(config)), 20)
    assert results.learnt(sturdy) == COUNT
