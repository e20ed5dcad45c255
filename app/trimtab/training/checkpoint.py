"""A trainer's state as bytes: one JSON head and every model once, so that shared models stay shared."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import orjson

from trimtab.alerts import AlertState
from trimtab.profiles import PerformanceProfile
from trimtab.sequential.watch import SequentialState, WatchState
from trimtab.training.betting import BettingTest
from trimtab.training.inventory import Inventory
from trimtab.training.lineage import LearntRange, Lineage
from trimtab.training.race import Candidate, Race, Trigger
from trimtab.training.trainer import PastChampion, TrainerState

__all__ = ["decode_state", "encode_state"]

_SCALARS = ("offset", "count", "next_version", "cooldown_until_ms", "next_schedule_ms", "event_time_ms")
_LENGTH_BYTES = 8


class _Numbered:
    """Objects by identity, each with a number."""

    def __init__(self) -> None:
        self.items: list[Any] = []
        self._numbers: dict[int, int] = {}

    def __call__(self, item: Any) -> int:
        number = self._numbers.setdefault(id(item), len(self.items))
        if number == len(self.items):
            self.items.append(item)
        return number


def encode_state(state: TrainerState, dump: Callable[[object], bytes]) -> bytes:
    """The state as bytes; ``dump`` turns a model into a safe snapshot."""
    models, lineages = _Numbered(), _Numbered()

    def candidate(c: Candidate) -> dict[str, Any]:
        return {
            "kind": c.kind,
            "scored": models(c.scored),
            "parent": c.parent,
            "learnt": dataclasses.asdict(c.learnt),
            "lineage": lineages(c.lineage),
            "since": dataclasses.asdict(c.since),
            "test": dataclasses.asdict(c.test),
            "loss": c.loss,
        }

    def race(r: Race) -> dict[str, Any]:
        return {
            "trigger": dataclasses.asdict(r.trigger),
            "started_offset": r.started_offset,
            "candidates": [candidate(c) for c in r.candidates],
            "count": r.count,
            "champion_loss": r.champion_loss,
        }

    head: dict[str, Any] = {name: getattr(state, name) for name in _SCALARS}
    head["lineage"] = lineages(state.lineage)
    head["champions"] = [
        {
            "version": c.version,
            "model": models(c.model),
            "lineage": lineages(c.lineage),
            "watch": dataclasses.asdict(c.watch),
        }
        for c in state.champions
    ]
    head["race"] = race(state.race) if state.race is not None else None
    head["pending"] = dataclasses.asdict(state.pending) if state.pending is not None else None
    if state.waiting is not None:
        winner, run = state.waiting
        head["waiting"] = {"candidate": candidate(winner), "race": race(run)}
    else:
        head["waiting"] = None
    head["sequential"] = _sequential_to_wire(state.sequential, models)
    first = state.first_performance
    head["inventory"] = state.inventory.to_wire()
    head["first_performance"] = first.to_wire() if first is not None else None
    head["lineages"] = [
        {"model": models(line.model), "parent": line.parent, "learnt": dataclasses.asdict(line.learnt)}
        for line in lineages.items
    ]
    parts = [orjson.dumps(head), *(dump(model) for model in models.items)]
    return b"".join(len(part).to_bytes(_LENGTH_BYTES, "little") + part for part in parts)


def decode_state(
    data: bytes, load: Callable[[bytes], Any], inventory: Callable[[int], Inventory] = lambda _: Inventory()
) -> TrainerState:
    """The state that :func:`encode_state` wrote; ``load`` admits only what it knows.

    Parameters
    ----------
    inventory
        Reads the registry, up to the next version, when an earlier release wrote the state, which counted nothing.
    """
    parts = _split(data)
    head = orjson.loads(parts[0])
    models = [load(part) for part in parts[1:]]
    lineages = [Lineage(models[x["model"]], x["parent"], LearntRange(**x["learnt"])) for x in head["lineages"]]

    def candidate(c: dict[str, Any]) -> Candidate:
        return Candidate(
            kind=c["kind"],
            scored=models[c["scored"]],
            parent=c["parent"],
            learnt=LearntRange(**c["learnt"]),
            lineage=lineages[c["lineage"]],
            since=LearntRange(**c["since"]),
            test=BettingTest(**c["test"]),
            loss=c["loss"],
        )

    def race(r: dict[str, Any]) -> Race:
        candidates = [candidate(c) for c in r["candidates"]]
        return Race(Trigger(**r["trigger"]), r["started_offset"], candidates, r["count"], r["champion_loss"])

    waiting, first, pending = head["waiting"], head["first_performance"], head["pending"]
    return TrainerState(
        lineage=lineages[head["lineage"]],
        champions=[
            PastChampion(c["version"], models[c["model"]], lineages[c["lineage"]], BettingTest(**c["watch"]))
            for c in head["champions"]
        ],
        race=race(head["race"]) if head["race"] is not None else None,
        pending=Trigger(**pending) if pending is not None else None,
        waiting=(candidate(waiting["candidate"]), race(waiting["race"])) if waiting is not None else None,
        first_performance=PerformanceProfile.from_wire(first) if first is not None else None,
        # Checkpoints of older versions have none.
        sequential=_sequential_from_wire(head.get("sequential"), models),
        inventory=(
            Inventory.from_wire(head["inventory"]) if "inventory" in head else inventory(int(head["next_version"]))
        ),
        **{name: head[name] for name in _SCALARS},
    )


def _sequential_to_wire(state: SequentialState, models: _Numbered) -> dict[str, Any]:
    watches = {
        key: {
            "args": dict(watch.args),
            "inner": None if watch.inner is None else models(watch.inner),
            "alert": watch.alert.to_wire(),
            "count": watch.count,
            "first_ms": watch.first_ms,
            "first_offset": watch.first_offset,
        }
        for key, watch in state.watches.items()
    }
    return {"version": state.version, "watches": watches}


def _sequential_from_wire(wire: dict[str, Any] | None, models: list[Any]) -> SequentialState:
    if wire is None:
        return SequentialState()
    watches = {
        key: WatchState(
            **{
                **watch,
                "inner": None if watch["inner"] is None else models[watch["inner"]],
                "alert": AlertState.from_wire(watch["alert"]),
            }
        )
        for key, watch in wire["watches"].items()
    }
    return SequentialState(wire["version"], watches)


def _split(data: bytes) -> list[bytes]:
    parts, at = [], 0
    while at < len(data):
        size = int.from_bytes(data[at : at + _LENGTH_BYTES], "little")
        at += _LENGTH_BYTES
        parts.append(data[at : at + size])
        at += size
    return parts
