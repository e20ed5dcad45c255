"""Incidents: the list, and the story of one from its alert to its resolve."""

from __future__ import annotations

from typing import Any

from typing_extensions import TypedDict

from trimtab.dashboard.views.attention import ack_of, silence_of
from trimtab.dashboard.views.told import told
from trimtab.dashboard.views.world import World
from trimtab.notices import labels_of

__all__ = ["IncidentRow", "IncidentView", "IncidentsView", "Step", "incident", "incidents", "rows_of"]

Record = dict[str, Any]


class IncidentRow(TypedDict):
    """One incident. ``acknowledged`` is by whom, None when nobody looks after it."""

    incident: str
    model: str
    state: str
    severity: str
    kind: str
    feature: str | None
    segment: str
    detector: str | None
    version: int
    summary: str
    started_ms: int
    raised_ms: int
    resolved_ms: int | None
    acknowledged: str | None
    silenced: str | None


class IncidentsView(TypedDict):
    """The list of incidents."""

    now_ms: int
    incidents: list[IncidentRow]


class Step(TypedDict):
    """Something that happened; wall time."""

    time_ms: int
    what: str
    text: str
    actor: str | None


class IncidentView(TypedDict):
    """The incident page."""

    now_ms: int
    summary: IncidentRow
    evidence: dict[str, Any]
    runbook: str | None
    served: str
    waiting: int | None
    story: list[Step]


def incidents(world: World, model: str | None = None, state: str | None = None) -> IncidentsView:
    """The newest incidents, of one model or in one state."""
    return {"now_ms": world.now_ms, "incidents": rows_of(world, model, state)}


def rows_of(world: World, model: str | None = None, state: str | None = None) -> list[IncidentRow]:
    """The newest incidents first."""
    acks, silences = world.queries.keyed("ack"), world.queries.keyed("silence")
    return [_row(world, found, acks, silences) for found in world.queries.incidents(model, state)]


def _row(world: World, found: Record, acks: dict[str, Record], silences: dict[str, Record]) -> IncidentRow:
    ack = ack_of(acks.get(found["incident"]), world.now_ms)
    labels = labels_of(found, world.config.alerting.labels.get(found["model"], {}))
    holding = [one for one in map(silence_of, silences.values()) if one is not None and one.mutes(labels, world.now_ms)]
    return {
        "incident": found["incident"],
        "model": found["model"],
        "state": found["state"],
        "severity": found.get("severity") or "warning",
        "kind": found["kind"],
        "feature": found["feature"],
        "segment": found["segment"],
        "detector": found.get("detector"),
        "version": found["version"],
        "summary": found["summary"],
        "started_ms": found["started_ms"],
        "raised_ms": found["raised_ms"],
        "resolved_ms": found["resolved_ms"],
        "acknowledged": ack.author if ack is not None and found["state"] == "firing" else None,
        "silenced": holding[0].id if holding and found["state"] == "firing" else None,
    }


def incident(world: World, found: Record) -> IncidentView:
    """The page of one incident of the store."""
    acks, silences = world.queries.keyed("ack"), world.queries.keyed("silence")
    name = found["model"]
    known = name in world.config.models
    proposed = world.registry.alias(name, "canary")
    return {
        "now_ms": world.now_ms,
        "summary": _row(world, found, acks, silences),
        "evidence": found["evidence"],
        "runbook": found.get("runbook"),
        "served": world.served(name)[1] if known else name,
        "waiting": int(proposed["version"]) if proposed is not None and not proposed.get("share") else None,
        "story": _story(world, found, acks.get(found["incident"])),
    }


def _story(world: World, found: Record, ack: Record | None) -> list[Step]:
    steps = [_step(found["raised_ms"], "firing", found["summary"])] if found.get("resolved") != found else []
    for notice in world.queries.notices(found["incident"]):
        where = f"{notice['receiver']} by {notice['route']}"
        if notice["outcome"] == "sent":
            steps.append(_step(notice["time_ms"], "told", f"Told {where}: {notice['reason']}."))
        else:
            steps.append(_step(notice["time_ms"], "not told", f"{where} could not be told: {notice.get('error')}"))
    if ack is not None:
        comment = f": {ack['comment']}" if ack["comment"] else "."
        steps.append(_step(ack["time_ms"], "acknowledged", f"Looked after by {ack['author']}{comment}", ack["author"]))
    for entry in world.queries.audit(found["model"]):
        record = entry.record or {}
        if record.get("incident") == found["incident"] and record.get("action") not in ("acknowledged",):
            steps.append(_step(int(record["time_ms"]), str(record["action"]), told(record), str(record["actor"])))
    if found["resolved"] is not None:
        steps.append(_step(found["resolved_ms"], "resolved", found["resolved"]["summary"]))
    return sorted(steps, key=lambda step: step["time_ms"])


def _step(time_ms: int, what: str, said: str, actor: str | None = None) -> Step:
    return {"time_ms": time_ms, "what": what, "text": said, "actor": actor}
