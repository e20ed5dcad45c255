"""Publishes version 1 of the model with its reference, as the trainer does."""

from __future__ import annotations

import time

from loadtest.peers.scripts.task import MODEL
from trimtab.config import Config
from trimtab.kafka.clients import producer
from trimtab.kafka.topics import Topics
from trimtab.profiles import Reference
from trimtab.registry.publish import Publication
from trimtab.roles.trainer_records import publish_promotion
from trimtab.training import Promotion, Trainer
from trimtab.training.lineage import LearntRange

__all__ = ["publish_version"]

_TIMEOUT_S = 30.0


def publish_version(config: Config, reference: Reference) -> None:
    """An untrained model as version 1, served from now on, compared with ``reference``."""
    kafka = config.kafka
    trainer = Trainer(MODEL, config.models[MODEL])
    promotion = Promotion(
        version=1,
        model=trainer.state.lineage.model,
        candidate="first",
        trigger="first",
        actor="loadtest",
        incident=None,
        parent=None,
        learnt=LearntRange(),
        reference=reference,
        race=None,
    )
    sender = producer(kafka, "loadtest-trainer", transactional_id=f"{kafka.topic_prefix}loadtest-trainer")
    sender.init_transactions(_TIMEOUT_S)
    sender.begin_transaction()
    publication = Publication(kafka, sender, kafka.partitions)
    now_ms = time.time_ns() // 1_000_000
    publish_promotion(publication, trainer, promotion, Topics(kafka.topic_prefix), kafka.partitions, now_ms)
    sender.commit_transaction(_TIMEOUT_S)
