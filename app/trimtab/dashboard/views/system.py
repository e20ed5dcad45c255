"""Trimtab itself: its processes, who follows models, and how far everybody has read."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from typing_extensions import TypedDict

from trimtab.config import Config
from trimtab.dashboard.views.world import World
from trimtab.errors import KafkaError
from trimtab.roles.lag import READ
from trimtab.roles.lag import behind as unread

__all__ = ["FollowerRow", "LagRow", "ProcessRow", "SystemView", "TopicRow", "lags", "system"]

log = logging.getLogger("trimtab.dashboard")

# A heartbeat comes every five seconds, a follower's every ten; of three, two may be lost.
_LATE_MS = {"process": 15_000, "follower": 30_000}


class ProcessRow(TypedDict):
    """One process of Trimtab by its last sign of life."""

    role: str
    instance: str
    host: str
    pid: int
    release: str
    started_ms: int
    time_ms: int
    late: bool
    gauges: dict[str, float]
    counters: dict[str, float]


class FollowerRow(TypedDict):
    """One service that serves a model."""

    model: str
    instance: str
    version: int
    champion: int | None
    canary: int | None
    behind_s: float
    reloads: int
    refused: int
    last_refusal: str | None
    time_ms: int
    late: bool


class LagRow(TypedDict):
    """What a role has not read yet."""

    role: str
    records: int


class TopicRow(TypedDict):
    """How far the dashboard has read a topic."""

    topic: str
    partitions: int
    read: int


class SystemView(TypedDict):
    """The system page; ``lags`` is None when Kafka did not answer."""

    now_ms: int
    read_share: float
    processes: list[ProcessRow]
    followers: list[FollowerRow]
    lags: list[LagRow] | None
    topics: list[TopicRow]


def system(world: World, behind: list[LagRow] | None) -> SystemView:
    """What is known of Trimtab's own state; ``behind`` is from :func:`lags`."""
    topics: dict[str, TopicRow] = {}
    for (name, _), at in world.queries.offsets().items():
        row = topics.setdefault(name, {"topic": name, "partitions": 0, "read": 0})
        row["partitions"] += 1
        row["read"] += at
    return {
        "now_ms": world.now_ms,
        "read_share": world.read_share,
        "processes": [_process(record, world.now_ms) for record in world.queries.keyed("health").values()],
        "followers": [_follower(world, record) for record in world.queries.keyed("followers").values()],
        "lags": behind,
        "topics": [topics[name] for name in sorted(topics)],
    }


def _process(record: Mapping[str, object], now_ms: int) -> ProcessRow:
    row: ProcessRow = {**record}  # type: ignore[typeddict-item]
    row["late"] = now_ms - row["time_ms"] > _LATE_MS["process"]
    return row


def _follower(world: World, record: Mapping[str, object]) -> FollowerRow:
    names = ("model", "instance", "version", "canary", "behind_s", "reloads", "refused", "last_refusal", "time_ms")
    row: FollowerRow = {name: record.get(name) for name in names}  # type: ignore[assignment]
    champion = world.registry.champion(row["model"])
    row["champion"] = None if champion is None else int(champion["version"])
    row["late"] = world.now_ms - row["time_ms"] > _LATE_MS["follower"]
    return row


def lags(config: Config) -> list[LagRow] | None:
    """What each role has not read yet; None when Kafka does not answer in time. Blocks."""
    from trimtab.kafka.clients import admin

    try:
        client = admin(config.kafka)
        return [{"role": role, "records": sum(unread(client, config, role, 2.0).values())} for role in READ]
    except KafkaError as error:
        log.warning("%s", error)
        return None
