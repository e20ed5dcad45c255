"""``trimtab doctor`` on a real Kafka: what is broken is named, with what to do about it."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from tests.broker.publishing import MODEL
from tests.broker.running import running
from tests.broker.test_registry_orders import rows, written
from tests.broker.test_verification import FAMILIES, configured
from tests.broker.training import train, write_examples
from trimtab import ModelFollower
from trimtab.cli.main import run
from trimtab.config import KafkaConfig
from trimtab.kafka.clients import admin, producer
from trimtab.kafka.topics import Topics

pytestmark = pytest.mark.timeout(180)


def doctor(capsys: pytest.CaptureFixture[str], path: Path, code: int) -> dict[str, dict[str, Any]]:
    assert run(["doctor", "--json", "--config", str(path)]) == code
    found = json.loads(capsys.readouterr().out)
    assert found["ok"] == (code == 0)
    return {one["check"]: one for one in found["findings"]}


def test_no_topics(kafka: KafkaConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    elsewhere = kafka.model_copy(update={"topic_prefix": f"t{uuid.uuid4().hex[:10]}."})
    path = written(configured(elsewhere, "frozen", **FAMILIES["logistic"]), tmp_path / "a")
    found = doctor(capsys, path, 1)
    assert found["topics"]["status"] == "fail"
    assert "predictions" in found["topics"]["what"]
    assert found["topics"]["remedy"] == "trimtab topics create"
    assert found["broker"]["status"] == found["disk"]["status"] == "ok"


def test_what_is_well_and_what_is_not(kafka: KafkaConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = configured(kafka, "frozen", **FAMILIES["logistic"])
    path = written(config, tmp_path / "a")
    found = doctor(capsys, path, 0)
    assert {one["check"] for one in found.values() if one["status"] != "ok"} == {
        "collector",
        "monitor",
        "trainer",
        f"model {MODEL}",
    }
    assert "trimtab up" in found["trainer"]["remedy"]
    train(config, MODEL, write_examples(config, MODEL, rows(0, 800)), 1)
    with running(path), ModelFollower(MODEL, config) as follower:
        assert follower.wait_for_model(30)
        _until_read(capsys, path)
        found = doctor(capsys, path, 0)
        assert {check for check, one in found.items() if one["status"] != "ok"} == set()
        assert "is champion" in found[f"model {MODEL}"]["what"]
        assert found[f"services of {MODEL}"]["what"].startswith("all 1 serve @")
    # Nobody learns these; Kafka takes those who stopped for members for a while.
    write_examples(config, MODEL, rows(800, 1_000), seed=1)
    run(["doctor", "--json", "--config", str(path)])
    found = {one["check"]: one for one in json.loads(capsys.readouterr().out)["findings"]}
    assert found["trainer"]["status"] in ("warn", "fail")
    assert " records not read" in found["trainer"]["what"]
    assert " 0 records" not in found["trainer"]["what"]


def _until_read(capsys: pytest.CaptureFixture[str], path: Path) -> None:
    for _ in range(15):
        run(["doctor", "--json", "--config", str(path)])
        found = json.loads(capsys.readouterr().out)["findings"]
        if all(one["status"] == "ok" for one in found if one["check"] in ("collector", "monitor", "trainer")):
            return


def test_settings_dead_letters_and_a_champion_that_is_gone(
    kafka: KafkaConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, topics = configured(kafka, "frozen", **FAMILIES["logistic"]), Topics(kafka.topic_prefix)
    path = written(config, tmp_path / "a")
    train(config, MODEL, write_examples(config, MODEL, rows(0, 800)), 1)
    entry = ConfigEntry("retention.ms", "3600000", incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, topics.audit, incremental_configs=[entry])
    client = admin(kafka)
    for future in client.incremental_alter_configs([resource]).values():
        future.result(10)
    sender = producer(kafka, "test")
    sender.produce(
        topics.dead_letters, json.dumps({"reason": "malformed", "topic": "x", "detail": "not JSON"}).encode()
    )
    sender.produce(topics.registry, None, f"{MODEL}/versions/1".encode(), 0)
    sender.flush(10)
    found = doctor(capsys, path, 1)
    assert found["settings"]["what"] == "audit: retention.ms is 3600000, not -1"
    assert found["dead letters"]["what"].startswith("in the last hour: malformed 1; the last: x[None]")
    assert found[f"model {MODEL}"]["status"] == "fail"
    assert "rollback" in found[f"model {MODEL}"]["remedy"]


def test_no_kafka(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nobody = KafkaConfig(bootstrap_servers="127.0.0.1:1")
    path = written(configured(nobody, "frozen", **FAMILIES["logistic"]), tmp_path / "a")
    found = doctor(capsys, path, 1)
    assert found["broker"]["status"] == "fail"
    assert found["disk"]["status"] == "ok"
