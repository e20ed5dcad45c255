"""Under full load, and with the collector killed in the middle, every count and statistic is that of an offline run."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from loadtest.peers import topics
from loadtest.peers.formats import FORMATS, MODEL_SETTINGS, Record
from loadtest.peers.publishing import publish_versions
from loadtest.peers.scripts.task import FEATURES, MODEL
from loadtest.peers.stream import EVENTS_A_WINDOW, VERSION, block
from loadtest.peers.truth import reference
from tests.broker.running import acknowledged, start_role, stop_roles, wait_until
from trimtab import drift
from trimtab.config import Config, KafkaConfig, ModelConfig, load_config
from trimtab.kafka.topics import Topics
from trimtab.profiles import NumericProfile, WindowProfile
from trimtab.profiles.reference import SCORE

WINDOWS = 40
PARTITIONS = 4
STATISTICS = ("psi", "js", "ks", "wasserstein")
# Kafka learns of a killed member after its session of 6 s; until then its partitions are not idle but unread.
IDLE_TIMEOUT_S = 15

Key = tuple[int, str | None, str]


def write_config(kafka: KafkaConfig, folder: Path) -> Config:
    window = {"size": "10s", "lateness": "1s", "idle_timeout": f"{IDLE_TIMEOUT_S}s"}
    settings = {
        "kafka": kafka.model_dump(include={"bootstrap_servers", "topic_prefix", "partitions"}),
        "data_dir": str(folder / "data"),
        "models": {MODEL: {**MODEL_SETTINGS, "labels": False, "window": window}},
    }
    path = folder / "trimtab.yaml"
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return load_config(path)


@cache
def offline() -> dict[Key, float]:
    """Start of the window, feature and statistic to its value: all events of a window at once, in one profile."""
    against, spec = reference(), ModelConfig.model_validate(MODEL_SETTINGS).drift
    found: dict[Key, float] = {}
    for number in range(WINDOWS):
        events = block(number)
        columns = {name: events.features[:, k] for k, name in enumerate(FEATURES)} | {SCORE: events.scores}
        numeric = {name: NumericProfile.of(values, against.frame(name)) for name, values in columns.items()}
        window = WindowProfile(len(events.scores), numeric)
        found[events.start_ms, None, "events"] = len(events.scores)
        for verdict in drift.evaluate(against, window, spec, 1, FEATURES):
            measured = {name: m.value for name, m in verdict.measured.items() if name in STATISTICS}
            found |= {(events.start_ms, verdict.feature, name): value for name, value in measured.items()}
    return found


def in_turns(form: str) -> Iterator[Record]:
    """Every partition has every time."""
    return (record for number in range(WINDOWS) for record in FORMATS[form](block(number)))


def apart(form: str) -> Iterator[Record]:
    """Each partition has a stretch of time of its own, which the others never see."""
    for number in range(WINDOWS):
        for record in FORMATS[form](block(number)):
            yield record._replace(partition=number * PARTITIONS // WINDOWS)


def metrics_of(config: Config) -> list[dict[str, Any]]:
    return topics.read_json(config.kafka, Topics(config.kafka.topic_prefix).metrics)


def counted(config: Config) -> float:
    return sum(float(m["value"]) for m in metrics_of(config) if m["statistic"] in ("events", "late_events"))


def committed(config: Config) -> int:
    """Records of predictions that the collector has committed."""
    return acknowledged(config.kafka, "collector", Topics(config.kafka.topic_prefix).predictions)


def check(config: Config) -> None:
    metrics = metrics_of(config)
    assert [m for m in metrics if m["statistic"] == "late_events"] == []
    known = [m for m in metrics if m["statistic"] in ("events", *STATISTICS)]
    found: dict[Key, float] = {(m["start_ms"], m["feature"], m["statistic"]): m["value"] for m in known}
    assert len(found) == len(known), "a window was closed twice"
    assert found == offline()  # to the last bit


@pytest.mark.timeout(180)
@pytest.mark.parametrize("kafka", [PARTITIONS], indirect=True)
@pytest.mark.parametrize(
    ("form", "stream"), [("trimtab", apart), ("trimtab_avro", in_turns), ("trimtab_columnar", apart)]
)
def test_a_backlog_is_counted_exactly(kafka: KafkaConfig, tmp_path: Path, form: str, stream: Any) -> None:
    config = write_config(kafka, tmp_path)
    publish_versions(config, {MODEL: reference()}, VERSION)
    topics.fill(config.kafka, Topics(kafka.topic_prefix).predictions, stream(form))
    processes = [start_role(tmp_path / "trimtab.yaml", role) for role in ("monitor", "collector")]
    try:
        wait_until(lambda: counted(config) >= WINDOWS * EVENTS_A_WINDOW, 90, pause_s=1.0)
        check(config)
    finally:
        stop_roles(processes)


@pytest.mark.timeout(180)
@pytest.mark.parametrize("kafka", [PARTITIONS], indirect=True)
def test_a_collector_killed_under_full_load_counts_everything_once(kafka: KafkaConfig, tmp_path: Path) -> None:
    config, path = write_config(kafka, tmp_path), tmp_path / "trimtab.yaml"
    publish_versions(config, {MODEL: reference()}, VERSION)
    total = topics.fill(config.kafka, Topics(kafka.topic_prefix).predictions, in_turns("trimtab"))
    processes: list[subprocess.Popen[bytes]] = [start_role(path, "monitor"), start_role(path, "collector")]
    try:
        assert wait_until(lambda: committed(config) > 0, 30, pause_s=0.02), "nothing is committed"
        time.sleep(0.1)  # into the middle of what comes after the first commit
        processes[-1].kill()
        processes[-1].wait()
        assert 0 < committed(config) < total, "it was killed too late"
        processes.append(start_role(path, "collector"))
        wait_until(lambda: counted(config) >= WINDOWS * EVENTS_A_WINDOW, 90, pause_s=1.0)
        check(config)
    finally:
        stop_roles(processes)
