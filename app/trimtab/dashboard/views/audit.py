"""The audit log of a model, and whether its chains are whole."""

from __future__ import annotations

from typing import Any

from typing_extensions import TypedDict

from trimtab.dashboard.views.told import told
from trimtab.dashboard.views.world import World
from trimtab.registry.audit import check

__all__ = ["AuditEntry", "AuditFault", "AuditView", "audit"]


class AuditEntry(TypedDict):
    """One entry and its place in the topic."""

    partition: int
    offset: int
    time_ms: int
    action: str
    text: str
    actor: str
    trigger: str
    version: int | None
    incident: str | None
    writer: str
    sequence: int
    sha256: str
    signed_by: str | None


class AuditFault(TypedDict):
    """Something that does not fit."""

    writer: str
    partition: int
    offset: int
    what: str


class AuditView(TypedDict):
    """The audit page: entries, the newest first; ``intact`` when nothing was changed and nothing is missing between."""

    now_ms: int
    model: str
    intact: bool
    count: int
    chained: int
    faults: list[AuditFault]
    entries: list[AuditEntry]


def audit(world: World, model: str, most: int = 1_000) -> AuditView:
    """The whole log of a model is checked, its last entries are shown."""
    entries = world.queries.audit(model)
    faults = check(entries, trust=world.trust)
    shown = [_entry(entry.partition, entry.offset, entry.record) for entry in entries if entry.record is not None]
    # Another writer's clock may be off by a little.
    shown.sort(key=lambda entry: (entry["time_ms"], entry["sequence"]), reverse=True)
    found: list[AuditFault] = [
        {"writer": fault.writer, "partition": fault.partition, "offset": fault.offset, "what": fault.what}
        for fault in faults
    ]
    return {
        "now_ms": world.now_ms,
        "model": model,
        "intact": not found,
        "count": len(entries),
        "chained": sum(bool(entry.record and entry.record.get("sequence")) for entry in entries),
        "faults": found,
        "entries": shown[:most],
    }


def _entry(partition: int, offset: int, record: Any) -> AuditEntry:
    signature = record.get("signature") or {}
    return {
        "partition": partition,
        "offset": offset,
        "time_ms": int(record.get("time_ms") or 0),
        "action": str(record.get("action")),
        "text": told({"action": "?", **record}),
        "actor": str(record.get("actor")),
        "trigger": str(record.get("trigger")),
        "version": record.get("version"),
        "incident": record.get("incident"),
        "writer": str(record.get("writer") or ""),
        "sequence": int(record.get("sequence") or 0),
        "sha256": str(record.get("sha256") or ""),
        "signed_by": signature.get("key_id"),
    }
