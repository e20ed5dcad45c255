"""What stands in the registry, as people ask for it: versions with their status, and what parts two of them."""

from __future__ import annotations

import json
from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Any

__all__ = ["differences", "status_of", "version_rows"]

Record = Mapping[str, Any]

# What two versions always differ in says nothing about them.
_OWN = frozenset(
    {"version", "created_ms", "snapshot", "state_digest", "manifest_sha256", "reference", "config", "imported"}
)


def status_of(version: int, champion: int | None, *, imported: bool = False, proposed: Record | None = None) -> str:
    """``champion``; ``superseded`` by it; ``rolled_back``: newer than the champion, so given up; or ``registered``.

    ``waiting`` for approval, and ``canary``, is what the alias ``canary`` (``proposed``) names. Numbers say nothing of
    when an imported version was made, so one that does not serve is ``registered``.

    Examples
    --------
    >>> [status_of(version, 2) for version in (1, 2, 3)], status_of(1, None), status_of(3, 2, imported=True)
    (['superseded', 'champion', 'rolled_back'], 'registered', 'registered')
    """
    if version == champion:
        return "champion"
    if proposed is not None and proposed["version"] == version:
        return "canary" if proposed["share"] else "waiting"
    if champion is None or imported:
        return "registered"
    return "superseded" if version < champion else "rolled_back"


def version_rows(
    manifests: Sequence[Record],
    champion: int | None,
    pinned: Container[int] = (),
    proposed: Record | None = None,
) -> list[dict[str, Any]]:
    """One row for each manifest, in their order: what one asks of a version first."""
    return [
        {
            "model": manifest["model"],
            "version": manifest["version"],
            "status": status_of(
                manifest["version"], champion, imported=bool(manifest.get("imported")), proposed=proposed
            ),
            "pinned": manifest["version"] in pinned,
            "parent": manifest["parent"],
            "candidate": manifest["candidate"],
            "trigger": manifest["trigger"],
            "incident": manifest["incident"],
            "examples": manifest["examples"]["count"],
            "metrics": dict(manifest["metrics"]),
            "size_bytes": manifest["snapshot"]["size_bytes"],
            "created_ms": manifest["created_ms"],
        }
        for manifest in manifests
    ]


def differences(left: Record, right: Record) -> dict[str, tuple[Any, Any]]:
    """Fields of two manifests whose values differ, by path; settings of their configurations below ``config``.

    Examples
    --------
    >>> one, two = ({"metrics": {"f1": f1}, "trigger": "drift", "version": f1} for f1 in (1, 2))
    >>> differences(one, two)
    {'metrics.f1': (1, 2)}
    """
    sides = []
    for manifest in (left, right):
        flat = dict(_flat({name: value for name, value in manifest.items() if name not in _OWN}, ""))
        text = manifest.get("config")
        sides.append(flat | (dict(_flat(json.loads(text), "config.")) if text else {}))
    names = sorted(sides[0].keys() | sides[1].keys())
    return {
        name: (sides[0].get(name), sides[1].get(name)) for name in names if sides[0].get(name) != sides[1].get(name)
    }


def _flat(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Leaves of nested mappings, each with its dotted path."""
    if not isinstance(value, Mapping):
        yield path.rstrip("."), value
        return
    for name, inner in value.items():
        yield from _flat(inner, f"{path}{name}.")
