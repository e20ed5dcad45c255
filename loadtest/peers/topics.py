"""Topics of the load test: made, filled, read back and deleted."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import orjson
from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import NewTopic

from loadtest.peers.formats import Record
from trimtab.config import KafkaConfig
from trimtab.kafka.clients import admin, producer
from trimtab.kafka.reading import read_topics

__all__ = ["create", "delete", "fill", "read_json"]

_POLL_EVERY = 1_000
_FLUSH_S = 300.0


def create(config: KafkaConfig, topic: str, partitions: int) -> None:
    """Make a topic that keeps everything."""
    new = NewTopic(topic, num_partitions=partitions, replication_factor=1, config={"retention.ms": "-1"})
    client = admin(config)
    for made in client.create_topics([new]).values():
        made.result()


def delete(config: KafkaConfig, wanted: Callable[[str], bool]) -> None:
    """Delete the topics whose names are wanted; what cannot be deleted goes with the broker's folder."""
    client = admin(config)
    names = [name for name in client.list_topics(timeout=10).topics if wanted(name)]
    for deleted in client.delete_topics(names).values() if names else ():
        try:
            deleted.result()
        except KafkaException:
            continue


def fill(config: KafkaConfig, topic: str, records: Iterable[Record]) -> int:
    """Produce records with lz4; returns how many."""
    sender: Producer = producer(
        config, "loadtest-fill", linger_ms=20, batch_size=1 << 18, queue_buffering_max_messages=1_000_000
    )
    count = 0
    for count, record in enumerate(records, 1):
        _produce(sender, topic, record)
        if count % _POLL_EVERY == 0:
            sender.poll(0)
    if sender.flush(_FLUSH_S):
        raise SystemExit(f"loadtest: the broker did not take {topic} within {_FLUSH_S:.0f} s")
    return count


def read_json(config: KafkaConfig, topic: str) -> list[dict[str, Any]]:
    """All committed messages of a topic."""
    return [orjson.loads(message.value()) for message in read_topics(config, [topic])]


def _produce(sender: Producer, topic: str, record: Record) -> None:
    while True:
        try:
            sender.produce(topic, record.value, record.key, record.partition)
            return
        except BufferError:  # the queue is full: let deliveries make room
            sender.poll(0.05)
