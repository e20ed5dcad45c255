"""What an operator does lands in Kafka as its schema says, signed where there is a key, and in the audit log."""

from pathlib import Path
from typing import Any

import orjson

from tests.browser import world
from trimtab.config import Config, KafkaConfig, load_config
from trimtab.dashboard.store.queries import Letter
from trimtab.dashboard.web.actions import Actions
from trimtab.events import decode, encode
from trimtab.kafka.reading import read_topics
from trimtab.kafka.topics import Topics, partition_of
from trimtab.registry.audit import check
from trimtab.registry.audit_log import read_audit
from trimtab.registry.keys import new_key
from trimtab.registry.signing import Trust


def config_of(kafka: KafkaConfig, folder: Path, **registry: Any) -> Config:
    path = world.write_config(kafka, folder)
    if registry:
        settings = path.read_text() + orjson.dumps({"registry": registry}).decode()[1:-1] + "\n"
        path.write_text(settings.replace('"registry":', "registry: "))
    return load_config(path, environ={})


def records(config: Config, topic: str) -> list[tuple[int, bytes | None, dict[str, Any]]]:
    name = Topics(config.kafka.topic_prefix).prefix + topic
    return [(m.partition(), m.key(), orjson.loads(m.value())) for m in read_topics(config.kafka, [name])]


def letter(config: Config, value: bytes, **other: Any) -> Letter:
    record = world.dead_letter(f"{config.kafka.topic_prefix}labels", value).value
    return Letter(0, 3, 0, {**record, **other})


def test_records_are_as_their_schemas_say_and_signed(kafka: KafkaConfig, tmp_path: Path) -> None:
    private, public = new_key("ed25519")
    keys = {"ops": {"algorithm": "ed25519", "private_key": private, "public_key": public}}
    config = config_of(kafka, tmp_path, sign_with="ops", require_signature=True, keys=keys)
    actions, trust = Actions(config, "dashboard"), Trust.of(config)
    alert = world.alert("credit", "age", 0).value
    actions.acknowledge(alert, "ada", "on it", None)
    silence = actions.silence(["model=credit", "kind!=absent"], "2h", "ada", "deploy")
    actions.end_silence(silence, "bob")
    actions.order("rollback", "credit", 1, "ada", "worse")
    found = records(config, "silences")
    by_key = {key: (partition, record) for partition, key, record in found if key is not None}
    assert set(by_key) == {f"ack/{world.INCIDENT}".encode(), f"silence/{silence['id']}".encode()}
    assert len(found) == 3
    for partition, key, record in found:
        assert key is not None
        name = key.decode()
        assert partition == partition_of(name, kafka.partitions), "compaction needs a key in one partition"
        assert decode(name.split("/")[0], encode(name.split("/")[0], record)) == record
        trust.check("silences", name, record)
    assert by_key[f"silence/{silence['id']}".encode()][1]["author"] == "bob"
    [(partition, key, order)] = records(config, "commands")
    assert (partition, key) == (partition_of("credit", kafka.partitions), b"credit")
    assert (order["command"], order["version"], order["actor"]) == ("rollback", 1, "ada")
    assert decode("command", encode("command", order)) == order
    trust.check("commands", "credit", order)


def test_what_a_letter_has_not_whole_is_read_from_its_source(kafka: KafkaConfig, tmp_path: Path) -> None:
    config = config_of(kafka, tmp_path)
    whole = b'{"id": "a", "model": "credit", "note": "' + b"x" * 70_000 + b'"}'
    world.send_all(config, [world.Message("labels", "k-1", whole, 1, 0)])
    actions = Actions(config, "dashboard")
    cut = letter(config, whole[:65_536], partition=1, offset=0, size_bytes=len(whole))
    waited = letter(config, b"", partition=1, offset=0, size_bytes=0)
    for one in (cut, waited):
        actions.reinject(one, "ada")
    labels = Topics(config.kafka.topic_prefix).labels
    found = [(m.partition(), m.key(), m.value()) for m in read_topics(config.kafka, [labels])]
    assert found == [(1, b"k-1", whole)] * 3
    # A dashboard that starts again goes on with the chain.
    Actions(config, "dashboard").reinject(cut, "bob")
    entries = list(read_audit(config.kafka, "credit"))
    assert [entry.record["sequence"] for entry in entries if entry.record] == [1, 2, 3]
    assert [entry.record["actor"] for entry in entries if entry.record] == ["ada", "ada", "bob"]
    assert list(check(entries)) == []
    assert all(decode("audit", encode("audit", dict(entry.record or {}))) for entry in entries)
