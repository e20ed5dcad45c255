"""Every published version is rebuilt bit for bit, through crashes; whatever was changed is found and named."""

from __future__ import annotations

import csv
import gzip
import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import orjson
import pytest
from confluent_kafka import TopicPartition

from tests.broker.publishing import MODEL, Trainer
from tests.broker.training import train, write_examples
from trimtab.config import Config, KafkaConfig
from trimtab.errors import RegistryError
from trimtab.events import Example, FeatureValue
from trimtab.kafka.clients import admin, producer
from trimtab.kafka.embedded import EmbeddedBroker
from trimtab.kafka.topics import Topics, create_topics, partition_of
from trimtab.registry import SnapshotRef, dump, load, state_digest
from trimtab.registry.fetch import ChunkReader
from trimtab.registry.index import RegistryIndex
from trimtab.registry.records import INDEX_PARTITION, chunks_key, manifest_sha256, version_key
from trimtab.registry.signing import Trust
from trimtab.verification import verify

# The long run has 20.
VERSIONS = int(os.environ.get("TRIMTAB_TEST_VERSIONS", "4"))
ROWS = 450 * VERSIONS
NUMBERS = ("period", "nswprice", "nswdemand", "vicprice", "vicdemand", "transfer")


class Signs:
    """A user's class: how often each number was above its first value when the label was 1."""

    def __init__(self) -> None:
        self.first: dict[str, float] = {}
        self.weights: dict[str, float] = {}

    def _signs(self, x: dict[str, Any]) -> dict[str, float]:
        # Remembers as it predicts: a replay has to ask what was asked.
        return {name: 1.0 if value > self.first.setdefault(name, value) else -1.0 for name, value in x.items()}

    def predict_one(self, x: dict[str, Any]) -> bool:
        return sum(self.weights.get(name, 0.0) * sign for name, sign in self._signs(x).items()) > 0

    def learn_one(self, x: dict[str, Any], y: bool) -> None:
        for name, sign in self._signs(x).items():
            self.weights[name] = 0.99 * self.weights.get(name, 0.0) + (sign if y else -sign)


def scaled(last: dict[str, Any]) -> dict[str, Any]:
    return {"pipeline": [{"class": "river.preprocessing:StandardScaler"}, last]}


SIGNS = f"{__name__}:Signs"
FAMILIES: dict[str, dict[str, Any]] = {
    "logistic": {"factory": scaled({"class": "river.linear_model:LogisticRegression"})},
    "hoeffding": {"factory": {"class": "river.tree:HoeffdingTreeClassifier", "args": {"grace_period": 50}}},
    "adaptive": {"factory": {"class": "river.tree:HoeffdingAdaptiveTreeClassifier", "args": {"grace_period": 50}}},
    "forest": {"factory": {"class": "river.forest:ARFClassifier", "args": {"n_models": 10}}},
    "bayes": {"factory": {"class": "river.naive_bayes:GaussianNB"}},
    "mondrian": {"factory": {"class": "river.forest:AMFClassifier", "args": {"n_estimators": 5}}},
    "regressor": {"task": "regression", "factory": scaled({"class": "river.linear_model:LinearRegression"})},
    "own": {"factory": {"class": SIGNS}, "admit": [SIGNS]},
}


def elec2(task: str) -> list[Example]:
    found = []
    with gzip.open(str(files("trimtab.demo") / "data" / "elec2.csv.gz"), "rt", encoding="utf-8") as lines:
        for row, values in enumerate(csv.DictReader(lines)):
            if row == ROWS:
                break
            x: dict[str, FeatureValue] = {name: float(values[name]) for name in NUMBERS}
            label: Any = values["up"] if task == "binary" else x.pop("nswdemand")
            found.append(Example(str(row), row * 1_000, row * 1_000, x, label, None, None, 1, None, row))
    return found


def configured(kafka: KafkaConfig, mode: str, **family: Any) -> Config:
    spec = {
        "task": "binary",
        "mode": mode,
        "features": {name: {"type": "numeric"} for name in NUMBERS},
        "first_version_after": 200,
        "reference_examples": 300,
        "triggers": {"schedule": "60s", "cooldown": "1s"},
        "race": {"min_examples": 20, "max_examples": 120, "alpha": 0.95, "reset_examples": 150},
        "probation": {"enabled": False},
        **family,
    }
    if spec["task"] == "regression":
        del spec["features"]["nswdemand"]
    return Config.model_validate({"kafka": kafka, "models": {MODEL: spec}})


@contextmanager
def registry(config: Config, serving: str | None = None) -> Iterator[RegistryIndex]:
    index = RegistryIndex(config.kafka, "test-verify", Trust.of(config), serving=serving)
    index.start()
    try:
        yield index
    finally:
        index.close()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("mode", ["frozen", "online"])
@pytest.mark.parametrize("family", FAMILIES)
def test_every_version_is_reproduced(kafka: KafkaConfig, family: str, mode: str) -> None:
    config = configured(kafka, mode, **FAMILIES[family])
    last = write_examples(config, MODEL, elec2(config.models[MODEL].task))
    train(config, MODEL, last, VERSIONS)
    with registry(config) as index:
        made = [manifest["version"] for manifest in index.versions(MODEL)]
        assert made[0] == 1
        print(f"{family}, {mode}: {len(made)} versions")
        for version in made:
            found = verify(config, index, MODEL, version)
            assert (found.verdict, found.first_difference, found.environment) == ("reproduced", None, {}), version
            assert found.examples >= (index.manifest(MODEL, version) or {})["examples"]["count"]
        found = verify(config, index, MODEL, made[-1], from_scratch=True)
        assert (found.verdict, found.replayed[0]) == ("reproduced", found.replayed[0])


def publish(config: Config, manifest: dict[str, Any], changes: dict[str, Any]) -> None:
    """A version's manifest once more, with changes and the hash that goes with them, unless another one is given."""
    changed = manifest | changes
    sealed = changed | {"manifest_sha256": manifest_sha256(changed)} | changes
    write(config, version_key(MODEL, 1), orjson.dumps(sealed))


def write(config: Config, key: str, value: bytes, *, serving: bool = False) -> None:
    sender, topics = producer(config.kafka, "test"), Topics(config.kafka.topic_prefix)
    home = partition_of(MODEL, config.kafka.partitions) if serving else INDEX_PARTITION
    sender.produce(topics.serving if serving else topics.registry, value, key.encode(), home)
    assert sender.flush(10) == 0


def verdict(config: Config, version: int = 1) -> tuple[str, str]:
    with registry(config) as index:
        found = verify(config, index, MODEL, version)
    return found.verdict, found.first_difference or ""


def trained(kafka: KafkaConfig) -> Config:
    config = configured(kafka, "frozen", **FAMILIES["logistic"])
    train(config, MODEL, write_examples(config, MODEL, elec2("binary")[:400]), 1)
    return config


@pytest.mark.timeout(120)
def test_what_a_manifest_says_and_is_not_so_is_named(kafka: KafkaConfig) -> None:
    config = trained(kafka)
    assert verdict(config) == ("reproduced", "")
    with registry(config) as index:
        whole = dict(index.manifest(MODEL, 1) or {})
    publish(config, whole, {"trigger": "drift", "manifest_sha256": "ab"})
    assert verdict(config)[1].startswith("manifest: its SHA-256 is ")
    examples = whole["examples"]
    for changes, said in [
        ({"examples": examples | {"sha256": "0" * 64}}, "the records' chained SHA-256 is not the manifest's"),
        ({"examples": examples | {"count": examples["count"] + 1}}, "examples, the manifest says"),
        ({"examples": examples | {"last_offset": examples["last_offset"] - 1}}, "examples, the manifest says"),
        ({"examples": examples | {"first_offset": 1}}, "examples, the manifest says"),
        ({"examples": {}}, "manifest: a field is damaged (KeyError: 'topic')"),
        ({"state_digest": "0" * 64}, "snapshot of credit@1: its state's digest is not the one in the manifest"),
        ({"snapshot": whole["snapshot"] | {"sha256": "0" * 64}}, "snapshot of credit@1: "),
        ({"config": whole["config"].replace("0.95", "0.5")}, "manifest.config: it does not have"),
        ({"version": 2}, "manifest: it is of credit@2, under the key of credit@1"),
    ]:
        publish(config, whole, changes)
        word, difference = verdict(config)
        assert word == "differs", changes
        assert said in difference
    publish(config, whole, {"environment": whole["environment"] | {"river": "0.1"}})
    with registry(config) as index:
        found = verify(config, index, MODEL, 1)
    assert found.verdict == "reproduced"
    assert found.environment["river"][0] == "0.1"


@pytest.mark.timeout(120)
def test_a_state_that_its_examples_do_not_make_is_named_by_its_path(kafka: KafkaConfig) -> None:
    config = trained(kafka)
    with registry(config) as index:
        whole = dict(index.manifest(MODEL, 1) or {})
    reader = ChunkReader(kafka, "test")
    model = load(reader.read(SnapshotRef.from_wire(whole["snapshot"])), max_bytes=100_000)
    reader.close()
    model["LogisticRegression"].intercept += 1e-9
    publisher = Trainer(kafka)
    ref = publisher.begin().snapshot(chunks_key(MODEL, 1), MODEL, dump(model))
    publisher.commit()
    publish(config, whole, {"snapshot": ref.to_wire(), "state_digest": state_digest(model)})
    word, difference = verdict(config)
    assert word == "differs"
    assert difference.startswith("Pipeline.steps['LogisticRegression'].intercept: ")
    publish(
        config,
        whole,
        {
            "snapshot": ref.to_wire(),
            "state_digest": state_digest(model),
            "environment": whole["environment"] | {"river": "0.1"},
        },
    )
    assert verdict(config)[0] == "other_environment"


def flip(log: Path, offset: int) -> None:
    """Change one bit of the batch that holds a record, behind its header of 61 bytes."""
    data, at = bytearray(log.read_bytes()), 0
    while at < len(data):
        first, length = int.from_bytes(data[at : at + 8], "big"), int.from_bytes(data[at + 8 : at + 12], "big")
        if first <= offset <= first + int.from_bytes(data[at + 23 : at + 27], "big"):
            data[at + 61 + (length - 49) // 2] ^= 0x10
            log.write_bytes(bytes(data))
            return
        at += 12 + length
    raise AssertionError(f"{log} has no record {offset}")


@pytest.mark.timeout(180)
@pytest.mark.parametrize("what", ["examples", "chunk"])
def test_a_bit_that_flips_on_disk_is_named(own_broker: EmbeddedBroker, tmp_path: Path, what: str) -> None:
    kafka = KafkaConfig(bootstrap_servers=own_broker.start().bootstrap_servers, partitions=3)
    create_topics(admin(kafka), kafka)
    config = trained(kafka)
    assert verdict(config) == ("reproduced", "")
    with registry(config) as index:
        manifest = index.manifest(MODEL, 1) or {}
    topics = Topics(kafka.topic_prefix)
    if what == "examples":
        topic, partition, offset = topics.examples, manifest["examples"]["partition"], 5
    else:
        [chunk] = manifest["snapshot"]["chunks"]
        topic, partition, offset = topics.registry, chunk["partition"], chunk["offset"]
    own_broker.stop()
    [log] = tmp_path.rglob(f"{topic}-{partition}/00000000000000000000.log")
    flip(log, offset)
    own_broker.start()
    word, difference = verdict(config)
    assert word == "differs"
    assert topic in difference
    assert f"ffset {offset} " in difference


@pytest.mark.timeout(120)
def test_what_is_gone_is_named(kafka: KafkaConfig) -> None:
    config = trained(kafka)
    topic, home = Topics(kafka.topic_prefix).examples, partition_of(MODEL, kafka.partitions)
    client = admin(kafka)
    for future in client.delete_records([TopicPartition(topic, home, 3)]).values():
        future.result(timeout=10)
    assert verdict(config) == ("not_rebuildable", f"{topic}[{home}] begins at offset 3; 0 to 2 are gone")
    with registry(config) as index, pytest.raises(RegistryError, match="credit has no version 7; there are: 1"):
        verify(config, index, MODEL, 7)
