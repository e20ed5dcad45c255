"""Orders to a model's trainer, and their way to the topic ``commands``."""

from __future__ import annotations

import uuid
from typing import Any

import orjson

from trimtab import clock
from trimtab.config import Config
from trimtab.errors import KafkaError
from trimtab.kafka.clients import admin
from trimtab.kafka.sending import send
from trimtab.kafka.topics import Topics, partition_of
from trimtab.registry.signing import signed_order

__all__ = ["command_record", "new_order", "partition_of_orders", "send_order"]


def command_record(
    command: str, model: str, actor: str, reason: str, *, id: str, time_ms: int, version: int | None = None
) -> dict[str, Any]:
    """A record of the topic ``commands`` (schemas/command.avsc)."""
    return {
        "id": id,
        "model": model,
        "command": command,
        "version": version,
        "actor": actor,
        "reason": reason,
        "time_ms": time_ms,
    }


def new_order(config: Config, command: str, model: str, version: int | None, actor: str, reason: str) -> dict[str, Any]:
    """A new order, signed when this configuration has a key to sign with."""
    now_ms = clock.now_ms()
    record = command_record(command, model, actor, reason, id=uuid.uuid4().hex, time_ms=now_ms, version=version)
    return signed_order(config, record)


def partition_of_orders(config: Config, model: str) -> int:
    """The partition of ``commands`` that a model's trainer reads; raises KafkaError when there is no such topic."""
    topic = Topics(config.kafka.topic_prefix).commands
    partitions = len(admin(config.kafka).list_topics(topic, timeout=10).topics[topic].partitions)
    if partitions == 0:
        raise KafkaError(f"topic {topic} does not exist; create it with: trimtab topics create")
    return partition_of(model, partitions)


def send_order(config: Config, order: dict[str, Any], partition: int, client_id: str = "trimtab-cli") -> None:
    """Write an order where the trainer reads it; raises KafkaError."""
    topic = Topics(config.kafka.topic_prefix).commands
    wire = (topic, str(order["model"]).encode(), orjson.dumps(order), partition)
    send(config.kafka, [wire], f"{topic}: the order", client_id)
