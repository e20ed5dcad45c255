"""What a trainer decides; its role carries it out in one transaction with the checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from trimtab.profiles import Reference
from trimtab.training.lineage import LearntRange

__all__ = ["Decision", "Note", "Promotion", "Rollback"]


@dataclass(frozen=True, slots=True)
class Note:
    """Something for the audit log."""

    action: str
    trigger: str
    incident: str | None = None
    actor: str = "trainer"
    version: int | None = None
    details: Mapping[str, float | str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Promotion:
    """A new version that becomes the champion."""

    version: int
    model: Any
    candidate: str
    trigger: str
    actor: str
    incident: str | None
    parent: int | None
    learnt: LearntRange
    reference: Reference
    race: Mapping[str, float] | None


@dataclass(frozen=True, slots=True)
class Rollback:
    """An earlier version becomes the champion again."""

    version: int
    replaced: int
    trigger: str
    actor: str
    details: Mapping[str, float | str | None]


Decision = Note | Promotion | Rollback
