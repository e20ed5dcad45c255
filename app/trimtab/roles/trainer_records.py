"""The records of a trainer's decisions: manifests, aliases, references, online states and audit entries."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version as installed
from typing import Any

import numpy as np
import orjson

import trimtab
from trimtab.config import ModelConfig, config_hash, config_json
from trimtab.kafka.topics import Topics, partition_of
from trimtab.registry.digest import state_digest
from trimtab.registry.publish import Publication
from trimtab.registry.records import (
    INLINE_BYTES,
    champion_key,
    chunks_key,
    inline_snapshot,
    manifest_sha256,
    online_key,
    reference_key,
    version_key,
)
from trimtab.registry.snapshot import dump
from trimtab.training import Decision, Note, Promotion, Rollback, Trainer
from trimtab.training.factory import source_hash
from trimtab.training.provenance import code_of

__all__ = [
    "Decided",
    "Standing",
    "audit_of",
    "decided",
    "online_record",
    "publish_online",
    "publish_promotion",
    "publish_rollback",
]

# Of these a rollback knows the hash without asking the registry; it goes to one of the last few.
MANIFESTS_KEPT = 50


def environment() -> dict[str, str]:
    """Versions that a rebuild needs to be the same."""
    return {
        "python": platform.python_version(),
        "river": installed("river"),
        "numpy": np.__version__,
        "trimtab": trimtab.__version__,
    }


def gates_of(config: ModelConfig, size_bytes: int) -> list[dict[str, Any]]:
    """The gates that a version has passed, each with its number and limit; those of its race are in ``race``."""
    limit = config.gates.max_snapshot_bytes
    return [{"gate": "snapshot_bytes", "value": float(size_bytes), "limit": float(limit)}]


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision as it is to be written: its audit entry and, of a promotion, the model as it was decided on."""

    decision: Decision
    made_ms: int
    audit: bytes
    snapshot: bytes = b""
    digest: str = ""


@dataclass(slots=True)
class Standing:
    """What an alias has to say of the registry: each version's ``manifest_sha256``, and when it was changed before.

    Examples
    --------
    >>> standing = Standing({1: "ab"}, changed_ms=50)
    >>> standing.alias("m", 1, "rollback", now_ms=40)["changed_ms"]
    51
    """

    manifests: dict[int, str] = field(default_factory=dict)
    changed_ms: int = 0

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> Standing:
        """Read what :meth:`to_wire` wrote; nothing of a checkpoint of earlier releases."""
        return cls({int(v): sha for v, sha in wire.get("manifests", {}).items()}, int(wire.get("changed_ms", 0)))

    def to_wire(self) -> dict[str, Any]:
        """Plain types."""
        newest = sorted(self.manifests.items())[-MANIFESTS_KEPT:]
        return {"manifests": {str(version): sha for version, sha in newest}, "changed_ms": self.changed_ms}

    def alias(self, name: str, version: int, reason: str, now_ms: int) -> dict[str, Any]:
        """The alias ``champion``. A clock that is behind gives no older time: readers refuse what is played again."""
        self.changed_ms = max(now_ms, self.changed_ms + 1)
        return {
            "model": name,
            "alias": "champion",
            "version": version,
            "manifest_sha256": self.manifests.get(version, ""),
            "reason": reason,
            "changed_ms": self.changed_ms,
        }


def decided(trainer: Trainer, decision: Decision, now_ms: int) -> Decided:
    """Take down a decision before anything goes on: some models change even as they predict."""
    state = trainer.state
    audit = audit_of(trainer.name, trainer.config, decision, state.offset, state.event_time_ms, now_ms)
    if not isinstance(decision, Promotion):
        return Decided(decision, now_ms, audit)
    data = dump(decision.model, admit=trainer.config.admit)
    return Decided(decision, now_ms, audit, data, state_digest(decision.model))


def publish_promotion(
    publication: Publication,
    trainer: Trainer,
    made: Decided,
    promotion: Promotion,
    topics: Topics,
    partitions: int,
    standing: Standing,
) -> None:
    """Chunks, then manifest and reference, then the alias on which readers act."""
    name, config = trainer.name, trainer.config
    ref = publication.snapshot(chunks_key(name, promotion.version), name, made.snapshot)
    learnt = promotion.learnt
    manifest = {
        "model": name,
        "version": promotion.version,
        "parent": promotion.parent,
        "candidate": promotion.candidate,
        "trigger": promotion.trigger,
        "incident": promotion.incident,
        "examples": {
            "topic": topics.examples,
            "partition": partition_of(name, partitions),
            "first_offset": learnt.first,
            "last_offset": learnt.last,
            "count": learnt.count,
            "sha256": learnt.sha256,
            "asked_first_offset": learnt.asked_first,
            "asked_last_offset": learnt.asked_last,
        },
        "race": promotion.race,
        "reference": promotion.reference.id,
        "metrics": dict(promotion.reference.metrics),
        "config": config_json(config),
        "config_sha256": config_hash(config),
        "factory_sha256": source_hash(config.factory),
        "code": code_of(config),
        "gates": gates_of(config, len(made.snapshot)),
        "environment": environment(),
        "state_digest": made.digest,
        "snapshot": ref.to_wire(),
        "created_ms": made.made_ms,
    }
    standing.manifests[promotion.version] = digest = manifest_sha256(manifest)
    sealed = manifest | {"manifest_sha256": digest}
    publication.index(version_key(name, promotion.version), sealed)
    publication.index(reference_key(name, promotion.version), promotion.reference.to_wire())
    reason = "first" if promotion.candidate == "first" else "promotion"
    publication.index(champion_key(name), standing.alias(name, promotion.version, reason, made.made_ms))


def publish_rollback(publication: Publication, name: str, rollback: Rollback, standing: Standing, now_ms: int) -> None:
    """The alias goes back to an earlier version."""
    publication.index(champion_key(name), standing.alias(name, rollback.version, "rollback", now_ms))


def publish_online(
    publication: Publication, trainer: Trainer, data: bytes, meta: Mapping[str, int], now_ms: int
) -> None:
    """The current state of a learning champion; ``meta`` is version, offset, count and times of ``data``."""
    if len(data) <= INLINE_BYTES:
        snapshot = inline_snapshot(data)
    else:
        snapshot = publication.snapshot(online_key(trainer.name), trainer.name, data).to_wire()
    publication.index(online_key(trainer.name), online_record(trainer.name, snapshot, meta, now_ms))


def online_record(name: str, snapshot: dict[str, Any], meta: Mapping[str, int], now_ms: int) -> dict[str, Any]:
    """An online state as schema ``online_state`` has it."""
    return {"model": name, **meta, "published_ms": now_ms, "snapshot": snapshot}


def audit_of(name: str, config: ModelConfig, decision: Decision, offset: int, event_time_ms: int, now_ms: int) -> bytes:
    """The audit entry of a decision."""
    entry: dict[str, Any] = {
        "model": name,
        "offset": offset,
        "time_ms": now_ms,
        "event_time_ms": event_time_ms or None,
        "incident": None,
    }
    match decision:
        case Note(action, trigger, incident, actor, version, details):
            entry |= {
                "action": action,
                "actor": actor,
                "trigger": trigger,
                "incident": incident,
                "version": version,
                "details": dict(details),
            }
        case Promotion():
            entry |= {
                "action": "promoted",
                "actor": decision.actor,
                "trigger": decision.trigger,
                "incident": decision.incident,
                "version": decision.version,
                "details": {"candidate": decision.candidate, **(decision.race or decision.reference.metrics)},
            }
        case Rollback(version, replaced, trigger, actor, details):
            entry |= {
                "action": "rolled_back",
                "actor": actor,
                "trigger": trigger,
                "version": version,
                "details": {"replaced": float(replaced), **details},
            }
    return orjson.dumps(entry)
