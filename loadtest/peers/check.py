"""Compares what came out with the truth; pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from loadtest.peers.truth import Truth

__all__ = ["Check", "check_peer", "check_trimtab", "worst"]


@dataclass(frozen=True, slots=True)
class Check:
    """What one run got right.

    Parameters
    ----------
    full_windows, expected_windows
        Windows that were closed once and with the count of the truth, and those of the truth.
    other_windows
        Windows closed with another count, twice, or unknown to the truth.
    events, expected_events
        Events in closed windows, and those of the stream.
    late
        Events that were left out as late; None when a peer does not say.
    max_psi_error
        Largest difference to the 20-bin PSI of the truth over full windows; None without any PSI.
    psi_exact
        Whether every PSI equals the offline computation to the last bit; None where there is none to compare with.
    """

    full_windows: int
    expected_windows: int
    other_windows: int
    events: int
    expected_events: int
    late: int | None
    max_psi_error: float | None
    psi_exact: bool | None = None

    @property
    def complete(self) -> bool:
        """Every window is there with every event."""
        return (
            self.full_windows == self.expected_windows
            and self.other_windows == 0
            and self.events == self.expected_events
            and not self.late
            and self.psi_exact is not False
        )


def check_peer(messages: Sequence[Mapping[str, Any]], truth: Truth, late: int | None) -> Check:
    """Check the metric messages of a peer."""
    full = _full([(message["start_ms"], message["events"]) for message in messages], truth)
    found = {(m["start_ms"], name): value for m in messages for name, value in (m["psi"] or {}).items()}
    return Check(
        full_windows=len(full),
        expected_windows=len(truth),
        other_windows=len(messages) - len(full),
        events=sum(message["events"] for message in messages),
        expected_events=_expected_events(truth),
        late=late,
        max_psi_error=_max_error(found, full, truth),
    )


def check_trimtab(metrics: Sequence[Mapping[str, Any]], truth: Truth) -> Check:
    """Check the metric records of a monitor; without segments, of one version."""
    closed = [(metric["start_ms"], round(metric["value"])) for metric in metrics if metric["statistic"] == "events"]
    full = _full(closed, truth)
    psi = [metric for metric in metrics if metric["statistic"] == "psi"]
    found = {(metric["start_ms"], metric["feature"]): metric["value"] for metric in psi}
    exact = {(start, name): value for start, window in truth.items() for name, value in window.trimtab_psi.items()}
    return Check(
        full_windows=len(full),
        expected_windows=len(truth),
        other_windows=len(closed) - len(full),
        events=sum(events for _, events in closed),
        expected_events=_expected_events(truth),
        late=round(sum(metric["value"] for metric in metrics if metric["statistic"] == "late_events")),
        max_psi_error=_max_error(found, full, truth),
        psi_exact=len(psi) == len(found) and found == exact,
    )


def worst(checks: Iterable[Check]) -> Check | None:
    """What can be said of all runs: the worst of each field; None without a check."""
    found: Check | None = None
    for check in checks:
        found = check if found is None else _worse(found, check)
    return found


def _full(closed: Sequence[tuple[int, int]], truth: Truth) -> set[int]:
    times = Counter(start for start, _ in closed)
    right = {start for start, events in closed if start in truth and truth[start].events == events}
    return {start for start in right if times[start] == 1}


def _expected_events(truth: Truth) -> int:
    return sum(window.events for window in truth.values())


def _max_error(found: Mapping[tuple[int, str], float], full: set[int], truth: Truth) -> float | None:
    errors = [abs(value - truth[start].psi[name]) for (start, name), value in found.items() if start in full]
    return max(errors, default=None)


def _worse(left: Check, right: Check) -> Check:
    exact = [check.psi_exact for check in (left, right) if check.psi_exact is not None]
    return replace(
        left,
        full_windows=min(left.full_windows, right.full_windows),
        other_windows=max(left.other_windows, right.other_windows),
        events=max(left.events, right.events, key=lambda events: abs(events - left.expected_events)),
        late=max((late for late in (left.late, right.late) if late is not None), default=None),
        max_psi_error=max((e for e in (left.max_psi_error, right.max_psi_error) if e is not None), default=None),
        psi_exact=all(exact) if exact else None,
    )
