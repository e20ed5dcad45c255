"""A trainer's state as bytes: one JSON head and every model once, so that shared models stay shared."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import orjson

from trimtab.alerts import AlertState
from trimtab.profiles import PerformanceProfile
from trimtab.sequential.watch import SequentialState, WatchState
from trimtab.training.anchors import Anchors
from trimtab.training.betting import BettingTest
from trimtab.training.change_point import ChangePoint
from trimtab.training.inventory import Inventory
from trimtab.training.lineage import LearntRange, Lineage
from trimtab.training.parts import joined, split
from trimtab.training.preparing import Preparing
from trimtab.training.protection import Protection
from trimtab.training.race import Candidate, Race, Trigger
from trimtab.training.state import PastChampion, Proposal, Shadow, TrainerState
from trimtab.training.tally import Tally

__all__ = ["decode_state", "encode_state"]

_SCALARS = ("offset", "count", "next_version", "cooldown_until_ms", "next_schedule_ms", "event_time_ms")
# Checkpoints of earlier releases lack these.
_LATER = ("next_cron_ms", "changed_ms", "changed_count", "raced_ms", "raced_count", "starts_ms", "ready", "produced_ms")


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
            "tally": c.tally.to_wire(),
            "protection": c.protection.to_wire(),
        }

    def race(r: Race) -> dict[str, Any]:
        return {
            "trigger": dataclasses.asdict(r.trigger),
            "started_offset": r.started_offset,
            "candidates": [candidate(c) for c in r.candidates],
            "count": r.count,
            "champion": r.champion.to_wire(),
            "entered": r.entered,
        }

    def proposal(p: Proposal) -> dict[str, Any]:
        return {
            "version": p.version,
            "candidate": candidate(p.candidate),
            "trigger": dataclasses.asdict(p.trigger),
            "race": p.race,
            "expires_ms": p.expires_ms,
            "step": p.step,
            "harm": dataclasses.asdict(p.harm),
        }

    head: dict[str, Any] = {name: getattr(state, name) for name in (*_SCALARS, *_LATER)}
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
    head["proposal"] = proposal(state.proposal) if state.proposal is not None else None
    head["shadows"] = {
        name: {
            "lineage": lineages(shadow.lineage),
            "count": shadow.count,
            "loss": shadow.loss,
            "champion_loss": shadow.champion_loss,
        }
        for name, shadow in state.shadows.items()
    }
    head["anchors"] = state.anchors.to_wire()
    head["preparing"] = None if state.preparing is None else state.preparing.to_wire()
    change = state.change
    head["change"] = None if change is None else {**change.to_wire(), "detector": models(change.detector)}
    head["sequential"] = _sequential_to_wire(state.sequential, models)
    first = state.first_performance
    head["inventory"] = state.inventory.to_wire()
    head["first_performance"] = first.to_wire() if first is not None else None
    head["lineages"] = [
        {
            "model": models(line.model),
            "parent": line.parent,
            "learnt": dataclasses.asdict(line.learnt),
            "family": line.family,
        }
        for line in lineages.items
    ]
    return joined([orjson.dumps(head), *(dump(model) for model in models.items)])


def decode_state(
    data: bytes, load: Callable[[bytes], Any], inventory: Callable[[int], Inventory] = lambda _: Inventory()
) -> TrainerState:
    """The state that :func:`encode_state` wrote; ``load`` admits only what it knows.

    Parameters
    ----------
    inventory
        Reads the registry, up to the next version, when an earlier release wrote the state, which counted nothing.
    """
    parts = split(data)
    head = orjson.loads(parts[0])
    models = [load(part) for part in parts[1:]]
    lineages = [
        Lineage(models[x["model"]], x["parent"], LearntRange(**x["learnt"]), x.get("family", ""))
        for x in head["lineages"]
    ]

    def candidate(c: dict[str, Any]) -> Candidate:
        return Candidate(
            kind=c["kind"],
            scored=models[c["scored"]],
            parent=c["parent"],
            learnt=LearntRange(**c["learnt"]),
            lineage=lineages[c["lineage"]],
            since=LearntRange(**c["since"]),
            test=BettingTest(**c["test"]),
            tally=Tally.from_wire(c["tally"]) if "tally" in c else Tally(c["loss"]),
            protection=Protection.from_wire(c.get("protection", {})),
        )

    def race(r: dict[str, Any]) -> Race:
        candidates = [candidate(c) for c in r["candidates"]]
        champion = Tally.from_wire(r["champion"]) if "champion" in r else Tally(r["champion_loss"])
        entered = r.get("entered", len(candidates))
        return Race(Trigger(**r["trigger"]), r["started_offset"], candidates, r["count"], champion, entered)

    def proposal(p: dict[str, Any]) -> Proposal:
        return Proposal(
            version=p["version"],
            candidate=candidate(p["candidate"]),
            trigger=Trigger(**p["trigger"]),
            race=p["race"],
            expires_ms=p["expires_ms"],
            step=p["step"],
            harm=BettingTest(**p["harm"]),
        )

    first, pending, change = head["first_performance"], head["pending"], head.get("change")
    # In earlier releases the winner was no version while it waited; its race goes on, and it wins again.
    running = head["race"] or (head.get("waiting") or {}).get("race")
    return TrainerState(
        lineage=lineages[head["lineage"]],
        champions=[
            PastChampion(c["version"], models[c["model"]], lineages[c["lineage"]], BettingTest(**c["watch"]))
            for c in head["champions"]
        ],
        race=race(running) if running is not None else None,
        pending=Trigger(**pending) if pending is not None else None,
        proposal=proposal(head["proposal"]) if head.get("proposal") is not None else None,
        shadows={
            name: Shadow(lineages[x["lineage"]], x["count"], x["loss"], x["champion_loss"])
            for name, x in head.get("shadows", {}).items()
        },
        anchors=Anchors.from_wire(head["anchors"]) if "anchors" in head else Anchors(),
        preparing=Preparing.from_wire(head["preparing"]) if head.get("preparing") is not None else None,
        change=ChangePoint.from_wire(change, models[change["detector"]]) if change is not None else None,
        first_performance=_first_of(first),
        # Checkpoints of older versions have none.
        sequential=_sequential_from_wire(head.get("sequential"), models),
        inventory=(
            Inventory.from_wire(head["inventory"]) if "inventory" in head else inventory(int(head["next_version"]))
        ),
        **{name: head[name] for name in (*_SCALARS, *_LATER) if name in head},
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


def _first_of(wire: dict[str, Any] | None) -> Tally | None:
    """What the first version was counted by; earlier releases kept its performance alone."""
    if wire is None:
        return None
    return Tally.from_wire(wire) if "bins" in wire else Tally(performance=PerformanceProfile.from_wire(wire))
