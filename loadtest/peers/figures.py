"""The figures of runs, and what many runs of one peer say together; pure."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from loadtest.peers.check import Check, worst

__all__ = ["Run", "spread", "summary"]

_FIGURES = ("events_per_s", "cpu_us_per_event", "rss_mb", "monitor_cpu_us_per_event")


@dataclass(frozen=True, slots=True)
class Run:
    """One run of one peer.

    Parameters
    ----------
    events
        Events of the stream.
    cpu_us_per_event
        User and system time of the process that reads the events.
    rss_mb
        Its largest resident memory, in units of 10**6 bytes.
    check
        None for a peer without output.
    monitor_cpu_us_per_event
        Of Trimtab alone: that of the process that judges the windows, until the last of them is closed.
    """

    events: int
    events_per_s: float
    cpu_us_per_event: float
    rss_mb: float
    check: Check | None = None
    monitor_cpu_us_per_event: float | None = None


def spread(values: Sequence[float]) -> dict[str, float]:
    """Least, median and greatest.

    Examples
    --------
    >>> spread([3.0, 1.0, 2.0])
    {'min': 1.0, 'median': 2.0, 'max': 3.0}
    """
    return {"min": min(values), "median": statistics.median(values), "max": max(values)}


def summary(runs: Sequence[Run], failed: int = 0) -> dict[str, Any]:
    """All runs of one peer, plain types; without a run only how many failed."""
    found: dict[str, Any] = {"runs": len(runs), "failed": failed}
    if not runs:
        return found
    found["events"] = runs[0].events
    for name in _FIGURES:
        values = [value for value in (getattr(run, name) for run in runs) if value is not None]
        if values:
            found[name] = spread(values)
    check = worst(run.check for run in runs if run.check is not None)
    found["check"] = {} if check is None else {**asdict(check), "complete": check.complete}
    return found
