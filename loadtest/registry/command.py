"""``python -m loadtest registry``: long histories, compaction, kills, many followers, a replica, a large snapshot."""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from loadtest.peers.machine import machine
from loadtest.registry.boot import boot
from loadtest.registry.compaction import compaction
from loadtest.registry.elec2 import elec2
from loadtest.registry.followers import followers
from loadtest.registry.kills import kills
from loadtest.registry.large import large
from loadtest.registry.replica import replica
from trimtab.kafka.embedded import EmbeddedBroker

__all__ = ["main"]

PARTS = ("boot", "compaction", "kills", "followers", "replica", "elec2", "large")


def main(argv: list[str]) -> int:
    """Measure the parts that are asked for, each on a broker of its own; returns 1 when a goal is missed."""
    parser = argparse.ArgumentParser(prog="python -m loadtest registry", description=__doc__)
    parser.add_argument("--only", default=",".join(PARTS), help="parts, by comma")
    parser.add_argument("--models", type=int, default=20, help="models of the boot")
    parser.add_argument("--versions", type=int, default=10_000, help="versions of each")
    parser.add_argument("--kills", type=int, default=500, help="SIGKILLs of a publisher")
    parser.add_argument("--followers", type=int, default=200, help="followers of a promotion")
    parser.add_argument("--labels", type=int, default=500, help="labels a second of the replica")
    parser.add_argument("--rows", type=int, default=480, help="rows a second of Elec2")
    parser.add_argument("--megabytes", type=int, default=200, help="size of the large snapshot")
    parser.add_argument("--json", type=Path, help="write the result to this file")
    options = parser.parse_args(argv)
    parts = options.only.split(",")
    if not set(parts) <= set(PARTS):
        parser.error(f"--only takes some of {', '.join(PARTS)}")
    work: dict[str, Callable[[str, Path], dict[str, Any]]] = {
        "boot": lambda kafka, at: boot(kafka, at, options.models, options.versions, 7, _tell),
        "compaction": lambda kafka, at: compaction(kafka, at, 400, _tell),
        "kills": lambda kafka, at: kills(kafka, at, options.kills, _tell),
        "followers": lambda kafka, at: followers(kafka, at, options.followers, 5, _tell),
        "replica": lambda kafka, at: replica(kafka, at, options.labels, 20.0, _tell),
        "elec2": lambda kafka, at: elec2(kafka, at, options.rows, _tell),
        "large": lambda kafka, at: large(kafka, at, options.megabytes, _tell),
    }
    found = {part: _measured(work[part]) for part in parts}
    for part, one in found.items():
        _tell(f"{part}: {_line(one)}")
    if options.json is not None:
        options.json.write_text(json.dumps({"machine": machine(), **found}, indent=2) + "\n", encoding="utf-8")
    return 0 if all(one.get("met", True) for one in found.values()) else 1


def _measured(part: Callable[[str, Path], dict[str, Any]]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="trimtab-loadtest-") as name:
        broker = EmbeddedBroker(Path(name) / "broker")
        try:
            found = part(broker.start().bootstrap_servers, Path(name))
        finally:
            broker.stop()
    goal = found.get("goal")
    return found if goal is None else found | {"met": met(found)}


def met(found: dict[str, Any]) -> bool:
    """Whether no number is above its goal.

    Examples
    --------
    >>> met({"seconds": 0.4, "goal": {"seconds": 1.0}}), met({"lost": 1, "goal": {"lost": 0}})
    (True, False)
    """
    return all(found[name] <= limit for name, limit in found["goal"].items())


def _line(one: dict[str, Any]) -> str:
    texts = [
        f"{k} {v:,.3g}" if isinstance(v, float) else f"{k} {v:,}" for k, v in one.items() if k not in ("goal", "met")
    ]
    goal = "" if "met" not in one else " -- goal met" if one["met"] else f" -- GOAL MISSED: {one['goal']}"
    return ", ".join(texts) + goal


def _tell(line: str) -> None:
    print(line, flush=True)
