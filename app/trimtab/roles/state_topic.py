"""Reads a role's own state back from the compacted ``state`` topic."""

from __future__ import annotations

import time
from typing import Any

import orjson

from trimtab.config import KafkaConfig
from trimtab.errors import KafkaError
from trimtab.kafka.topics import Topics

__all__ = ["read_states", "state_key"]


def state_key(role: str, model: str) -> str:
    """Key of a model's state.

    Examples
    --------
    >>> state_key("monitor", "credit")
    'monitor/credit'
    """
    return f"{role}/{model}"


def read_states(config: KafkaConfig, role: str, partition: int, timeout_s: float = 30.0) -> dict[str, dict[str, Any]]:
    """Latest committed state of every model of one partition; blocks. Raises KafkaError.

    Start the partition's :class:`TransactionalOutput` first: only then is what predecessors wrote final.
    """
    from confluent_kafka import OFFSET_BEGINNING, KafkaException, TopicPartition

    from trimtab.kafka.clients import consumer, message_of

    topic = Topics(config.topic_prefix).state
    prefix = state_key(role, "")
    states: dict[str, dict[str, Any]] = {}
    deadline = time.monotonic() + timeout_s
    reader = consumer(config, f"{role}-state-{partition}")
    try:
        tp = TopicPartition(topic, partition, OFFSET_BEGINNING)
        _, end = reader.get_watermark_offsets(tp, timeout=timeout_s)
        reader.assign([tp])
        while _position(reader, tp) < end:
            if time.monotonic() > deadline:
                raise KafkaError(f"{topic}: partition {partition} is not read within {timeout_s:.0f} s; is Kafka slow?")
            for message in reader.consume(1_000, timeout=0.05):
                if message.error() is not None:
                    raise KafkaException(message.error())
                key = (message.key() or b"").decode()
                if not key.startswith(prefix):
                    continue
                value = message.value()
                if value is None:
                    states.pop(key.removeprefix(prefix), None)
                else:
                    states[key.removeprefix(prefix)] = orjson.loads(value)
    except KafkaException as error:
        raise KafkaError(f"{topic}: {message_of(error)}; check the broker, then start {role} again") from error
    finally:
        reader.close()
    return states


def _position(reader: Any, tp: Any) -> int:
    """Next offset to read; past transaction markers, which are never delivered."""
    [at] = reader.position([tp])
    return max(0, int(at.offset))
