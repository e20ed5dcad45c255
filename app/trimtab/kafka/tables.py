"""A compacted topic as a table: the newest committed value of every key in one partition."""

from __future__ import annotations

import time

from confluent_kafka import KafkaError as RawError
from confluent_kafka import KafkaException, TopicPartition

from trimtab.config import KafkaConfig
from trimtab.errors import KafkaError
from trimtab.kafka.clients import consumer, message_of

__all__ = ["read_table"]


def read_table(config: KafkaConfig, topic: str, partition: int, timeout_s: float = 30.0) -> dict[str, bytes]:
    """Read a partition to its end.

    Raises
    ------
    KafkaError
        If the end is not reached within ``timeout_s`` seconds.
    """
    table: dict[str, bytes] = {}
    reader = consumer(config, "trimtab-table", enable_partition_eof=True)
    deadline = time.monotonic() + timeout_s
    try:
        # librdkafka, which knows no leader yet, would look for one only after half a second.
        reader.list_topics(topic, timeout=timeout_s)
        reader.assign([TopicPartition(topic, partition, 0)])
        while time.monotonic() < deadline:
            for message in reader.consume(1_000, timeout=0.1):
                error = message.error()
                if error is not None:
                    if error.code() == RawError._PARTITION_EOF:
                        return table
                    raise KafkaError(f"cannot read {topic}[{partition}]: {error.str()}")
                key = (message.key() or b"").decode()
                if message.value() is None:
                    table.pop(key, None)
                else:
                    table[key] = message.value()
    except KafkaException as error:
        raise KafkaError(f"cannot read {topic}[{partition}]: {message_of(error)}") from error
    finally:
        reader.close()
    raise KafkaError(f"{topic}[{partition}] was not read to its end within {timeout_s:.0f} s; is Kafka overloaded?")
