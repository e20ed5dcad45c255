"""The life of one alert.

::

    inactive ──bad──► pending ──bad, for_windows in a row──► firing ──good, resolve_after in a row──► inactive
        ▲                │
        └─────good───────┘

=========  =============================  =============================================
phase      bad window                     good window
=========  =============================  =============================================
inactive   pending, or firing at once     —
pending    firing when ``for_windows``    inactive
firing     stays; good ones start anew    inactive when ``resolve_after``: resolved
=========  =============================  =============================================

A window that says nothing (too few events, no reference) changes nothing: no phase and no count.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Literal, Self

from trimtab.config import AlertSpec

__all__ = ["AlertState", "Change", "Phase", "Signal", "step"]

Change = Literal["firing", "resolved"]


class Phase(StrEnum):
    """Where an alert stands."""

    INACTIVE = "inactive"
    PENDING = "pending"
    FIRING = "firing"


class Signal(StrEnum):
    """What one window says of one alert."""

    GOOD = "good"
    BAD = "bad"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class AlertState:
    """One alert between two windows.

    Parameters
    ----------
    bad, good
        Windows in a row that count towards the next phase.
    started_ms
        End of the first bad window of this incident, event time; it names the incident.
    """

    phase: Phase = Phase.INACTIVE
    bad: int = 0
    good: int = 0
    started_ms: int = 0

    def to_wire(self) -> dict[str, Any]:
        """Plain types."""
        return {"phase": str(self.phase), "bad": self.bad, "good": self.good, "started_ms": self.started_ms}

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_wire` wrote."""
        return cls(Phase(wire["phase"]), int(wire["bad"]), int(wire["good"]), int(wire["started_ms"]))


def step(state: AlertState, signal: Signal, window_end_ms: int, spec: AlertSpec) -> tuple[AlertState, Change | None]:
    """One window's word; returns the new state, and the change to announce, if there is one.

    Examples
    --------
    >>> state, change = step(AlertState(), Signal.BAD, 1000, AlertSpec(for_windows=1))
    >>> state.phase, change
    (<Phase.FIRING: 'firing'>, 'firing')
    """
    if signal is Signal.NOTHING:
        return state, None
    if signal is Signal.BAD:
        return _bad(state, window_end_ms, spec)
    if state.phase is not Phase.FIRING:
        return AlertState(), None
    good = state.good + 1
    if good < spec.resolve_after:
        return replace(state, good=good), None
    return AlertState(), "resolved"


def _bad(state: AlertState, window_end_ms: int, spec: AlertSpec) -> tuple[AlertState, Change | None]:
    if state.phase is Phase.FIRING:
        return replace(state, good=0), None
    started_ms = state.started_ms if state.phase is Phase.PENDING else window_end_ms
    bad = state.bad + 1
    if bad < spec.for_windows:
        return AlertState(Phase.PENDING, bad, 0, started_ms), None
    return AlertState(Phase.FIRING, bad, 0, started_ms), "firing"
