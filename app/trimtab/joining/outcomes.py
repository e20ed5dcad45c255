"""What comes out of the join of one partition."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from trimtab.events.errors import EventError
from trimtab.events.examples import Examples
from trimtab.events.tables import PredictionTable, Sources

__all__ = ["Joined", "Outcomes", "Refused"]


@dataclass(frozen=True, slots=True)
class Joined:
    """Predictions of one model that met their labels; ``sources`` are those of the labels."""

    model: str
    examples: Examples
    sources: Sources


@dataclass(frozen=True, slots=True)
class Refused:
    """A part that goes to dead letters.

    Parameters
    ----------
    topic
        'features', 'predictions' or 'labels'.
    model
        None when it names none.
    """

    topic: str
    event_id: str
    partition: int
    offset: int
    timestamp_ms: int
    error: EventError
    model: str | None = None


@dataclass(slots=True)
class Outcomes:
    """Outcomes of one step.

    Parameters
    ----------
    resolved
        Predictions whose features are known: they are profiled.
    unlabelled
        By model, predictions whose label never came.
    """

    resolved: list[PredictionTable] = field(default_factory=list)
    joined: list[Joined] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    unlabelled: Counter[str] = field(default_factory=Counter)

    def __bool__(self) -> bool:
        return bool(self.resolved or self.joined or self.refused or self.unlabelled)
