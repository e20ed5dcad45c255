"""Versions as a trainer publishes them, and files of them, for tests."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from river import compose, linear_model, preprocessing

from tests.unit.registry.signatures import SIGNER
from trimtab.config import ModelConfig, config_hash, config_json
from trimtab.profiles import Reference
from trimtab.registry.carry import export
from trimtab.registry.digest import state_digest
from trimtab.registry.records import SnapshotRef, manifest_sha256, reference_key, version_key
from trimtab.registry.signing import Signer
from trimtab.registry.snapshot import dump

__all__ = ["CONFIG", "MODEL", "Registry", "member", "rewritten"]

MODEL = "credit"
CONFIG = ModelConfig.model_validate(
    {
        "task": "binary",
        "features": {"x": {"type": "numeric"}},
        "factory": {"class": "river.linear_model:LogisticRegression"},
    }
)


def model_of(version: int) -> Any:
    model = compose.Pipeline(preprocessing.StandardScaler(), linear_model.LogisticRegression())
    for number in range(5 * version):
        model.learn_one({"x": float(number % 7)}, number % 2 == 0)
    return model


class Registry:
    """Records by key and snapshots by hash: versions 1 to ``count``, each the parent of the next."""

    def __init__(self, count: int = 3, signer: Signer = SIGNER) -> None:
        self.records: dict[str, dict[str, Any]] = {}
        self.data: dict[str, bytes] = {}
        self.signer = signer
        for version in range(1, count + 1):
            self.publish(version)

    def publish(self, version: int, data: bytes | None = None, **changes: Any) -> None:
        """A version; with changes, as somebody would forge it who has the key."""
        model = model_of(version)
        data = dump(model) if data is None else data
        digest = hashlib.sha256(data).hexdigest()
        self.data[digest] = data
        chunk = {"partition": 1, "offset": version, "size_bytes": len(data)}
        manifest: dict[str, Any] = {
            "model": MODEL,
            "version": version,
            "parent": version - 1 or None,
            "candidate": "continue",
            "trigger": "schedule",
            "incident": None,
            "examples": {
                "topic": "a.examples",
                "partition": 0,
                "first_offset": 10 * version,
                "last_offset": 10 * version + 9,
                "count": 100,
                "sha256": "ab" * 32,
                "asked_first_offset": 10 * version,
                "asked_last_offset": 10 * version + 9,
            },
            "race": None,
            "reference": f"{MODEL}@{version}",
            "metrics": {"accuracy": 0.9},
            "config": config_json(CONFIG),
            "config_sha256": config_hash(CONFIG),
            "factory_sha256": "cd" * 32,
            "environment": {"river": "0.22"},
            "state_digest": state_digest(model),
            "snapshot": {"size_bytes": len(data), "sha256": digest, "chunks": [chunk]},
            "created_ms": 1,
            **changes,
        }
        manifest = {"manifest_sha256": manifest_sha256(manifest), **manifest}
        reference = Reference.of(f"{MODEL}@{version}", {"x": np.array([1.0, 2.0])}, {}, {}).to_wire()
        for key, record in ((version_key(MODEL, version), manifest), (reference_key(MODEL, version), reference)):
            self.records[key] = self.signer.signed("registry", key, record)

    def pieces(self, ref: SnapshotRef) -> Iterator[bytes]:
        data = self.data[ref.sha256]
        for at in range(0, len(data), 100):
            yield data[at : at + 100]

    def export(self, path: Path, version: int = 3, *, chain: bool = False) -> tuple[list[int], str]:
        return export(path, MODEL, version, record=self.records.get, pieces=self.pieces, chain=chain)


def member(path: Path, name: str) -> bytes:
    with zipfile.ZipFile(path) as archive:
        return archive.read(name)


def rewritten(
    path: Path,
    changes: Mapping[str, bytes | None],
    *,
    more: Sequence[tuple[str, bytes]] = (),
    sealed: bool = True,
    compression: int = zipfile.ZIP_STORED,
) -> Path:
    """A copy with members changed or, by None, left out; ``sealed``: the head says so, as a careful forger has it."""
    with zipfile.ZipFile(path) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
    members = {name: changes.get(name, data) for name, data in members.items()}  # type: ignore[misc]
    if sealed and "trimtab-export.json" not in changes:
        head = orjson.loads(members["trimtab-export.json"])
        for name, data in members.items():
            if data is not None and name in head["members"]:
                head["members"][name] = {"size_bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        members["trimtab-export.json"] = orjson.dumps(head)
    out = path.with_name("forged.zip")
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, data in [*members.items(), *more]:
            if data is not None:
                archive.writestr(name, data)
    return out
