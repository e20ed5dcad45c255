"""Reads whole topics without a consumer group: for people, reports and measurements."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from trimtab.config import KafkaConfig
from trimtab.errors import KafkaError
from trimtab.kafka.clients import consumer, message_of

if TYPE_CHECKING:
    from confluent_kafka import Message

__all__ = ["read_topics"]

_BATCH = 1_000
_WAIT_S = 0.1


def read_topics(
    config: KafkaConfig,
    topics: Sequence[str],
    *,
    follow: bool = False,
    stop: Callable[[], bool] = lambda: False,
    timeout_s: float = 10.0,
) -> Iterator[Message]:
    """Committed records of all partitions from the beginning; ordered within a partition.

    Parameters
    ----------
    config, topics
        Where Kafka is, and the full names of the topics.
    follow
        Go on at the end, until ``stop()`` is true.
    stop
        Asked at least every 0.1 seconds.
    timeout_s
        Limit for the broker's first answer.

    Raises
    ------
    KafkaError
        If there is no broker, or no such topic.
    """
    from confluent_kafka import OFFSET_BEGINNING, KafkaException, TopicPartition
    from confluent_kafka import KafkaError as RawError

    source = consumer(config, "trimtab-reader", enable_partition_eof=True, fetch_wait_max_ms=50)
    try:
        listed = source.list_topics(timeout=timeout_s).topics
        for topic in topics:
            if topic not in listed:
                raise KafkaError(f"topic {topic} does not exist; create it with: trimtab topics create")
        open_partitions = {(topic, p) for topic in topics for p in listed[topic].partitions}
        source.assign([TopicPartition(topic, p, OFFSET_BEGINNING) for topic, p in sorted(open_partitions)])
        while (follow or open_partitions) and not stop():
            first = source.poll(_WAIT_S)
            if first is None:
                continue
            # consume() waits for a full batch, so it only takes what is there already.
            for message in (first, *source.consume(_BATCH, timeout=0)):
                error = message.error()
                if error is None:
                    yield message
                elif error.code() == RawError._PARTITION_EOF:
                    open_partitions.discard((message.topic(), message.partition()))
    except KafkaException as error:
        raise KafkaError(f"{', '.join(topics)}: cannot be read: {message_of(error)}; is Kafka up?") from error
    finally:
        source.close()
