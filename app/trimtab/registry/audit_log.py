"""Reads the audit log, and finds where a chain in it stands."""

from __future__ import annotations

from collections.abc import Iterator

import orjson

from trimtab.config import KafkaConfig
from trimtab.kafka.reading import read_topics
from trimtab.kafka.topics import Topics
from trimtab.registry.audit import Chain, Entry, Head, heads_of

__all__ = ["chain_of", "read_audit"]


def read_audit(kafka: KafkaConfig, model: str | None = None) -> Iterator[Entry]:
    """All entries, or those of one model, ordered within each partition; raises KafkaError."""
    for message in read_topics(kafka, [Topics(kafka.topic_prefix).audit]):
        if model is None or message.key() == model.encode():
            try:
                record = orjson.loads(message.value() or b"")
            except orjson.JSONDecodeError:
                record = None
            yield Entry(message.partition(), message.offset(), record if isinstance(record, dict) else None)


def chain_of(kafka: KafkaConfig, model: str, writer: str) -> Chain:
    """The chain as it stands in the log, for who goes on with it; raises KafkaError."""
    return Chain(model, writer, heads_of(read_audit(kafka, model)).get((model, writer), Head()))
