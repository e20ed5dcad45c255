"""Publishes models as the trainer does, for tests of those who read them."""

from __future__ import annotations

import time
from typing import Any

from river import linear_model

from trimtab.config import Config, KafkaConfig
from trimtab.kafka.clients import producer
from trimtab.registry.publish import Publication
from trimtab.registry.records import (
    SnapshotRef,
    champion_key,
    chunks_key,
    manifest_sha256,
    online_key,
    version_key,
)
from trimtab.registry.signing import UNSIGNED, Signer
from trimtab.registry.snapshot import dump

MODEL = "credit"


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def config_of(kafka: KafkaConfig, mode: str = "frozen", **model: Any) -> Config:
    fields = {
        "task": "binary",
        "mode": mode,
        "features": {"x": {"type": "numeric"}},
        "factory": {"class": "river.linear_model:LogisticRegression"},
        **model,
    }
    return Config.model_validate({"kafka": kafka, "models": {MODEL: fields}})


def trained(answer: bool, rounds: int = 20) -> bytes:
    """A snapshot of a model that answers the same to any x > 0."""
    model = linear_model.LogisticRegression()
    for _ in range(rounds):
        model.learn_one({"x": 1.0}, answer)
    return dump(model)


class Trainer:
    """One fenced producer that publishes."""

    def __init__(self, kafka: KafkaConfig, signer: Signer = UNSIGNED) -> None:
        self.kafka = kafka
        self.signer = signer
        self.producer = producer(kafka, "test-trainer", transactional_id=f"{kafka.topic_prefix}trainer-0")
        self.producer.init_transactions(30)

    def begin(self) -> Publication:
        self.producer.begin_transaction()
        return Publication(self.kafka, self.producer, self.kafka.partitions, signer=self.signer)

    def commit(self) -> None:
        self.producer.commit_transaction(30)

    def abort(self) -> None:
        self.producer.flush(10)
        self.producer.abort_transaction(30)

    def version(
        self, version: int, data: bytes, *, model: str = MODEL, commit: bool = True, last_offset: int = 0, **wrong: Any
    ) -> SnapshotRef:
        """A version and the alias to it; ``wrong`` replaces fields of the reference."""
        publication = self.begin()
        ref = publication.snapshot(chunks_key(model, version), model, data)
        manifest = {
            "model": model,
            "version": version,
            "examples": {"last_offset": last_offset},
            "snapshot": ref.to_wire() | wrong,
        }
        publication.index(version_key(model, version), manifest)
        alias = {
            "model": model,
            "alias": "champion",
            "version": version,
            "manifest_sha256": manifest_sha256(manifest),
            "reason": "first",
            "changed_ms": now_ms(),
        }
        publication.index(champion_key(model), alias)
        publication.serve(version_key(model, version), manifest)
        publication.serve(champion_key(model), alias)
        if commit:
            self.commit()
        return ref

    def online(self, version: int, offset: int, data: bytes, *, model: str = MODEL, **wrong: Any) -> SnapshotRef:
        """The champion's state as it learns."""
        publication = self.begin()
        started_ms = now_ms()
        ref = publication.snapshot(online_key(model), model, data)
        record = {
            "model": model,
            "version": version,
            "learnt_offset": offset,
            "count": offset,
            "last_produced_ms": started_ms,
            "published_ms": started_ms,
            "snapshot": ref.to_wire() | wrong,
        }
        publication.serve(online_key(model), record)
        self.commit()
        return ref
