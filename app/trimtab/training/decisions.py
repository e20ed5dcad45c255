"""What a trainer decides; its role carries it out in one transaction with the checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from trimtab.profiles import Reference
from trimtab.training.gates import GateResult
from trimtab.training.lineage import LearntRange

__all__ = ["Appointment", "Canary", "Decision", "Deletion", "Note", "Pin", "Promotion", "Registration", "Rollback"]


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
    """A new version that becomes the champion; with ``serves`` off it is in the registry alone, as a proposal.

    ``family`` is the candidate whose factory made it, empty for the model's own.
    """

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
    gates: tuple[GateResult, ...] = ()
    family: str = ""
    serves: bool = True


@dataclass(frozen=True, slots=True)
class Canary:
    """A proposal is served for a ``share`` of the keys: 0 while it waits for approval, None no longer.

    Without an ``action`` another decision says in the audit log what became of it.
    """

    version: int
    share: float | None
    trigger: str
    incident: str | None
    actor: str
    action: str
    details: Mapping[str, float | str | None]


@dataclass(frozen=True, slots=True)
class Rollback:
    """An earlier version becomes the champion again."""

    version: int
    replaced: int | None
    trigger: str
    actor: str
    details: Mapping[str, float | str | None]


@dataclass(frozen=True, slots=True)
class Appointment:
    """A version that is in the registry becomes the champion: a person orders it, or a proposal has passed."""

    version: int
    replaced: int | None
    actor: str
    details: Mapping[str, float | str | None]
    trigger: str = "command"
    incident: str | None = None


@dataclass(frozen=True, slots=True)
class Pin:
    """A version is kept until it is unpinned; or, with ``pinned`` off, no longer."""

    version: int
    pinned: bool
    actor: str
    reason: str
    details: Mapping[str, float | str | None]


@dataclass(frozen=True, slots=True)
class Deletion:
    """Versions leave the registry, by ``retention`` or by a ``command``."""

    versions: tuple[int, ...]
    trigger: str
    actor: str
    details: Mapping[str, float | str | None]


@dataclass(frozen=True, slots=True)
class Registration:
    """Imported versions come into the registry, or, with a reason in ``refused``, do not.

    ``staged`` is what the importer wrote, for the role that carries this out.
    """

    version: int
    actor: str
    staged: Any
    details: Mapping[str, float | str | None]
    refused: str = ""


Decision = Note | Promotion | Canary | Rollback | Appointment | Pin | Deletion | Registration
