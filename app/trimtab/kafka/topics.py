"""The topics: their names, partitions and settings, created and checked in one place."""

from __future__ import annotations

import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trimtab.config import KafkaConfig
from trimtab.errors import KafkaError

if TYPE_CHECKING:
    from confluent_kafka.admin import AdminClient

__all__ = ["TOPICS", "Topics", "TopicSpec", "check_topics", "create_topics", "partition_of"]

_DAY_MS = 86_400_000
_INPUT_BYTES = 4_000_000


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """One topic: ``cleanup`` as Kafka spells it, ``retention_ms`` -1 for ever."""

    name: str
    cleanup: str = "delete"
    retention_ms: int = 7 * _DAY_MS
    max_message_bytes: int = 1_100_000
    segment_ms: int | None = None
    segment_bytes: int = 67_108_864


TOPICS: tuple[TopicSpec, ...] = (
    # Inputs take more than collector.max_event_bytes, so that a large event reaches dead letters with its reason.
    TopicSpec("features", max_message_bytes=_INPUT_BYTES, retention_ms=30 * _DAY_MS),
    TopicSpec("predictions", max_message_bytes=_INPUT_BYTES, retention_ms=30 * _DAY_MS),
    TopicSpec("labels", max_message_bytes=_INPUT_BYTES, retention_ms=30 * _DAY_MS),
    TopicSpec("profiles", max_message_bytes=_INPUT_BYTES),
    TopicSpec("examples", retention_ms=-1, max_message_bytes=_INPUT_BYTES),
    TopicSpec("metrics", retention_ms=30 * _DAY_MS),
    TopicSpec("windows", retention_ms=90 * _DAY_MS),
    TopicSpec("alerts", cleanup="compact,delete", retention_ms=365 * _DAY_MS),
    TopicSpec("followers", cleanup="compact,delete", retention_ms=_DAY_MS, segment_ms=600_000),
    TopicSpec("silences", cleanup="compact", retention_ms=-1, segment_ms=600_000),
    TopicSpec("notices", retention_ms=365 * _DAY_MS),
    TopicSpec("health", cleanup="compact,delete", retention_ms=_DAY_MS, segment_ms=600_000),
    TopicSpec("commands", retention_ms=365 * _DAY_MS),
    TopicSpec("registry", cleanup="compact", retention_ms=-1, max_message_bytes=_INPUT_BYTES, segment_ms=600_000),
    # What services read when they start: only closed segments are compacted, so they are small.
    TopicSpec(
        "serving",
        cleanup="compact",
        retention_ms=-1,
        max_message_bytes=_INPUT_BYTES,
        segment_ms=600_000,
        segment_bytes=1_048_576,
    ),
    TopicSpec("state", cleanup="compact", retention_ms=-1, max_message_bytes=_INPUT_BYTES, segment_ms=600_000),
    TopicSpec("audit", retention_ms=-1),
    TopicSpec("dead-letters", retention_ms=90 * _DAY_MS),
)


class Topics:
    """Full topic names under a prefix.

    Examples
    --------
    >>> Topics("trimtab.").dead_letters
    'trimtab.dead-letters'
    """

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix

    def __getattr__(self, name: str) -> str:
        topic = name.replace("_", "-")
        if topic not in _NAMES:
            raise AttributeError(name)
        return self.prefix + topic

    @property
    def inputs(self) -> tuple[str, str, str]:
        """Features, predictions and labels: co-partitioned by event id."""
        return self.features, self.predictions, self.labels


_NAMES = frozenset(spec.name for spec in TOPICS)


def partition_of(key: str, partitions: int) -> int:
    """Partition of a key: CRC-32, librdkafka's ``consistent`` partitioner, so that its clients agree.

    Examples
    --------
    >>> partition_of("credit", 4)
    2
    """
    return zlib.crc32(key.encode()) % partitions


def create_topics(admin: AdminClient, config: KafkaConfig, timeout_s: float = 30.0) -> list[str]:
    """Create what is missing; returns the names created. Raises KafkaError."""
    from confluent_kafka import KafkaError as RawError
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import NewTopic

    existing = _listed(admin, timeout_s)
    wanted = [
        NewTopic(
            config.topic_prefix + spec.name,
            num_partitions=config.partitions,
            replication_factor=config.replication_factor,
            config=_settings(spec),
        )
        for spec in TOPICS
        if config.topic_prefix + spec.name not in existing
    ]
    created = []
    for name, future in admin.create_topics(wanted, operation_timeout=timeout_s).items() if wanted else ():
        try:
            future.result()
            created.append(name)
        except KafkaException as error:
            if error.args[0].code() != RawError.TOPIC_ALREADY_EXISTS:
                raise KafkaError(f"cannot create topic {name}: {error.args[0].str()}") from error
    _await_listed(admin, {topic.topic for topic in wanted}, timeout_s)
    _await_served(admin, [(topic.topic, number) for topic in wanted for number in range(config.partitions)], timeout_s)
    return created


def check_topics(admin: AdminClient, config: KafkaConfig, timeout_s: float = 10.0) -> list[str]:
    """What is wrong with the topics, one line each; empty when all is well. Raises KafkaError."""
    listed = _listed(admin, timeout_s)
    names = [config.topic_prefix + spec.name for spec in TOPICS]
    missing = [name for name in names if name not in listed]
    other = [f"{name} ({listed[name]})" for name in names if listed.get(name, config.partitions) != config.partitions]
    problems = []
    if missing:
        problems.append(f"missing: {', '.join(missing)}; create with: trimtab topics create")
    if other:
        wanted = f"kafka.partitions is {config.partitions}"
        problems.append(f"{wanted}, but not that of {', '.join(other)}; set it to theirs, or recreate the topics")
    return problems


def _await_listed(admin: AdminClient, names: set[str], timeout_s: float) -> None:
    """Brokers hear of a new topic a moment after the controller has made it."""
    deadline = time.monotonic() + timeout_s
    while missing := names - _listed(admin, timeout_s).keys():
        if time.monotonic() > deadline:
            raise KafkaError(f"topics {', '.join(sorted(missing))} were created but are not listed; try again")
        time.sleep(0.05)


def _await_served(admin: AdminClient, partitions: Sequence[tuple[str, int]], timeout_s: float) -> None:
    """A broker lists a new partition before it serves it, and may lose a record in between (docs/decisions/0019)."""
    from confluent_kafka import KafkaException, TopicPartition
    from confluent_kafka.admin import OffsetSpec

    deadline = time.monotonic() + timeout_s
    while partitions:
        asked = {TopicPartition(*place): OffsetSpec.latest() for place in partitions}
        missing = []
        for place, future in admin.list_offsets(asked, request_timeout=timeout_s).items():
            try:
                future.result()
            except KafkaException as error:
                missing.append((place.topic, place.partition))
                why = error.args[0].str()
        if missing and time.monotonic() > deadline:
            topic, number = missing[0]
            raise KafkaError(f"{topic}[{number}] was created but is not served after {timeout_s:.0f} s: {why}")
        partitions = missing
        time.sleep(0.02 if missing else 0)


def _listed(admin: AdminClient, timeout_s: float) -> dict[str, int]:
    from confluent_kafka import KafkaException

    try:
        metadata = admin.list_topics(timeout=timeout_s)
    except KafkaException as error:
        raise KafkaError(f"no Kafka broker answers within {timeout_s:.0f} s: {error.args[0].str()}") from error
    return {name: len(topic.partitions) for name, topic in metadata.topics.items()}


def _settings(spec: TopicSpec) -> dict[str, str]:
    settings = {
        "cleanup.policy": spec.cleanup,
        "retention.ms": str(spec.retention_ms),
        "max.message.bytes": str(spec.max_message_bytes),
    }
    if spec.segment_ms is not None:
        # Only closed segments are compacted.
        settings |= {
            "segment.ms": str(spec.segment_ms),
            "segment.bytes": str(spec.segment_bytes),
            "min.cleanable.dirty.ratio": "0.2",
        }
    return settings
