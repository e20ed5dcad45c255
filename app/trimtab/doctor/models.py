"""Each model: whether it has a champion that can be loaded, who serves it, and what fires."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from trimtab.config import Config
from trimtab.doctor.finding import Finding, Status
from trimtab.errors import RegistryError
from trimtab.kafka.tables import read_table
from trimtab.kafka.topics import Topics
from trimtab.registry.fetch import ChunkReader
from trimtab.registry.index import RegistryIndex
from trimtab.registry.records import SnapshotRef
from trimtab.registry.signing import Trust
from trimtab.windows.followers import GONE_AFTER_MS

__all__ = ["alerts", "champions", "followers", "open_index"]


def champions(config: Config, index: RegistryIndex) -> Iterator[Finding]:
    """Its version, and whether the bytes are there and whole."""
    reader = ChunkReader(config.kafka, "trimtab-doctor")
    try:
        for name, model in config.models.items():
            if model.labels:
                yield _champion(name, index, reader)
    finally:
        reader.close()


def _champion(name: str, index: RegistryIndex, reader: ChunkReader) -> Finding:
    check, alias = f"model {name}", index.champion(name)
    if alias is None:
        what = "no version yet"
        return Finding(
            check, Status.WARN, what, "the trainer makes the first after first_version_after labelled examples"
        )
    version = int(alias["version"])
    manifest = index.manifest(name, version)
    if manifest is None:
        return Finding(check, Status.FAIL, f"version {version} has no manifest", "trimtab registry rollback " + name)
    try:
        data = reader.read(SnapshotRef.from_wire(manifest["snapshot"]))
    except RegistryError as error:
        return Finding(check, Status.FAIL, f"version {version}: {error}", f"trimtab registry rollback {name}")
    return Finding(check, Status.OK, f"version {version} is champion, {len(data) / 1_000:,.1f} kB, whole")


def followers(config: Config, index: RegistryIndex) -> Iterator[Finding]:
    """Who serves another version than the champion."""
    topic, now_ms = Topics(config.kafka.topic_prefix).followers, time.time_ns() // 1_000_000
    serving: dict[str, Counter[int]] = {name: Counter() for name in config.models}
    for number in range(config.kafka.partitions):
        for key, value in read_table(config.kafka, topic, number).items():
            one, name = json.loads(value), key.partition("/")[0]
            if name in serving and now_ms - one["time_ms"] < GONE_AFTER_MS:
                serving[name][int(one["version"])] += 1
    for name, counts in serving.items():
        alias = index.champion(name)
        if alias is not None and counts:
            yield _served(name, int(alias["version"]), counts)


def _served(name: str, champion: int, counts: Mapping[int, int]) -> Finding:
    """What services serve.

    Examples
    --------
    >>> _served("m", 7, {7: 3, 6: 1}).what
    '1 of 4 services serve another version than @7: @6 (1)'
    """
    other, total = {v: n for v, n in counts.items() if v != champion}, sum(counts.values())
    if not other:
        return Finding(f"services of {name}", Status.OK, f"all {total} serve @{champion}")
    said = ", ".join(f"@{version} ({count})" for version, count in sorted(other.items()))
    what = f"{sum(other.values())} of {total} services serve another version than @{champion}: {said}"
    return Finding(
        f"services of {name}", Status.WARN, what, f"trimtab followers {name}; read their logs, or start them again"
    )


def alerts(config: Config) -> Iterator[Finding]:
    """What fires now."""
    topic, firing = Topics(config.kafka.topic_prefix).alerts, list[Mapping[str, Any]]()
    for number in range(config.kafka.partitions):
        for value in read_table(config.kafka, topic, number).values():
            alert = json.loads(value)
            if alert.get("state") == "firing":
                firing.append(alert)
    if not firing:
        yield Finding("alerts", Status.OK, "nothing fires")
    for alert in sorted(firing, key=lambda alert: str(alert.get("model"))):
        yield Finding(
            "alerts",
            Status.WARN,
            f"{alert.get('model')}: {alert.get('summary')}",
            f"trimtab audit {alert.get('model')}",
        )


def open_index(config: Config) -> RegistryIndex:
    """The registry, read once."""
    index = RegistryIndex(config.kafka, "trimtab-doctor", Trust.of(config))
    index.start(60.0)
    return index
