"""What a follower serves and says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["FollowerStats", "ServedModel", "ServedPrediction"]


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model in service. ``record`` is the manifest or online record it came from; do not let ``model`` learn."""

    name: str
    version: int
    learnt_offset: int | None
    model: Any
    record: Mapping[str, Any]
    loaded_at_ms: int


@dataclass(frozen=True, slots=True)
class ServedPrediction:
    """What the served model says; all None while there is no model yet. Pass ``name`` on as ``served``.

    ``stale``: for more than ``max_behind_s`` it is not known that this is what the registry asks for.
    """

    value: str | float | None
    score: float | None
    name: str | None
    stale: bool = False


@dataclass(frozen=True, slots=True)
class FollowerStats:
    """``last_reload_ms`` is the time from the change (its record's wall clock) to the swap here.

    ``last_refusal`` says what was refused last, and why.
    """

    reloads: int
    refused: int
    last_reload_ms: float | None
    last_refusal: str | None = None
