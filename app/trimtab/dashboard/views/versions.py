"""Versions of a model: their tree, the lineage of one, what parts two, and what became of verifications."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from typing_extensions import TypedDict

from trimtab.dashboard.views.told import told
from trimtab.dashboard.views.world import World
from trimtab.registry.overview import differences, version_rows

__all__ = ["Difference", "Verification", "VersionRow", "VersionsView", "lineage_of", "tree_of", "versions"]

_VERIFIED = frozenset({"verified", "verify_failed"})


class VersionRow(TypedDict):
    """One version; ``depth`` is how many ancestors it has among those that are kept."""

    model: str
    version: int
    status: str
    pinned: bool
    parent: int | None
    candidate: str
    trigger: str
    incident: str | None
    examples: int
    metrics: dict[str, float]
    size_bytes: int
    created_ms: int
    depth: int


class Difference(TypedDict):
    """A field in which two versions differ; each side as text."""

    name: str
    left: str
    right: str


class Verification(TypedDict):
    """What the audit log says of a version that was made again."""

    version: int | None
    time_ms: int
    text: str


class VersionsView(TypedDict):
    """The registry page of a model."""

    now_ms: int
    model: str
    served: str
    versions: list[VersionRow]
    chosen: int | None
    lineage: list[VersionRow]
    manifest: dict[str, Any] | None
    against: int | None
    differences: list[Difference]
    verifications: list[Verification]


def versions(world: World, model: str, chosen: int | None = None, against: int | None = None) -> VersionsView:
    """All versions as a tree; one that is chosen with its lineage, and beside another one."""
    champion, served = world.served(model)
    manifests = world.registry.versions(model)
    rows = version_rows(manifests, champion, world.registry.pinned(model), world.registry.alias(model, "canary"))
    tree = tree_of(rows)
    by_number = {int(manifest["version"]): manifest for manifest in manifests}
    left, right = by_number.get(against or 0), by_number.get(chosen or 0)
    return {
        "now_ms": world.now_ms,
        "model": model,
        "served": served,
        "versions": tree,
        "chosen": chosen if right is not None else None,
        "lineage": lineage_of(tree, chosen) if chosen is not None else [],
        "manifest": None if right is None else _shown(right),
        "against": against if left is not None else None,
        "differences": [] if left is None or right is None else _differences(left, right),
        "verifications": list(_verifications(world, model)),
    }


def tree_of(rows: Sequence[Mapping[str, Any]]) -> list[VersionRow]:
    """Rows with their depth, children below their parents, the newest family first.

    Examples
    --------
    >>> rows = [{"version": 1, "parent": None}, {"version": 2, "parent": None}, {"version": 3, "parent": 1}]
    >>> [(row["version"], row["depth"]) for row in tree_of(rows)]
    [(2, 0), (1, 0), (3, 1)]
    """
    there = {row["version"] for row in rows}
    children: dict[int | None, list[Mapping[str, Any]]] = {}
    for row in rows:
        children.setdefault(row["parent"] if row["parent"] in there else None, []).append(row)
    found: list[VersionRow] = []
    # A stack, not recursion: a chain of versions may be longer than Python's stack.
    waiting = [(row, 0) for row in sorted(children.get(None, []), key=lambda row: int(row["version"]))]
    while waiting:
        row, depth = waiting.pop()
        found.append({**row, "depth": depth})  # type: ignore[typeddict-item]
        waiting += [(child, depth + 1) for child in reversed(children.get(row["version"], []))]
    return found


def lineage_of(rows: Sequence[VersionRow], version: int) -> list[VersionRow]:
    """A version and its ancestors, the oldest first."""
    by_number = {row["version"]: row for row in rows}
    found: list[VersionRow] = []
    at: int | None = version
    while at is not None and at in by_number and len(found) < len(rows):
        found.append(by_number[at])
        at = by_number[at]["parent"]
    return found[::-1]


def _shown(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """A manifest without its bulk."""
    hidden = ("config", "signature", "imported", "code")
    shown = {name: value for name, value in manifest.items() if name not in hidden}
    return {**shown, "snapshot": {name: manifest["snapshot"][name] for name in ("size_bytes", "sha256")}}


def _differences(left: Mapping[str, Any], right: Mapping[str, Any]) -> list[Difference]:
    found = differences(left, right)
    return [{"name": name, "left": _text(a), "right": _text(b)} for name, (a, b) in found.items()]


def _text(value: Any) -> str:
    if value is None:
        return "—"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _verifications(world: World, model: str) -> Iterator[Verification]:
    for entry in reversed(world.queries.audit(model)):
        record = entry.record or {}
        if record.get("action") in _VERIFIED:
            yield {"version": record.get("version"), "time_ms": int(record["time_ms"]), "text": told(record)}
