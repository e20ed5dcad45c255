"""From scores to thresholds of one false-alarm rate, power and delay; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from loadtest.verdicts.power.scenarios import BASES, PACES, SCENARIOS, WINDOW, WINDOWS, Array, Scenario

__all__ = ["RATE", "Row", "best", "holds", "largest", "measure", "threshold"]

RATE = 0.01
WITHIN = 0.95


class Row(NamedTuple):
    """What one tool made of one shift.

    Parameters
    ----------
    streams
        Shifted ones.
    first, within
        Power in the first window, and within all ten.
    delay
        Median events until detection; None when fewer than half were detected.
    false_alarms
        Share of windows of other streams without a shift that exceed the threshold.
    own_within, own_false_alarms
        The same by the tool's own defaults; None where it has none.
    """

    scenario: str
    pace: str
    tool: str
    streams: int
    first: float
    within: float
    delay: float | None
    false_alarms: float
    own_within: float | None
    own_false_alarms: float | None


def threshold(windows: Array, rate: float = RATE) -> float:
    """Smallest score that at most a share ``rate`` of the windows exceeds.

    Examples
    --------
    >>> threshold(np.arange(200.0)), threshold(np.zeros(200))
    (197.0, 0.0)
    """
    ranked = np.sort(windows, axis=None)
    return float(ranked[ranked.size - 1 - int(rate * ranked.size)])


def largest(scores: Mapping[str, Array], part: str, columns: Iterable[str], changed: str | None = None) -> Array:
    """Largest score of any column, shape ``(streams, steps)``; a column that ``changed`` has is taken from there.

    A tool that says nothing of a column leaves it out; ``joint`` stands for all of them together.

    Examples
    --------
    >>> scores = {"test/a": np.array([[1.0, 5.0]]), "test/b": np.array([[2.0, 2.0]]), "x/a": np.array([[9.0, 0.0]])}
    >>> largest(scores, "test", "ab").tolist(), largest(scores, "test", "ab", "x").tolist()
    ([[2.0, 5.0]], [[9.0, 2.0]])
    """
    taken = []
    for column in (*columns, "joint"):
        for key in (f"{changed}/{column}", f"{part}/{column}"):
            if key in scores:
                taken.append(scores[key])
                break
    found: Array = np.max(taken, axis=0)
    return found


def measure(
    tool: str, scores: Mapping[str, Array], own: Mapping[str, Array] | None, own_threshold: float | None
) -> list[Row]:
    """A row for each shift.

    Parameters
    ----------
    scores
        By ``part/column``, shape ``(streams, steps)``; so many steps in each window.
    own
        Scores that the tool's defaults look at.
    own_threshold
        Which they have to reach.
    """
    rows = []
    for scenario in SCENARIOS:
        columns = BASES[scenario.base]
        limit = threshold(_windows(largest(scores, "cal", columns)))
        rate = float((_windows(largest(scores, "test", columns)) > limit).mean())
        for pace in PACES:
            found = largest(scores, "test", columns, f"{scenario.name}, {pace}") > limit
            own_within, own_rate = _own(scenario, pace, own, own_threshold)
            rows.append(_row(scenario, pace, tool, found, rate, own_within, own_rate))
    return rows


def best(rows: Sequence[Row], ours: Sequence[str]) -> Row:
    """The one of another tool that has most power within the windows, by delay where that is equal.

    Parameters
    ----------
    ours
        Names of the tools that are left out.
    """
    others = [row for row in rows if row.tool not in ours]
    return max(others, key=lambda row: (row.within, row.first, -(row.delay or np.inf)))


def holds(row: Row, other: Row) -> bool:
    """At least 95 % of the other's power, or nearer to it than two standard errors of the difference.

    Examples
    --------
    >>> rows = [Row("s", "p", "t", 200, 0.0, within, None, 0.01, None, None) for within in (1.0, 0.96, 0.9)]
    >>> [holds(row, rows[0]) for row in rows]
    [True, True, False]
    """
    error = sum(r.within * (1 - r.within) / r.streams for r in (row, other)) ** 0.5
    return row.within >= WITHIN * other.within or other.within - row.within < 2 * error


def _row(
    scenario: Scenario, pace: str, tool: str, found: Any, rate: float, own: float | None, own_rate: float | None
) -> Row:
    streams, steps = found.shape
    ever = found.any(axis=1)
    at = np.where(ever, (found.argmax(axis=1) + 1.0) * (WINDOW * WINDOWS / steps), np.inf)
    delay = float(np.median(at))
    first = float((at <= WINDOW).mean())
    known = delay if np.isfinite(delay) else None
    return Row(scenario.name, pace, tool, streams, first, float(ever.mean()), known, rate, own, own_rate)


def _own(
    scenario: Scenario, pace: str, scores: Mapping[str, Array] | None, limit: float | None
) -> tuple[float | None, float | None]:
    if scores is None or limit is None:
        return None, None
    columns = BASES[scenario.base]
    rate = float((_windows(largest(scores, "test", columns)) >= limit).mean())
    found = largest(scores, "test", columns, f"{scenario.name}, {pace}") >= limit
    return float(found.any(axis=1).mean()), rate


def _windows(scores: Array) -> Array:
    """Largest score of each window, shape ``(streams, windows)``."""
    return np.asarray(scores.reshape(len(scores), WINDOWS, -1).max(axis=2))
