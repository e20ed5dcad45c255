"""A manifest as verification needs it, and the hash by which it is known to be whole."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from pydantic import ValidationError

from trimtab.config import FactorySpec, ModelConfig
from trimtab.errors import RegistryError
from trimtab.registry import SnapshotRef
from trimtab.registry.records import manifest_sha256
from trimtab.training import LearntRange
from trimtab.training.factory import factory_of

__all__ = ["Damaged", "Manifest", "flat_code", "manifest_sha256"]


def flat_code(code: Mapping[str, Any]) -> dict[str, str]:
    """What of the field ``code`` can differ from one machine to another, by name.

    Examples
    --------
    >>> flat_code({"modules": {"mine.model": "ab"}, "lock_sha256": "cd"})
    {'module mine.model': 'ab', 'lock': 'cd'}
    """
    return {**{f"module {name}": sha for name, sha in code["modules"].items()}, "lock": code["lock_sha256"]}


class Damaged(RegistryError):
    """What is recorded is not what was recorded; the message says where."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a version says of itself.

    Parameters
    ----------
    config
        The model's configuration when the version was made.
    topic, partition, learnt
        Which records it learnt, after its parent or from nothing, and on which it was asked for predictions.
    environment
        Versions of the software that learnt them, and ``factory``, the hash of the factory's source.
    imported
        What it was in the registry that it comes from, such as ``credit@41``; None when it was made here.
    code
        Hashes of the user's modules and of all that was installed, as :func:`flat_code` has them; None in manifests of
        earlier releases.
    family
        The candidate by whose factory it was made; empty for the model's own.
    """

    model: str
    version: int
    parent: int | None
    config: ModelConfig
    topic: str
    partition: int
    learnt: LearntRange
    environment: Mapping[str, str]
    code: Mapping[str, str] | None
    state_digest: str
    snapshot: SnapshotRef
    imported: str | None = None
    family: str = ""

    @property
    def factory(self) -> FactorySpec:
        """How the model that it comes from was made."""
        return factory_of(self.config, self.family)

    @classmethod
    def of(cls, record: Mapping[str, Any], configured: ModelConfig) -> Self:
        """Read a record of the registry.

        Parameters
        ----------
        configured
            Taken where the manifest, of an earlier release, does not hold its own.

        Raises
        ------
        Damaged
            A field is missing or of another type, or a hash says that it was changed.
        """
        recorded = record.get("manifest_sha256")
        if recorded is not None and recorded != manifest_sha256(record):
            raise Damaged(f"manifest: its SHA-256 is {manifest_sha256(record)[:16]}…, it says {str(recorded)[:16]}…")
        try:
            examples, text = record["examples"], record.get("config") or ""
            config = ModelConfig.model_validate_json(text) if text else configured
            # Of the text as it was written: a release that knows more settings reads more defaults into it.
            if text and hashlib.sha256(text.encode()).hexdigest() != record["config_sha256"]:
                raise Damaged("manifest.config: it does not have the recorded config_sha256")
            return cls(
                model=record["model"],
                version=int(record["version"]),
                parent=record["parent"],
                config=config,
                topic=examples["topic"],
                partition=int(examples["partition"]),
                learnt=LearntRange(
                    int(examples["first_offset"]),
                    int(examples["last_offset"]),
                    int(examples["count"]),
                    examples["sha256"],
                    int(examples.get("asked_first_offset", -1)),
                    int(examples.get("asked_last_offset", -1)),
                    int(examples.get("thinned", 0)),
                    int(examples.get("half_life", 0)),
                    int(examples.get("asked_whole_from_offset", -1)),
                ),
                environment={**record["environment"], "factory": record["factory_sha256"]},
                code=None if record.get("code") is None else flat_code(record["code"]),
                state_digest=record["state_digest"],
                snapshot=SnapshotRef.from_wire(record["snapshot"]),
                imported=_source(record.get("imported")),
                family=record.get("family") or "",
            )
        except Damaged:
            raise
        except (KeyError, TypeError, ValueError, AttributeError, ValidationError, RegistryError) as error:
            raise Damaged(f"manifest: a field is damaged ({type(error).__name__}: {error})") from error


def _source(imported: Mapping[str, Any] | None) -> str | None:
    return None if imported is None else f"{imported['model']}@{imported['version']}"
