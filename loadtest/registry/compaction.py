"""Whether all that is needed is still there after Kafka has compacted the registry."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from loadtest.registry.versions import configured, index_records, templates, transactional, write_versions
from trimtab.config import Config
from trimtab.kafka.clients import admin, consumer
from trimtab.kafka.topics import Topics
from trimtab.registry.digest import state_digest
from trimtab.registry.fetch import ChunkReader
from trimtab.registry.publish import Publication
from trimtab.registry.records import (
    SnapshotRef,
    chunk_keys,
    reference_key,
    version_key,
)
from trimtab.registry.snapshot import load

__all__ = ["compact", "compaction", "unreadable"]

_WAIT_S = 180.0
_SETTINGS = {
    "segment.ms": "1000",
    "segment.bytes": "1048576",
    "min.cleanable.dirty.ratio": "0.01",
    "max.compaction.lag.ms": "1000",
    "delete.retention.ms": "0",
}


def compaction(bootstrap: str, folder: Path, versions: int, tell: Callable[[str], None]) -> dict[str, Any]:
    """Versions are written and every second one deleted; then the topic is compacted, and all is read."""
    config = configured(bootstrap, folder, ["m"], prefix="compaction.")
    sender, template = transactional(config, "compaction"), templates(config)["m"]
    write_versions(config, sender, template, range(1, versions + 1))
    kept = set(range(2, versions + 1, 2)) | {versions}
    sender.begin_transaction()
    publication, table = Publication(config.kafka, sender, config.kafka.partitions), index_records(config)
    for version in sorted(set(range(1, versions + 1)) - kept):
        manifest = orjson.loads(table[version_key("m", version).encode()] or b"{}")
        for key in (version_key("m", version), reference_key("m", version)):
            publication.index(key, None)
        publication.remove(chunk_keys("m", manifest), "m")
    sender.commit_transaction(60)
    before = _records(config)
    tell(f"compaction: {before:,} records before")
    after = compact(config, sender, before)
    tell(f"compaction: {after:,} records after")
    lost = unreadable(config, "m", kept)
    return {
        "versions": versions,
        "kept": len(kept),
        "records_before": before,
        "records_after": after,
        "lost": len(lost),
        "goal": {"lost": 0},
    }


def compact(config: Config, sender: Any, before: int) -> int:
    """Let Kafka compact the topic; returns how many records are left."""
    topic = Topics(config.kafka.topic_prefix).registry
    entries = [
        ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET) for name, value in _SETTINGS.items()
    ]
    client = admin(config.kafka)
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=entries)
    for future in client.incremental_alter_configs([resource]).values():
        future.result(30)
    deadline, last, same = time.monotonic() + _WAIT_S, before, 0
    while time.monotonic() < deadline:
        # Records that come make Kafka begin new segments; the last one is never compacted.
        _touch(config, sender)
        time.sleep(5)
        now = _records(config)
        same = same + 1 if now >= last and now < before else 0
        last = now
        if same >= 2:
            return now
    raise SystemExit(f"loadtest: Kafka has not compacted {topic} within {_WAIT_S:.0f} s ({last:,} records)")


def _touch(config: Config, sender: Any) -> None:
    sender.begin_transaction()
    topic = Topics(config.kafka.topic_prefix).registry
    for partition in range(config.kafka.partitions):
        sender.produce(topic, b"{}", b"touch/versions/0", partition)
    sender.commit_transaction(30)


def _records(config: Config) -> int:
    """Committed records in all partitions."""
    topic, found = Topics(config.kafka.topic_prefix).registry, 0
    reader = consumer(config.kafka, "loadtest-count", enable_partition_eof=True)
    try:
        for partition in range(config.kafka.partitions):
            reader.assign([TopicPartition(topic, partition, 0)])
            ended = False
            while not ended:
                for message in reader.consume(1_000, timeout=1.0):
                    ended |= message.error() is not None
                    found += message.error() is None
    finally:
        reader.close()
    return found


def unreadable(config: Config, model: str, versions: set[int]) -> list[int]:
    """Versions whose manifest, chunks or state are not what they were."""
    table, reader, lost = index_records(config), ChunkReader(config.kafka, "loadtest-chunks"), []
    try:
        for version in sorted(versions):
            value = table.get(version_key(model, version).encode())
            manifest = orjson.loads(value) if value else None
            if manifest is None or reference_key(model, version).encode() not in table:
                lost.append(version)
                continue
            data = reader.read(SnapshotRef.from_wire(manifest["snapshot"]))
            if state_digest(load(data, max_bytes=len(data))) != manifest["state_digest"]:
                lost.append(version)
    finally:
        reader.close()
    return lost
