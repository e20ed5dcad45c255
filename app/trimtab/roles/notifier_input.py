"""What the notifier reads: alerts and audit entries from where it was, and all silences from the beginning."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from confluent_kafka import KafkaError as RawError
from confluent_kafka import KafkaException, Message, TopicPartition

from trimtab.config import Config
from trimtab.errors import KafkaError
from trimtab.kafka.clients import consumer, message_of
from trimtab.kafka.topics import Topics

__all__ = ["Input"]


class Input:
    """Reads the topics together.

    Parameters
    ----------
    offsets
        Next offset of each ``TOPIC/PARTITION``, without the prefix; of topics that are not in it, alerts are read from
        the beginning and audit entries from the end.

    Raises
    ------
    KafkaError
        If Kafka does not answer.
    """

    def __init__(self, config: Config, offsets: Mapping[str, int]) -> None:
        self._prefix = config.kafka.topic_prefix
        topics = Topics(self._prefix)
        self._reader = consumer(config.kafka, "trimtab-notifier-input", enable_partition_eof=True, fetch_wait_max_ms=50)
        places = []
        try:
            self._reader.list_topics(topics.alerts, timeout=10)
            for number in range(config.kafka.partitions):
                places.append(TopicPartition(topics.silences, number, 0))
                places.append(self._place(topics.alerts, number, offsets, 0))
                places.append(self._place(topics.audit, number, offsets, None))
        except KafkaException as error:
            raise KafkaError(f"{topics.alerts}: cannot be read: {message_of(error)}") from error
        self._reader.assign(places)
        self._behind = {(place.topic, place.partition) for place in places}

    @property
    def behind(self) -> bool:
        """Whether something that was there at the beginning is still to be read."""
        return bool(self._behind)

    def read(self, wait_s: float) -> Iterator[tuple[str, Message]]:
        """Records that are there, each with its topic without the prefix; raises KafkaError."""
        try:
            first = self._reader.poll(wait_s)
            found = [] if first is None else [first, *self._reader.consume(500, timeout=0)]
        except KafkaException as error:
            raise KafkaError(f"cannot read alerts: {message_of(error)}") from error
        for message in found:
            wrong = message.error()
            if wrong is None:
                yield (message.topic() or "").removeprefix(self._prefix), message
            elif wrong.code() == RawError._PARTITION_EOF:
                self._behind.discard((message.topic(), message.partition()))
            elif wrong.fatal():
                raise KafkaError(f"cannot read alerts: {wrong.str()}")

    def close(self) -> None:
        """End."""
        self._reader.close()

    def _place(self, topic: str, number: int, offsets: Mapping[str, int], missing: int | None) -> TopicPartition:
        offset = offsets.get(f"{topic.removeprefix(self._prefix)}/{number}", missing)
        low, high = self._reader.get_watermark_offsets(TopicPartition(topic, number), timeout=10)
        # What retention took cannot be read, and topics that were made anew begin at 0.
        return TopicPartition(topic, number, high if offset is None else min(max(offset, low), high))
