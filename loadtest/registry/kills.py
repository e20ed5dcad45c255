"""A publisher that is killed at any moment: readers see the version before or the new one, whole."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from loadtest.registry.compaction import compact, unreadable
from loadtest.registry.versions import Template, configured, templates, transactional, write_versions
from trimtab.config import Config
from trimtab.kafka.tables import read_table
from trimtab.kafka.topics import Topics, partition_of
from trimtab.registry.digest import state_digest
from trimtab.registry.fetch import ChunkReader
from trimtab.registry.records import SnapshotRef, champion_key, version_key
from trimtab.registry.snapshot import load

__all__ = ["kills"]

MODEL = "m"
# A publish takes some 20 ms.
_LONGEST_S = 0.08


def kills(bootstrap: str, folder: Path, count: int, tell: Callable[[str], None]) -> dict[str, Any]:
    """Each process publishes version after version until it is killed; then everything is read."""
    config = configured(bootstrap, folder, [MODEL], prefix="kills.")
    template, chance = templates(config)[MODEL], random.Random(1)
    torn, champion = 0, 0
    # Made before any client of Kafka is, whose threads no fork takes along.
    starter = _Starter(config, template)
    try:
        for number in range(count):
            starter.start(champion + 1)
            time.sleep(_LONGEST_S * chance.random())
            starter.kill()
            found = _champion(config)
            if found is None or found < champion:
                torn += (found is None and champion > 0) or (found or 0) < champion
            champion = max(champion, found or 0)
            if number % 50 == 49:
                tell(f"kills: {number + 1} of {count}, version {champion}, torn {torn}")
    finally:
        starter.close()
    sender = transactional(config, "publisher")
    write_versions(config, sender, template, [champion + 1])
    whole = _versions(config)
    left = compact(config, sender, 10**9)
    lost = unreadable(config, MODEL, whole)
    return {
        "kills": count,
        "versions": champion,
        "torn": torn,
        "unreadable_after_compaction": len(lost),
        "records_after": left,
        "goal": {"torn": 0, "unreadable_after_compaction": 0},
    }


class _Starter:
    """A process that forks a publisher when it is told to: quicker than a new interpreter."""

    def __init__(self, config: Config, template: Template) -> None:
        self._orders_out, self._orders = os.pipe()
        self._pids, self._pids_in = os.pipe()
        self._ready, self._ready_in = os.pipe()
        self._publisher = 0
        self.pid = os.fork()
        if self.pid == 0:
            self._serve(config, template)

    def _serve(self, config: Config, template: Template) -> None:
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        while order := os.read(self._orders_out, 16):
            child = os.fork()
            if child == 0:
                _publish_for_ever(config, template, int(order), self._ready_in)
            os.write(self._pids_in, f"{child:<16}".encode())
        os._exit(0)

    def start(self, version: int) -> None:
        """A publisher begins with this version; returns as it begins to publish."""
        os.write(self._orders, f"{version:<16}".encode())
        self._publisher = int(os.read(self._pids, 16))
        os.read(self._ready, 1)

    def kill(self) -> None:
        """SIGKILL."""
        os.kill(self._publisher, signal.SIGKILL)

    def close(self) -> None:
        """End the starter."""
        os.close(self._orders)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


def _publish_for_ever(config: Config, template: Template, version: int, ready: int) -> None:
    try:
        sender = transactional(config, "publisher")
        os.write(ready, b".")
        while True:
            write_versions(config, sender, template, [version])
            version += 1
    finally:
        os._exit(1)


def _champion(config: Config) -> int | None:
    """The version that services find, read whole; None when anything of it is missing or damaged."""
    home = partition_of(MODEL, config.kafka.partitions)
    table = read_table(config.kafka, Topics(config.kafka.topic_prefix).serving, home)
    alias = table.get(champion_key(MODEL))
    if alias is None:
        return 0
    named = orjson.loads(alias)
    manifest = orjson.loads(table.get(version_key(MODEL, named["version"]), b"{}"))
    if manifest.get("manifest_sha256") != named["manifest_sha256"]:
        return None
    reader = ChunkReader(config.kafka, "loadtest-chunks")
    try:
        data = reader.read(SnapshotRef.from_wire(manifest["snapshot"]))
    finally:
        reader.close()
    whole = state_digest(load(data, max_bytes=len(data))) == manifest["state_digest"]
    return int(named["version"]) if whole else None


def _versions(config: Config) -> set[int]:
    table = read_table(config.kafka, Topics(config.kafka.topic_prefix).registry, 0)
    prefix = version_key(MODEL, 0)[:-1]
    return {int(key.removeprefix(prefix)) for key in table if key.startswith(prefix)}
