"""Writes versions by the thousand: a version as the trainer publishes it, numbered anew again and again."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml
from confluent_kafka import Producer

from trimtab.config import Config, load_config
from trimtab.events import Example
from trimtab.events.examples import Examples
from trimtab.kafka.clients import admin, producer
from trimtab.kafka.topics import Topics, create_topics
from trimtab.registry.publish import Publication
from trimtab.registry.records import (
    INDEX_PARTITION,
    ChunkRef,
    SnapshotRef,
    champion_key,
    chunk_partition,
    chunks_key,
    manifest_sha256,
    reference_key,
    version_key,
)
from trimtab.roles.trainer_records import Decided, Standing, decided, publish_promotion
from trimtab.training import Batch, Promotion, Trainer

__all__ = ["Template", "configured", "index_records", "templates", "transactional", "write_versions"]

FIRST = 200
_TIMEOUT_S = 60.0
_AT_ONCE = 1_000


def configured(bootstrap: str, folder: Path, models: Sequence[str], *, prefix: str, **more: Any) -> Config:
    """Small models, and topics for them."""
    spec = {
        "task": "binary",
        "features": {"x": {"type": "numeric"}, "y": {"type": "numeric"}},
        "factory": {
            "pipeline": [
                {"class": "river.preprocessing:StandardScaler"},
                {"class": "river.linear_model:LogisticRegression"},
            ]
        },
        "first_version_after": FIRST,
        "reference_examples": FIRST,
        **more,
    }
    kafka = {"bootstrap_servers": bootstrap, "topic_prefix": prefix, "partitions": 4}
    path = folder / f"{prefix}yaml"
    settings = {"kafka": kafka, "data_dir": str(folder / "data"), "models": dict.fromkeys(models, spec)}
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    config = load_config(path)
    create_topics(admin(config.kafka), config.kafka)
    return config


def transactional(config: Config, name: str) -> Producer:
    """A producer that fences its predecessors of that name."""
    sender = producer(config.kafka, f"loadtest-{name}", transactional_id=f"{config.kafka.topic_prefix}{name}")
    sender.init_transactions(_TIMEOUT_S)
    return sender


class Template:
    """A version as the trainer publishes it: manifest, reference and snapshot."""

    def __init__(self, trainer: Trainer, made: Decided, promotion: Promotion, config: Config) -> None:
        self.model = trainer.name
        self._records: dict[str, Any] = {}
        topics, partitions = Topics(config.kafka.topic_prefix), config.kafka.partitions
        publish_promotion(self, trainer, made, promotion, topics, partitions, Standing())  # type: ignore[arg-type]  # keeps
        self.data = made.snapshot
        self._manifest = self._records[version_key(self.model, 1)]
        self._reference = self._records[reference_key(self.model, 1)]

    def snapshot(self, _key: str, model: str, data: bytes) -> SnapshotRef:
        """What a publication says of the bytes; they are written later."""
        return SnapshotRef(len(data), hashlib.sha256(data).hexdigest(), (ChunkRef(1, 0, len(data)),))

    def index(self, key: str, record: Any) -> None:
        """Keep a record."""
        self._records[key] = record

    def serve(self, key: str, record: Any) -> None:
        """The same record."""

    def manifest(self, version: int, ref: SnapshotRef) -> dict[str, Any]:
        """That of another version."""
        rest = {**self._manifest, "version": version, "snapshot": ref.to_wire(), "created_ms": _now_ms()}
        return rest | {"manifest_sha256": manifest_sha256(rest)}

    def reference(self, version: int) -> dict[str, Any]:
        """Likewise."""
        return {**self._reference, "id": f"{self.model}@{version}"}

    def alias(self, version: int, manifest: dict[str, Any]) -> dict[str, Any]:
        """The champion."""
        return Standing({version: manifest["manifest_sha256"]}).alias(self.model, version, "promotion", _now_ms())


def templates(config: Config) -> dict[str, Template]:
    """One of each model, trained on made-up examples."""
    found = {}
    for number, (name, model) in enumerate(config.models.items()):
        trainer = Trainer(name, model)
        rows = [_example(i, number) for i in range(FIRST)]
        (promotion,) = trainer.on_batch(Batch(0, "00", Examples.of(rows, model)))
        if not isinstance(promotion, Promotion):
            raise SystemExit(f"loadtest: {name} made no version")
        found[name] = Template(trainer, decided(trainer, promotion, _now_ms()), promotion, config)
    return found


def _example(i: int, number: int) -> Example:
    x = {"x": ((i * 37 + number) % 101) / 50 - 1.0, "y": ((i * 53) % 97) / 48 - 1.0}
    return Example(str(i), i, i, dict(x), "1" if x["x"] > 0 else "0", None, None, 1, None, i)


def write_versions(config: Config, sender: Producer, template: Template, versions: Iterable[int]) -> None:
    """Chunks, manifests, references and aliases of many versions of a model, a thousand in a transaction."""
    numbers = list(versions)
    for at in range(0, len(numbers), _AT_ONCE):
        some = numbers[at : at + _AT_ONCE]
        sender.begin_transaction()
        refs = _chunks(config, sender, template, some)
        publication = Publication(config.kafka, sender, config.kafka.partitions)
        for version in some:
            manifest = template.manifest(version, refs[version])
            publication.index(version_key(template.model, version), manifest)
            publication.index(reference_key(template.model, version), template.reference(version))
            alias = template.alias(version, manifest)
            publication.index(champion_key(template.model), alias)
            # As the trainer does: what services need of a version goes when another serves.
            publication.serve(version_key(template.model, version), manifest)
            publication.serve(champion_key(template.model), alias)
            if version > numbers[0]:
                publication.serve(version_key(template.model, version - 1), None)
        sender.flush(_TIMEOUT_S)
        sender.commit_transaction(_TIMEOUT_S)


def _chunks(config: Config, sender: Producer, template: Template, versions: Sequence[int]) -> dict[int, SnapshotRef]:
    """Where the bytes of each version lie."""
    topic = Topics(config.kafka.topic_prefix).registry
    partition = chunk_partition(template.model, config.kafka.partitions)
    sha256, size, offsets = hashlib.sha256(template.data).hexdigest(), len(template.data), dict[int, int]()

    def stored(version: int) -> Any:
        return lambda _error, message: offsets.__setitem__(version, message.offset())

    for version in versions:
        key = f"{chunks_key(template.model, version)}/0".encode()
        sender.produce(topic, template.data, key, partition, on_delivery=stored(version))
    sender.flush(_TIMEOUT_S)
    return {v: SnapshotRef(size, sha256, (ChunkRef(partition, offsets[v], size),)) for v in versions}


def index_records(config: Config) -> dict[bytes, bytes | None]:
    """The index partition, each key's last record."""
    from trimtab.kafka.tables import read_table

    topic = Topics(config.kafka.topic_prefix).registry
    table = read_table(config.kafka, topic, INDEX_PARTITION, timeout_s=300)
    return {key.encode(): value for key, value in table.items()}


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
