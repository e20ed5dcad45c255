"""With signatures required, what others write to the registry is refused and told, and services go on."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest

from tests.broker.publishing import MODEL, Trainer, config_of, trained
from tests.broker.test_registry_and_client import name_of, until
from tests.broker.test_verification import FAMILIES, configured, elec2, registry, verdict, write
from tests.broker.training import train, write_examples
from trimtab import ModelFollower
from trimtab.client.refusals import RefusalAlert
from trimtab.client.writing import Writer
from trimtab.config import Config, KafkaConfig, RegistryConfig
from trimtab.errors import RegistryError
from trimtab.events import decode, encode
from trimtab.kafka.clients import producer
from trimtab.kafka.reading import read_topics
from trimtab.kafka.tables import read_table
from trimtab.kafka.topics import Topics, partition_of
from trimtab.registry.keys import Key, new_key
from trimtab.registry.records import (
    INDEX_PARTITION,
    champion_key,
    inline_snapshot,
    is_index_key,
    online_key,
    version_key,
)
from trimtab.registry.signing import SignatureRefused, Signer, Trust
from trimtab.roles.trained_partition import TrainedPartition
from trimtab.roles.trainer_records import Standing

YES, NO = trained(True), trained(False)
PAIRS = {id: new_key("ed25519") for id in ("old", "new")}

pytestmark = pytest.mark.timeout(120)


def section(*ids: str, sign_with: str | None = None, private: bool = False, required: bool = True) -> RegistryConfig:
    keys: dict[str, Any] = {id: {"algorithm": "ed25519", "public_key": PAIRS[id][1]} for id in ids}
    if private and sign_with is not None:
        keys[sign_with]["private_key"] = PAIRS[sign_with][0]
    return RegistryConfig.model_validate({"require_signature": required, "sign_with": sign_with, "keys": keys})


def signing(id: str) -> Signer:
    return Signer(Key.signing(id, section(id, sign_with=id, private=True).keys[id]))


def with_section(config: Config, made: RegistryConfig) -> Config:
    return config.model_copy(update={"registry": made})


def alerts(kafka: KafkaConfig) -> list[dict[str, Any]]:
    return [orjson.loads(message.value() or b"") for message in read_topics(kafka, [Topics(kafka.topic_prefix).alerts])]


def stands(config: Config, key: str) -> dict[str, Any]:
    table = read_table(config.kafka, Topics(config.kafka.topic_prefix).registry, INDEX_PARTITION)
    found: dict[str, Any] = orjson.loads(table[key])
    return found


def test_a_service_ignores_what_is_forged_tells_of_it_and_goes_on(
    kafka: KafkaConfig, caplog: pytest.LogCaptureFixture
) -> None:
    config = with_section(config_of(kafka, "online"), section("old"))
    trainer = Trainer(kafka, signing("old"))
    trainer.version(1, YES)
    first = {key: stands(config, key) for key in (champion_key(MODEL), version_key(MODEL, 1))}
    trainer.version(2, YES, last_offset=5)
    with ModelFollower(MODEL, config) as follower:
        assert name_of(follower) == "credit@2"
        forger = Trainer(kafka)
        # Unsigned: a version with its alias; a state; then signed things in other places.
        forger.version(3, NO)
        assert until(lambda: follower.stats.refused == 1)
        forger.online(2, 50, NO)
        assert until(lambda: follower.stats.refused == 2)
        forged: list[tuple[str, dict[str, Any]]] = [
            (champion_key(MODEL), first[champion_key(MODEL)]),  # an old promotion played again
            (version_key(MODEL, 2), first[version_key(MODEL, 1)]),  # an old version under a new key
            (version_key(MODEL, 2), stands(config, version_key(MODEL, 2)) | {"snapshot": inline_snapshot(NO)}),
            (online_key(MODEL), first[version_key(MODEL, 1)] | {"version": 2, "learnt_offset": 99}),
        ]
        for count, (key, record) in enumerate(forged, start=3):
            write(config, key, orjson.dumps(record), serving=True)
            assert until(lambda count=count: follower.stats.refused >= count), key  # type: ignore[misc]
        assert name_of(follower) == "credit@2"
        assert follower.predict({"x": 1.0}).value == "1"
        assert follower.stats.reloads == 1
        assert online_key(MODEL) in (follower.stats.last_refusal or "")
        assert "credit@2 stays in service" in caplog.text
        # What is signed is loaded again, as if nothing had been.
        trainer = Trainer(kafka, signing("old"))
        trainer.online(2, 60, NO)
        assert until(lambda: name_of(follower) == "credit@2+60")
        trainer.version(3, YES, last_offset=70)
        assert until(lambda: name_of(follower) == "credit@3")
    [alert] = alerts(kafka)
    assert (alert["kind"], alert["state"], alert["version"]) == ("refused", "firing", 2)
    assert "credit/aliases/champion: it is not signed" in alert["summary"]
    assert decode("alert", encode("alert", alert))["fingerprint"] == alert["fingerprint"]


def test_the_alert_is_resolved_when_the_champion_is_served_again(kafka: KafkaConfig) -> None:
    now = [1_000.0]
    writer = Writer(kafka, "test-refusals")
    alert = RefusalAlert(writer, kafka.topic_prefix, MODEL, quiet_s=60.0, now=lambda: now[0])
    alert.settle(whole=True, version=1)
    for second in (0.0, 10.0, 20.0):
        now[0] = 1_000.0 + second
        alert.fire(2, RegistryError("credit/versions/2: it is not signed"))
    for whole, second in ((True, 79.9), (False, 80.0)):
        now[0] = 1_000.0 + second
        alert.settle(whole=whole, version=2)
        assert alert.firing
    alert.settle(whole=True, version=2)
    assert not alert.firing
    writer.close()
    fired, resolved = alerts(kafka)
    assert (fired["state"], resolved["state"]) == ("firing", "resolved")
    assert fired["incident"] == resolved["incident"]
    assert resolved["evidence"]["count"] == 3


def test_a_forged_start_serves_nothing(kafka: KafkaConfig) -> None:
    Trainer(kafka).version(1, YES)
    with ModelFollower(MODEL, with_section(config_of(kafka), section("old"))) as follower:
        assert (follower.served, follower.stats.refused) == (None, 1)
        with ModelFollower(MODEL, config_of(kafka)) as trusting:
            assert name_of(trusting) == "credit@1"


def test_keys_are_rotated_while_services_run(kafka: KafkaConfig) -> None:
    config = config_of(kafka)
    Trainer(kafka, signing("old")).version(1, YES)
    with (
        ModelFollower(MODEL, with_section(config, section("old"))) as behind,
        ModelFollower(MODEL, with_section(config, section("old", "new"))) as both,
    ):
        assert (name_of(behind), name_of(both)) == ("credit@1", "credit@1")
        Trainer(kafka, signing("new")).version(2, NO)
        assert until(lambda: name_of(both) == "credit@2")
        assert until(lambda: behind.stats.refused == 1)
        assert name_of(behind) == "credit@1"
        assert "key 'new', which is not among registry.keys (old)" in (behind.stats.last_refusal or "")
    with ModelFollower(MODEL, with_section(config, section("new"))) as after:
        assert name_of(after) == "credit@2"


def test_the_trainer_signs_all_that_it_writes_and_restores_only_what_is_signed(kafka: KafkaConfig) -> None:
    made = section("old", sign_with="old", private=True)
    config = with_section(configured(kafka, "online", **FAMILIES["logistic"]), made)
    last = write_examples(config, MODEL, elec2("binary")[:1200])
    # It dies and is restored on the way, so it reads its own checkpoints.
    train(config, MODEL, last, 2)
    trust, topics = Trust.of(with_section(config, section("old"))), Topics(kafka.topic_prefix)
    table = read_table(kafka, topics.registry, INDEX_PARTITION)
    records = {key: orjson.loads(value) for key, value in table.items() if is_index_key(key)}
    assert {key.split("/")[1] for key in records} == {"versions", "references", "aliases"}
    served = read_table(kafka, topics.serving, partition_of(MODEL, kafka.partitions))
    copies = {key: orjson.loads(value) for key, value in served.items()}
    assert {key.split("/")[1] for key in copies} == {"versions", "aliases", "online"}
    assert all(copies[key] == record for key, record in records.items() if key in copies)
    records |= copies
    for key, record in records.items():
        trust.check("registry", key, record)
    assert verdict(config, 2) == ("reproduced", "")
    with ModelFollower(MODEL, with_section(config, section("old"))) as follower:
        assert follower.served is not None
        assert follower.served.version == 2

    # Verification names a signature that does not fit, and that there is none.
    version = records[version_key(MODEL, 2)]
    write(config, version_key(MODEL, 2), orjson.dumps(version | {"trigger": "drift"}))
    word, difference = verdict(config, 2)
    assert word == "differs"
    assert difference.startswith("signature: credit/versions/2: its signature by key 'old' does not fit it")
    write(config, version_key(MODEL, 2), orjson.dumps(version))
    assert verdict(config, 2) == ("reproduced", "")
    unsigned = {name: value for name, value in version.items() if name != "signature"}
    write(config, version_key(MODEL, 2), orjson.dumps(unsigned))
    assert verdict(config, 2)[1].startswith("signature: credit/versions/2: it is not signed")
    with registry(config) as index:
        # The log still has the one before, which goes on being believed.
        assert index.manifest(MODEL, 2) == version
        assert index.refusal(version_key(MODEL, 2)) is not None

    # A checkpoint of somebody else's is not restored.
    home, key = partition_of(MODEL, kafka.partitions), f"trainer/{MODEL}"
    state = orjson.loads(read_table(kafka, topics.state, home)[key])
    trust.check("state", key, state)
    assert state["standing"]["manifests"].keys() == {"1", "2"}
    sender = producer(kafka, "test")
    sender.produce(topics.state, orjson.dumps(state | {"offset": 1}), key.encode(), home)
    assert sender.flush(10) == 0
    partition = TrainedPartition(config, home)
    with pytest.raises(RegistryError, match="trainer/credit: its signature by key 'old' does not fit") as no:
        asyncio.run(partition.open())
    partition.close()
    assert isinstance(no.value.__cause__, SignatureRefused)


def test_a_rollback_names_the_manifest_it_goes_back_to(kafka: KafkaConfig) -> None:
    config = with_section(config_of(kafka), section("old", sign_with="old", private=True))
    trainer = Trainer(kafka, signing("old"))
    trainer.version(1, YES)
    named = stands(config, champion_key(MODEL))["manifest_sha256"]
    partition = TrainedPartition(config, partition_of(MODEL, kafka.partitions))
    for version, wanted in ((1, named), (9, "")):
        standing = Standing()
        partition._fetch_manifest(MODEL, version, standing)
        assert standing.manifests == {version: wanted}
        assert bool(standing.serving) == bool(wanted)
    Trainer(kafka).version(1, NO)
    standing = Standing()
    partition._fetch_manifest(MODEL, 1, standing)
    assert (standing.manifests, standing.serving) == ({1: ""}, {})
    partition.close()
