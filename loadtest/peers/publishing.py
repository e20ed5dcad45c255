"""Publishes a version of models with their references, as the trainer does."""

from __future__ import annotations

import time
from collections.abc import Mapping

from trimtab.config import Config
from trimtab.kafka.clients import producer
from trimtab.kafka.topics import Topics
from trimtab.profiles import Reference
from trimtab.registry.publish import Publication
from trimtab.roles.trainer_records import Standing, decided, publish_promotion
from trimtab.training import Promotion, Trainer
from trimtab.training.lineage import LearntRange

__all__ = ["publish_versions"]

_TIMEOUT_S = 30.0
_AT_ONCE = 50  # models of one transaction


def publish_versions(config: Config, references: Mapping[str, Reference], version: int = 1) -> None:
    """An untrained version of each model, served from now on, compared with its reference."""
    kafka = config.kafka
    sender = producer(kafka, "loadtest-trainer", transactional_id=f"{kafka.topic_prefix}loadtest-trainer")
    sender.init_transactions(_TIMEOUT_S)
    names = list(references)
    for start in range(0, len(names), _AT_ONCE):
        sender.begin_transaction()
        for model in names[start : start + _AT_ONCE]:
            trainer = Trainer(model, config.models[model])
            promotion = _first(trainer.state.lineage.model, references[model], version)
            publication = Publication(kafka, sender, kafka.partitions)
            made = decided(trainer, promotion, time.time_ns() // 1_000_000)
            topics, standing = Topics(kafka.topic_prefix), Standing()
            publish_promotion(publication, trainer, made, promotion, topics, kafka.partitions, standing)
        sender.commit_transaction(_TIMEOUT_S)


def _first(model: str, reference: Reference, version: int) -> Promotion:
    return Promotion(
        version=version,
        model=model,
        candidate="first",
        trigger="first",
        actor="loadtest",
        incident=None,
        parent=None,
        learnt=LearntRange(),
        reference=reference,
        race=None,
    )
