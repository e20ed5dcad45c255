"""A small fleet in a store of its own, without Kafka: records are put into the store as the reader would."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson

from tests.browser import world
from tests.browser.world import EVIL, Message
from trimtab.config import Config, KafkaConfig, load_config
from trimtab.dashboard.store import Queries, Store, Taken
from trimtab.dashboard.views.world import World

__all__ = ["EVIL", "Records", "config_of", "filled", "put", "view_world"]

SOURCE = "cluster/t."


class Records:
    """The registry's index, as views ask it."""

    def __init__(self, messages: Iterable[Message]) -> None:
        self._found = {message.key: message.value for message in messages}

    def champion(self, model: str) -> dict[str, Any] | None:
        return self.alias(model, "champion")

    def alias(self, model: str, name: str) -> dict[str, Any] | None:
        return self._found.get(f"{model}/aliases/{name}")

    def manifest(self, model: str, version: int) -> dict[str, Any] | None:
        return self._found.get(f"{model}/versions/{version}")

    def versions(self, model: str) -> list[dict[str, Any]]:
        found = [value for key, value in self._found.items() if key.startswith(f"{model}/versions/")]
        return sorted(found, key=lambda one: int(one["version"]))

    def pinned(self, model: str) -> set[int]:
        return set()


def config_of(folder: Path, **dashboard: Any) -> Config:
    kafka = KafkaConfig(bootstrap_servers="127.0.0.1:1", topic_prefix="t.", partitions=3)
    return load_config(world.write_config(kafka, folder, **dashboard), environ={})


def put(store: Store, messages: Iterable[Message], now_ms: int | None = None, *, first: int = 0) -> set[str]:
    """Write records as the reader would, in batches that cut windows in two."""
    batches: dict[str, list[Taken]] = {}
    for offset, one in enumerate(messages, first):
        value = one.value if isinstance(one.value, bytes) or one.value is None else orjson.dumps(one.value)
        taken = Taken(one.partition or 0, offset, one.time_ms, one.key.encode(), value)
        batches.setdefault(one.topic, []).append(taken)
    changed: set[str] = set()
    for topic, records in batches.items():
        for at in range(0, len(records), 997):
            changed |= store.write({topic: records[at : at + 997]}, now_ms or time.time_ns() // 1_000_000)
    return changed


def everything() -> list[Message]:
    until_ms, now_ms = world.now_hour_ms(), time.time_ns() // 1_000_000
    return [
        *world.history(random.Random(7), until_ms),
        *world.audit(until_ms),
        *world.race(now_ms),
        *world.health(now_ms),
        world.follower(now_ms),
        world.alert("fraud", EVIL, until_ms),
        world.notice(now_ms),
        world.dead_letter("t.predictions", b'{"model": "credit"'),
    ]


def filled(folder: Path) -> Store:
    store = Store(folder / "store.db", SOURCE)
    put(store, everything())
    return store


def view_world(config: Config, store: Store, now_ms: int | None = None) -> World:
    registry = Records(world.registry(world.now_hour_ms()))
    return World(config, Queries(store.path), registry, now_ms or time.time_ns() // 1_000_000)
