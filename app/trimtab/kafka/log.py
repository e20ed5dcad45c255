"""Reading one stretch of a partition again, by exact offsets."""

from __future__ import annotations

import time
from collections.abc import Iterator

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition
from confluent_kafka import KafkaError as RawError

from trimtab.config import KafkaConfig
from trimtab.errors import KafkaError
from trimtab.kafka.clients import consumer, message_of

__all__ = ["LogDamaged", "LogGone", "follow", "read_range"]


class LogDamaged(KafkaError):
    """A record does not have its checksum."""


class LogGone(KafkaError):
    """Retention has taken the beginning of what was asked for.

    Attributes
    ----------
    low
        The first offset that is left.
    """

    def __init__(self, topic: str, partition: int, first: int, low: int) -> None:
        super().__init__(f"{topic}[{partition}] begins at offset {low}; {first} to {low - 1} are gone")
        self.low = low


def read_range(
    config: KafkaConfig, topic: str, partition: int, first: int, last: int, stall_s: float = 30.0
) -> Iterator[Message]:
    """Committed records from offset ``first`` to ``last``, both inclusive; offsets may have gaps.

    Raises
    ------
    LogGone
        If the log no longer begins at or before ``first``.
    LogDamaged
        If a record is damaged; its checksum is checked.
    KafkaError
        If the log gives nothing for ``stall_s`` seconds.
    """
    if last < first:
        return
    reader = consumer(config, "trimtab-log", enable_partition_eof=True, auto_offset_reset="error", check_crcs=True)
    deadline = time.monotonic() + stall_s
    try:
        _begin(reader, topic, partition, first, stall_s)
        while time.monotonic() < deadline:
            for message in reader.consume(500, timeout=0.1):
                error = message.error()
                if error is not None:
                    if error.code() == RawError._PARTITION_EOF:
                        return
                    _require_whole(message, topic, partition, first)
                deadline = time.monotonic() + stall_s
                if message.offset() > last:
                    return
                yield message
                if message.offset() == last:
                    return
    finally:
        reader.close()
    raise KafkaError(f"{topic}[{partition}] gave nothing for {stall_s:.0f} s between {first} and {last}")


def follow(config: KafkaConfig, topic: str, partition: int, first: int) -> Iterator[Message | None]:
    """Committed records from offset ``first`` on, for ever; None when nothing came for a tenth of a second.

    Raises
    ------
    LogGone
        If the log no longer begins at or before ``first``.
    LogDamaged
        If a record is damaged; its checksum is checked.
    KafkaError
        If Kafka does not answer.
    """
    reader = consumer(config, "trimtab-log", auto_offset_reset="error", check_crcs=True, fetch_wait_max_ms=50)
    try:
        _begin(reader, topic, partition, first, 30)
        while True:
            messages = reader.consume(500, timeout=0.1)
            for message in messages:
                _require_whole(message, topic, partition, first)
                yield message
            if not messages:
                yield None
    except KafkaException as error:
        raise KafkaError(f"{topic}[{partition}]: cannot be read: {message_of(error)}") from error
    finally:
        reader.close()


def _begin(reader: Consumer, topic: str, partition: int, first: int, timeout_s: float) -> None:
    """Let it read from an offset on, which must be there."""
    low, _ = reader.get_watermark_offsets(TopicPartition(topic, partition), timeout=timeout_s)
    if low > first:
        raise LogGone(topic, partition, first, low)
    reader.assign([TopicPartition(topic, partition, first)])


def _require_whole(message: Message, topic: str, partition: int, first: int) -> None:
    error = message.error()
    if error is not None:
        damaged = error.code() in (RawError._BAD_MSG, RawError._BAD_COMPRESSION)
        raise (LogDamaged if damaged else KafkaError)(f"cannot read {topic}[{partition}] from {first}: {error.str()}")
