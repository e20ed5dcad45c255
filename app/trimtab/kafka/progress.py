"""How far a consumer group is, beside how far its topics are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from confluent_kafka import ConsumerGroupTopicPartitions, IsolationLevel, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from trimtab.errors import KafkaError
from trimtab.kafka.clients import message_of

__all__ = ["Place", "Progress", "progress"]

Place = tuple[str, int]
"""Topic and partition."""


class Progress(NamedTuple):
    """Offsets by place: ``read`` were asked for before ``ends``, which include what is not committed yet."""

    read: dict[Place, int]
    ends: dict[Place, int]


def progress(
    kafka: AdminClient, group: str, places: Sequence[Place], others: Sequence[Place] = (), timeout_s: float = 5.0
) -> Progress:
    """What ``group`` has committed of ``places``, and the ends of these and of ``others``; blocks.

    A group that has committed nothing has read up to the partition's beginning.

    Raises
    ------
    KafkaError
        Kafka does not answer.
    """
    try:
        asked = [ConsumerGroupTopicPartitions(group, [TopicPartition(*place) for place in places])]
        answer = kafka.list_consumer_group_offsets(asked, request_timeout=timeout_s)[group].result()
        read = {(of.topic, of.partition): int(of.offset) for of in answer.topic_partitions}
        fresh = [place for place in places if read.get(place, -1) < 0]
        read |= _offsets(kafka, fresh, OffsetSpec.earliest(), timeout_s)
        return Progress(read, _offsets(kafka, [*places, *others], OffsetSpec.latest(), timeout_s))
    except KafkaException as error:
        raise KafkaError(f"cannot ask how far {group} is: {message_of(error)}; is Kafka up?") from error


def _offsets(kafka: AdminClient, places: Sequence[Place], spec: OffsetSpec, timeout_s: float) -> dict[Place, int]:
    if not places:
        return {}
    found = kafka.list_offsets(
        {TopicPartition(*place): spec for place in places},
        isolation_level=IsolationLevel.READ_UNCOMMITTED,
        request_timeout=timeout_s,
    )
    return {(of.topic, of.partition): int(answer.result().offset) for of, answer in found.items()}
