"""The broker, the topics with their settings, the rights, and the clocks."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from trimtab.config import Config
from trimtab.doctor.finding import Finding, Status
from trimtab.kafka.topics import TOPICS, TopicSpec

if TYPE_CHECKING:
    from confluent_kafka.admin import AdminClient

__all__ = ["broker", "clocks", "rights", "topics"]

_TIMEOUT_S = 10.0
# Clocks that are further apart make event times doubtful (``collector.max_future``) and heartbeats late.
_CLOCKS_MS = 5_000
_CREATE = "trimtab topics create"


def broker(client: AdminClient) -> Iterator[Finding]:
    """How many brokers there are, and who leads."""
    cluster = client.describe_cluster(request_timeout=_TIMEOUT_S).result(_TIMEOUT_S)
    nodes, leads = list(cluster.nodes), cluster.controller is not None
    what = f"cluster {cluster.cluster_id}, {len(nodes)} broker{'s' if len(nodes) > 1 else ''}"
    if not leads:
        yield Finding("broker", Status.FAIL, f"{what}, no controller", "wait for the election, or look at the brokers")
    else:
        yield Finding("broker", Status.OK, what)


def topics(client: AdminClient, config: Config) -> Iterator[Finding]:
    """All are there, co-partitioned, led and in sync, and kept as long as they must be."""
    kafka = config.kafka
    listed = client.list_topics(timeout=_TIMEOUT_S).topics
    missing = [spec.name for spec in TOPICS if kafka.topic_prefix + spec.name not in listed]
    if missing:
        yield Finding("topics", Status.FAIL, f"missing: {', '.join(missing)}", _CREATE)
    if len(missing) == len(TOPICS):
        return
    found = {spec: listed[kafka.topic_prefix + spec.name] for spec in TOPICS if spec.name not in missing}
    other = [
        f"{spec.name} has {len(t.partitions)}" for spec, t in found.items() if len(t.partitions) != kafka.partitions
    ]
    if other:
        what = f"kafka.partitions is {kafka.partitions}, but {', '.join(other)}: events would not meet"
        yield Finding("partitions", Status.FAIL, what, "set kafka.partitions to theirs, or recreate the topics")
    else:
        yield Finding("partitions", Status.OK, f"{len(found)} topics of {kafka.partitions} partitions each")
    yield from _led(found)
    yield from _kept(client, config, list(found))


def _led(found: dict[TopicSpec, Any]) -> Iterator[Finding]:
    lost = [f"{s.name}[{n}]" for s, t in found.items() for n, p in t.partitions.items() if p.leader < 0]
    behind = [
        f"{s.name}[{n}]" for s, t in found.items() for n, p in t.partitions.items() if len(p.isrs) < len(p.replicas)
    ]
    if lost:
        yield Finding("leaders", Status.FAIL, f"no leader: {_some(lost)}", "bring the brokers back that hold them")
    elif behind:
        yield Finding("replicas", Status.WARN, f"not in sync: {_some(behind)}", "look at the brokers that are behind")
    else:
        yield Finding("leaders", Status.OK, "every partition has a leader and its replicas in sync")


def _kept(client: AdminClient, config: Config, specs: list[TopicSpec]) -> Iterator[Finding]:
    """Cleanup, retention and record sizes; shorter retention loses what is still needed."""
    from confluent_kafka.admin import ConfigResource, ResourceType

    names = {config.kafka.topic_prefix + spec.name: spec for spec in specs}
    asked = [ConfigResource(ResourceType.TOPIC, name) for name in names]
    wrong = []
    for resource, future in client.describe_configs(asked, request_timeout=_TIMEOUT_S).items():
        wrong += _wrong_settings(names[resource.name], {n: e.value for n, e in future.result(_TIMEOUT_S).items()})
    horizon_ms = max((model.label_horizon for model in config.models.values()), default=0)
    for spec in specs:
        if spec.name in ("predictions", "features", "labels") and 0 <= spec.retention_ms < horizon_ms:
            wrong.append(f"{spec.name} may be kept for less than the longest label_horizon")
    if wrong:
        remedy = "kafka-configs --alter them back, or accept that what they hold may be lost"
        yield Finding("settings", Status.WARN, "; ".join(wrong), remedy)
    elif specs:
        yield Finding("settings", Status.OK, "compaction, retention and record sizes are as they were created")


def _wrong_settings(spec: TopicSpec, settings: dict[str, str]) -> list[str]:
    """What of a topic is not as it must be.

    Examples
    --------
    >>> spec = TopicSpec("audit", retention_ms=-1)
    >>> _wrong_settings(spec, {"cleanup.policy": "delete", "retention.ms": "1000", "max.message.bytes": "1100000"})
    ['audit: retention.ms is 1000, not -1']
    """
    found = []
    policy = set(settings.get("cleanup.policy", "").split(","))
    if policy != set(spec.cleanup.split(",")):
        found.append(f"{spec.name}: cleanup.policy is {settings.get('cleanup.policy')}, not {spec.cleanup}")
    kept = int(settings.get("retention.ms", "-1"))
    if "delete" in policy and kept >= 0 and (spec.retention_ms < 0 or kept < spec.retention_ms):
        found.append(f"{spec.name}: retention.ms is {kept}, not {spec.retention_ms}")
    largest = int(settings.get("max.message.bytes", spec.max_message_bytes))
    if largest < spec.max_message_bytes:
        found.append(f"{spec.name}: max.message.bytes is {largest}, not {spec.max_message_bytes}")
    return found


def rights(client: AdminClient, config: Config) -> Iterator[Finding]:
    """Whether this principal may read and write every topic; brokers without an authorizer allow all."""
    from confluent_kafka import KafkaException, TopicCollection
    from confluent_kafka.admin import AclOperation

    names = [config.kafka.topic_prefix + spec.name for spec in TOPICS]
    asked, lacking, wanted = 0, list[str](), (AclOperation.READ, AclOperation.WRITE, AclOperation.DESCRIBE)
    answers = client.describe_topics(TopicCollection(names), include_authorized_operations=True)
    for name, future in answers.items():
        try:
            allowed = future.result(_TIMEOUT_S).authorized_operations
        except KafkaException:
            continue  # missing topics are told elsewhere
        asked += 1
        if allowed and AclOperation.ALL not in allowed:
            short = [operation.name for operation in wanted if operation not in allowed]
            lacking += [f"{name} ({', '.join(short)})"] if short else []
    if lacking:
        yield Finding(
            "rights", Status.FAIL, f"not allowed: {_some(lacking)}", "grant them to this principal (kafka-acls)"
        )
    elif asked:
        yield Finding("rights", Status.OK, "every topic may be read and written")


def clocks(config: Config) -> Iterator[Finding]:
    """Whether records come from the future of this machine's clock."""
    from confluent_kafka import TopicPartition

    from trimtab.kafka.clients import consumer

    reader, ahead = consumer(config.kafka, "trimtab-doctor"), list[str]()
    now_ms = time.time_ns() // 1_000_000
    try:
        for name in ("predictions", "labels", "followers", "audit"):
            for number in range(config.kafka.partitions):
                place = TopicPartition(config.kafka.topic_prefix + name, number)
                low, high = reader.get_watermark_offsets(place, timeout=_TIMEOUT_S)
                if high <= low:
                    continue
                reader.assign([TopicPartition(place.topic, number, high - 1)])
                message = reader.poll(0.5)
                if message is not None and message.error() is None and message.timestamp()[1] - now_ms > _CLOCKS_MS:
                    ahead.append(f"{name}[{number}] by {(message.timestamp()[1] - now_ms) / 1_000:.0f} s")
    finally:
        reader.close()
    if ahead:
        what = f"the newest records are ahead of this clock: {', '.join(ahead)}"
        yield Finding("clocks", Status.WARN, what, "synchronise the clocks of this machine and of who produces (NTP)")
    else:
        yield Finding("clocks", Status.OK, "no record is ahead of this machine's clock")


def _some(names: list[str], most: int = 5) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
