"""The records of a trainer's decisions: manifests, aliases, references, online states and audit entries."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version as installed
from typing import Any

import numpy as np

import trimtab
from trimtab.config import ModelConfig, config_hash, config_json
from trimtab.kafka.topics import Topics, partition_of
from trimtab.registry.audit import Head
from trimtab.registry.digest import state_digest
from trimtab.registry.publish import Publication
from trimtab.registry.records import (
    INLINE_BYTES,
    canary_key,
    champion_key,
    chunk_keys,
    chunks_key,
    inline_snapshot,
    manifest_sha256,
    online_key,
    pin_key,
    reference_key,
    version_key,
)
from trimtab.registry.snapshot import dump
from trimtab.training import (
    Appointment,
    Canary,
    Decision,
    Deletion,
    Note,
    Pin,
    Promotion,
    Registration,
    Rollback,
    Trainer,
)
from trimtab.training.factory import factory_of, source_hash
from trimtab.training.inventory import said
from trimtab.training.provenance import code_of

__all__ = [
    "Decided",
    "Standing",
    "audit_of",
    "decided",
    "online_record",
    "publish_alias",
    "publish_canary",
    "publish_deletion",
    "publish_online",
    "publish_pin",
    "publish_promotion",
    "publish_registration",
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


def gates_of(promotion: Promotion) -> list[dict[str, Any]]:
    """The gates that a version has passed, each with its number and limit; those of its race are in ``race``."""
    return [
        {"gate": one.gate, "value": one.value, "limit": one.limit, "evidence": one.evidence} for one in promotion.gates
    ]


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision as it is to be written: its audit entry and, of a promotion, the model as it was decided on."""

    decision: Decision
    made_ms: int
    audit: Mapping[str, Any] | None
    snapshot: bytes = b""
    digest: str = ""


@dataclass(slots=True)
class Standing:
    """What is to be known of the registry: each version's ``manifest_sha256`` and keys of chunks, and the alias's time.

    ``audit`` is the last entry that the trainer wrote in the audit log, None when it is not known. ``serving`` are the
    manifests in the topic of that name, by version; they are not in the checkpoint.

    Examples
    --------
    >>> standing = Standing({1: "ab"}, changed_ms=50)
    >>> standing.alias("m", 1, "rollback", now_ms=40)["changed_ms"]
    51
    """

    manifests: dict[int, str] = field(default_factory=dict)
    changed_ms: int = 0
    chunks: dict[int, list[str]] = field(default_factory=dict)
    serving: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    audit: Head | None = None

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> Standing:
        """Read what :meth:`to_wire` wrote; nothing of a checkpoint of earlier releases."""
        manifests, chunks = wire.get("manifests", {}), wire.get("chunks", {})
        return cls(
            {int(v): sha for v, sha in manifests.items()},
            int(wire.get("changed_ms", 0)),
            {int(v): [f"{prefix}/{number}" for number in range(count)] for v, (prefix, count) in chunks.items()},
            audit=Head(*wire["audit"]) if wire.get("audit") else None,
        )

    def to_wire(self) -> dict[str, Any]:
        """Plain types."""
        newest = sorted(self.manifests.items())[-MANIFESTS_KEPT:]
        chunks = [(version, keys) for version, keys in sorted(self.chunks.items())[-MANIFESTS_KEPT:] if keys]
        return {
            "manifests": {str(version): sha for version, sha in newest},
            "changed_ms": self.changed_ms,
            "audit": None if self.audit is None else list(self.audit),
            "chunks": {str(version): [keys[0].rpartition("/")[0], len(keys)] for version, keys in chunks},
        }

    def note(self, version: int, manifest: Mapping[str, Any]) -> None:
        """Know a version's manifest."""
        self.manifests[version] = manifest_sha256(manifest)
        self.chunks[version] = chunk_keys(manifest["model"], manifest)

    def forget(self, version: int) -> list[str]:
        """A version goes; returns the keys of its chunks."""
        self.manifests.pop(version, None)
        return self.chunks.pop(version, [])

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
    told = not isinstance(decision, Canary) or decision.action
    audit = (
        audit_of(trainer.name, trainer.config, decision, state.offset, state.event_time_ms, now_ms) if told else None
    )
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
        "family": promotion.family,
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
            "thinned": learnt.thinned,
            "half_life": learnt.half_life,
            "asked_whole_from_offset": learnt.whole_from,
        },
        "race": promotion.race,
        "reference": promotion.reference.id,
        "metrics": dict(promotion.reference.metrics),
        "config": config_json(config),
        "config_sha256": config_hash(config),
        "factory_sha256": source_hash(factory_of(config, promotion.family)),
        "code": code_of(config),
        "gates": gates_of(promotion),
        "environment": environment(),
        "state_digest": made.digest,
        "snapshot": ref.to_wire(),
        "created_ms": made.made_ms,
    }
    sealed = manifest | {"manifest_sha256": manifest_sha256(manifest)}
    standing.note(promotion.version, sealed)
    publication.index(version_key(name, promotion.version), sealed)
    publication.index(reference_key(name, promotion.version), promotion.reference.to_wire())
    standing.serving[promotion.version] = sealed
    if not promotion.serves:
        return
    reason = "first" if promotion.candidate == "first" else "promotion"
    _point(publication, trainer, promotion.version, reason, standing, made.made_ms)


def publish_alias(
    publication: Publication, trainer: Trainer, made: Rollback | Appointment, standing: Standing, now_ms: int
) -> None:
    """The alias goes to a version that is there."""
    reason = "rollback" if isinstance(made, Rollback) else "promotion"
    _point(publication, trainer, made.version, reason, standing, now_ms)


def _point(
    publication: Publication, trainer: Trainer, version: int, reason: str, standing: Standing, now_ms: int
) -> None:
    """Write the alias, for services behind its manifest; of those there, what may be restored stays."""
    name, alias = trainer.name, standing.alias(trainer.name, version, reason, now_ms)
    publication.index(champion_key(name), alias)
    publish_serving(publication, name, version, alias, standing)
    kept = {version} | {past.version for past in trainer.state.champions}
    if trainer.state.proposal is not None:
        kept.add(trainer.state.proposal.version)
    for gone in sorted(standing.serving.keys() - kept):
        del standing.serving[gone]
        publication.serve(version_key(name, gone), None)


def publish_serving(
    publication: Publication, name: str, version: int, alias: Mapping[str, Any], standing: Standing
) -> None:
    """What services need of a champion: its manifest, then the alias on which they act."""
    if version in standing.serving:
        publication.serve(version_key(name, version), standing.serving[version])
    publication.serve(champion_key(name), alias)


def publish_canary(publication: Publication, trainer: Trainer, canary: Canary, standing: Standing, now_ms: int) -> None:
    """A proposal is served for another share of the keys; services find its manifest before the alias."""
    name, champions = trainer.name, {past.version for past in trainer.state.champions}
    key, record = canary_key(name), None
    if canary.share is not None:
        alias = standing.alias(name, canary.version, canary.action, now_ms)
        record = {**alias, "alias": "canary", "share": canary.share}
    publication.index(key, record)
    if canary.share and canary.version in standing.serving:
        publication.serve(version_key(name, canary.version), standing.serving[canary.version])
    if canary.share != 0:
        publication.serve(key, record)
    if canary.share is None and canary.version in standing.serving and canary.version not in champions:
        del standing.serving[canary.version]
        publication.serve(version_key(name, canary.version), None)


def publish_pin(publication: Publication, name: str, pin: Pin, now_ms: int) -> None:
    """A version is pinned, or no longer."""
    record = {"model": name, "version": pin.version, "actor": pin.actor, "reason": pin.reason, "pinned_ms": now_ms}
    publication.index(pin_key(name, pin.version), record if pin.pinned else None)


def publish_deletion(publication: Publication, name: str, versions: Iterable[int], standing: Standing) -> None:
    """Tombstones of everything that versions have."""
    for version in versions:
        for key in (version_key(name, version), reference_key(name, version)):
            publication.index(key, None)
        publication.remove(standing.forget(version), name)


def publish_registration(publication: Publication, name: str, made: Registration, standing: Standing) -> None:
    """Imported versions go to their places; of what is refused nothing is left."""
    for key, record in made.staged.items():
        manifest = record.get("manifest")
        publication.index(key, None)
        if made.refused:
            publication.remove(chunk_keys(name, manifest) if isinstance(manifest, Mapping) else [], name)
            continue
        standing.note(record["version"], manifest)
        publication.index(version_key(name, record["version"]), manifest)
        if record["reference"] is not None:
            publication.index(reference_key(name, record["version"]), record["reference"])


def publish_online(
    publication: Publication, trainer: Trainer, data: bytes, meta: Mapping[str, int], now_ms: int
) -> None:
    """The current state of a learning champion; ``meta`` is version, offset, count and times of ``data``."""
    if len(data) <= INLINE_BYTES:
        snapshot = inline_snapshot(data)
    else:
        snapshot = publication.snapshot(online_key(trainer.name), trainer.name, data).to_wire()
    publication.serve(online_key(trainer.name), online_record(trainer.name, snapshot, meta, now_ms))


def online_record(name: str, snapshot: dict[str, Any], meta: Mapping[str, int], now_ms: int) -> dict[str, Any]:
    """An online state as schema ``online_state`` has it."""
    return {"model": name, **meta, "published_ms": now_ms, "snapshot": snapshot}


def audit_of(
    name: str, config: ModelConfig, decision: Decision, offset: int, event_time_ms: int, now_ms: int
) -> dict[str, Any]:
    """The audit entry of a decision."""
    entry: dict[str, Any] = {
        "model": name,
        "offset": offset,
        "time_ms": now_ms,
        "event_time_ms": event_time_ms or None,
        "incident": None,
    }
    return entry | _told(decision)


def _told(decision: Decision) -> dict[str, Any]:
    """What an audit entry says of a decision."""
    told: dict[str, Any] = {"actor": getattr(decision, "actor", "trainer"), "trigger": "command"}
    match decision:
        case Note(action, trigger, incident, _, version, details):
            told |= {"action": action, "trigger": trigger, "incident": incident, "version": version}
            told["details"] = dict(details)
        case Promotion():
            action = "promoted" if decision.serves else "proposed"
            told |= {"action": action, "trigger": decision.trigger, "incident": decision.incident}
            numbers = decision.race or decision.reference.metrics
            told |= {"version": decision.version, "details": {"candidate": decision.candidate, **numbers}}
        case Rollback(version, replaced, trigger, _, details):
            told |= {"action": "rolled_back", "trigger": trigger, "version": version}
            told["details"] = {**_replaced(replaced), **details}
        case Appointment(version, replaced, _, details, trigger, incident):
            told |= {"action": "promoted", "trigger": trigger, "incident": incident, "version": version}
            told["details"] = {**_replaced(replaced), **details}
        case Canary(version, _, trigger, incident, _, action, details):
            told |= {"action": action, "trigger": trigger, "incident": incident, "version": version}
            told["details"] = dict(details)
        case Pin(version, pinned, _, _, details):
            told |= {"action": "pinned" if pinned else "unpinned", "version": version, "details": dict(details)}
        case Deletion(versions, trigger, _, details):
            told |= {"action": "versions_deleted", "trigger": trigger, "details": dict(details)}
            told["version"] = versions[0] if len(versions) == 1 else None
        case Registration(version, _, staged, details, refused):
            why = {"command": "import", "reason": refused} if refused else _source(staged)
            told |= {"action": "refused" if refused else "registered", "version": version}
            told["details"] = {**why, **details}
    return told


def _replaced(version: int | None) -> dict[str, float | None]:
    return {"replaced": None if version is None else float(version)}


def _source(staged: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Where imported versions come from."""
    records = sorted(staged.values(), key=lambda record: int(record["version"]))
    imported = records[-1]["manifest"]["imported"]
    return {
        "versions": said(record["version"] for record in records),
        "from": f"{imported['model']}@{imported['version']}",
        "file": imported["file"],
        "file_sha256": imported["file_sha256"],
        "manifest_sha256": imported["manifest_sha256"],
    }
