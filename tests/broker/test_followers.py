"""Services tell what they serve; canaries; how far behind."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from tests.broker.publishing import MODEL, Trainer, config_of, now_ms, trained
from tests.broker.running import kafka_settings, running
from tests.broker.test_registry_and_client import name_of, until
from trimtab import ModelFollower
from trimtab.cli.main import run
from trimtab.config import KafkaConfig
from trimtab.events import decode, encode
from trimtab.kafka.clients import admin
from trimtab.kafka.embedded import EmbeddedBroker
from trimtab.kafka.reading import read_topics
from trimtab.kafka.tables import read_table
from trimtab.kafka.topics import Topics, create_topics, partition_of
from trimtab.registry.records import canary_key, version_key

YES, NO = trained(True), trained(False)

pytestmark = pytest.mark.timeout(120)


def canary(trainer: Trainer, version: int, share: float, data: bytes | None = None) -> None:
    """Write the alias canary, with the version's manifest if there is none yet."""
    publication = trainer.begin()
    if data is not None:
        ref = publication.snapshot(f"{MODEL}/chunks/{version}", MODEL, data)
        manifest = {"model": MODEL, "version": version, "examples": {"last_offset": 0}, "snapshot": ref.to_wire()}
        publication.serve(version_key(MODEL, version), manifest)
    alias = {"model": MODEL, "alias": "canary", "version": version, "share": share, "reason": "canary"}
    publication.serve(canary_key(MODEL), alias | {"changed_ms": now_ms()})
    trainer.commit()


def heartbeats(kafka: KafkaConfig) -> dict[str, dict[str, Any]]:
    topic, number = Topics(kafka.topic_prefix).followers, partition_of(MODEL, kafka.partitions)
    return {key: orjson.loads(value) for key, value in read_table(kafka, topic, number).items()}


def values(follower: ModelFollower, keys: int = 400) -> list[str]:
    answers = [follower.predict({"x": 1.0}, key=f"customer-{number}") for number in range(keys)]
    return [str(answer.name) for answer in answers if answer.value == ("0" if "@2" in str(answer.name) else "1")]


def test_a_canary_is_served_for_its_share_and_then_promoted_without_a_load(kafka: KafkaConfig) -> None:
    trainer = Trainer(kafka)
    trainer.version(1, YES)
    with ModelFollower(MODEL, config_of(kafka)) as follower:
        assert set(values(follower)) == {"credit@1"}
        canary(trainer, 2, 0.1, NO)
        assert until(lambda: follower.canary is not None)
        served = values(follower)
        assert len(served) == 400
        assert 15 < served.count("credit@2") < 75
        assert follower.predict({"x": 1.0}).name == "credit@1"
        before = {f"customer-{n}" for n in range(400) if follower.predict({"x": 1.0}, key=f"customer-{n}").value == "0"}
        canary(trainer, 2, 0.5)
        assert until(lambda: values(follower).count("credit@2") > 150)
        assert all(follower.predict({"x": 1.0}, key=key).value == "0" for key in before)
        held = follower.canary
        assert held is not None
        # The alias moves on, the manifest stays: what was the canary's model is the champion's.
        publication = trainer.begin()
        publication.serve("credit/aliases/champion", {"version": 2, "changed_ms": now_ms()})
        trainer.commit()
        assert until(lambda: name_of(follower) == "credit@2")
        assert follower.served is not None
        assert follower.served.model is held.model
        assert until(lambda: follower.canary is None)
        assert set(values(follower)) == {"credit@2"}


def test_a_canary_that_cannot_be_loaded_leaves_the_champion_alone(kafka: KafkaConfig) -> None:
    trainer = Trainer(kafka)
    trainer.version(1, YES)
    with ModelFollower(MODEL, config_of(kafka)) as follower:
        canary(trainer, 2, 0.5, b"no snapshot at all")
        assert until(lambda: follower.stats.refused == 1)
        assert set(values(follower)) == {"credit@1"}
        canary(trainer, 3, 7.0, NO)
        assert until(lambda: follower.stats.refused == 2)
        assert "share" in str(follower.stats.last_refusal)
        canary(trainer, 3, 1.0)
        assert until(lambda: follower.canary is not None)
        assert {follower.predict({"x": 1.0}, key="a").name, follower.predict({"x": 1.0}).name} == {
            "credit@3",
            "credit@1",
        }
        canary(trainer, 3, 0.0)
        assert until(lambda: follower.canary is None)


def test_another_champion_makes_the_canary_give_way(kafka: KafkaConfig) -> None:
    trainer = Trainer(kafka)
    trainer.version(1, YES)
    with ModelFollower(MODEL, config_of(kafka)) as follower:
        canary(trainer, 2, 0.5, NO)
        assert until(lambda: follower.canary is not None)
        trainer.version(3, YES)
        assert until(lambda: name_of(follower) == "credit@3")
        assert until(lambda: follower.canary is not None)


def test_who_serves_what(kafka: KafkaConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trainer = Trainer(kafka)
    trainer.version(1, YES)
    config = config_of(kafka)
    path = tmp_path / "trimtab.yaml"
    written = {
        "kafka": kafka_settings(kafka),
        "data_dir": str(tmp_path / "data"),
        "models": {
            MODEL: {
                "task": "binary",
                "features": {"x": {"type": "numeric"}},
                "factory": {"class": "river.linear_model:LogisticRegression"},
                "absence": {"stale": "2s"},
            }
        },
    }
    path.write_text(yaml.safe_dump(written), encoding="utf-8")

    def counts() -> dict[int, float]:
        found = [orjson.loads(m.value() or b"") for m in read_topics(kafka, [Topics(kafka.topic_prefix).metrics])]
        assert all(decode("metric", encode("metric", one)) == one for one in found)
        return {one["version"]: one["value"] for one in found if one["statistic"] == "followers"}

    with (
        running(path, ["monitor"]),
        ModelFollower(MODEL, config, instance="one"),
        ModelFollower(MODEL, config, instance="two") as two,
    ):
        assert until(lambda: set(heartbeats(kafka)) == {"credit/one", "credit/two"})
        beat = heartbeats(kafka)["credit/two"]
        assert decode("follower", encode("follower", beat)) == beat
        assert (beat["version"], beat["refused"], beat["replica"]) == (1, 0, False)
        assert until(lambda: counts() == {1: 2.0}, 30.0), counts()
        assert run(["followers", "--json", "--config", str(path)]) == 0
        listed = json.loads(capsys.readouterr().out)["followers"]
        assert sorted((f["instance"], f["version"]) for f in listed) == [("one", 1), ("two", 1)]
        assert run(["followers", MODEL, "--config", str(path)]) == 0
        assert "@1" in capsys.readouterr().out
        two.close()
        assert until(lambda: set(heartbeats(kafka)) == {"credit/one"})
        trainer.version(2, b"cannot be loaded")
        assert until(lambda: heartbeats(kafka)["credit/one"]["refused"] == 1, 15.0)
        # Nobody predicts anything; yet it is told that one still has the old version.

        def stale() -> list[dict[str, Any]]:
            found = [orjson.loads(m.value() or b"") for m in read_topics(kafka, [Topics(kafka.topic_prefix).alerts])]
            return [alert for alert in found if alert["kind"] == "stale"]

        assert until(lambda: [(a["state"], a["version"]) for a in stale()] == [("firing", 1)], 30.0), stale()
        trainer.version(3, YES)
        assert until(lambda: counts() == {1: 0.0, 3: 1.0}, 30.0), counts()
        assert until(lambda: [a["state"] for a in stale()] == ["firing", "resolved"], 30.0), stale()
    assert until(lambda: not heartbeats(kafka))


def test_predictions_say_when_they_may_be_stale(own_broker: EmbeddedBroker) -> None:
    info = own_broker.status()
    assert info is not None
    kafka = KafkaConfig(bootstrap_servers=info.bootstrap_servers, topic_prefix="stale.", partitions=1)
    create_topics(admin(kafka), kafka)
    Trainer(kafka).version(1, YES)
    with ModelFollower(MODEL, config_of(kafka), max_behind_s=12.0) as follower:
        assert not follower.predict({"x": 1.0}).stale
        own_broker.stop()
        assert until(lambda: follower.predict({"x": 1.0}).stale, 30.0)
        assert follower.predict({"x": 1.0}).value == "1"
        assert follower.behind_s > 12.0


async def _served(kafka: KafkaConfig) -> str | None:
    async with ModelFollower(MODEL, config_of(kafka)) as follower:
        return follower.predict({"x": 1.0}).name


def test_in_asyncio(kafka: KafkaConfig) -> None:
    Trainer(kafka).version(1, YES)
    assert asyncio.run(_served(kafka)) == "credit@1"
