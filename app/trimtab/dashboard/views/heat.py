"""Drift of every feature over time as a grid, and one cell of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from typing_extensions import TypedDict

from trimtab.dashboard.store.queries import Window
from trimtab.dashboard.views.period import Choice
from trimtab.dashboard.views.world import World
from trimtab.roles.window_records import limits_of, rank_of

__all__ = ["Cell", "Heat", "HeatCell", "HeatRow", "cell", "heat"]

COLUMNS = 40


class HeatCell(TypedDict):
    """The worst verdict on a feature among the windows of one column; which window and version that was."""

    status: str
    effect: float
    end_ms: int
    version: int


class HeatRow(TypedDict):
    """One feature; a cell is None where nothing was said of it."""

    feature: str
    cells: list[HeatCell | None]


class Heat(TypedDict):
    """Rows by feature, columns by time: ``columns`` are the ends of their last windows."""

    columns: list[int]
    windows_per_column: int
    rows: list[HeatRow]


class Statistic(TypedDict):
    """One statistic of one feature in one window."""

    name: str
    value: float
    p_value: float | None
    threshold: float | None


class Cell(TypedDict):
    """One feature in one window: every number, and both histograms where they are still kept."""

    feature: str
    segment: str
    version: int
    start_ms: int
    end_ms: int
    status: str
    effect: float
    count: int
    statistics: list[Statistic]
    labels: list[str]
    reference: list[float]
    window: list[float]


def heat(drifts: Sequence[Window], features: Iterable[str]) -> Heat:
    """The grid; configured features come first, in their order."""
    ends = sorted({window.end_ms for window in drifts})
    per_column = -(-len(ends) // COLUMNS) or 1
    column_of = {end: at // per_column for at, end in enumerate(ends)}
    width = -(-len(ends) // per_column)
    cells: dict[str, list[HeatCell | None]] = {}
    for window in drifts:
        at = column_of[window.end_ms]
        for feature, verdict in window.data.items():
            row = cells.setdefault(feature, [None] * width)
            found: HeatCell = {
                "status": verdict["status"],
                "effect": float(verdict["effect"]),
                "end_ms": window.end_ms,
                "version": window.version,
            }
            known = row[at]
            if known is None or _bad(found) > _bad(known):
                row[at] = found
    order = {feature: at for at, feature in enumerate(features)}
    names = sorted(cells, key=lambda feature: (order.get(feature, len(order)), feature))
    return {
        "columns": [ends[min(len(ends), (at + 1) * per_column) - 1] for at in range(width)],
        "windows_per_column": per_column,
        "rows": [{"feature": name, "cells": cells[name]} for name in names],
    }


def _bad(one: HeatCell) -> tuple[int, float]:
    return rank_of(one["status"]), one["effect"]


def cell(world: World, name: str, choice: Choice) -> Cell | None:
    """The cell that is chosen; None when none is, or it is not there."""
    if choice.feature is None or choice.end_ms is None:
        return None
    queries, end_ms = world.queries, choice.end_ms
    found = queries.windows("drifts", name, choice.segment, from_ms=end_ms - 1, to_ms=end_ms)
    found = [w for w in found if (choice.of or choice.version) in (None, w.version) and choice.feature in w.data]
    if not found:
        return None
    window = found[-1]
    verdict: dict[str, Any] = window.data[choice.feature]
    spread = queries.histograms(name, choice.feature, end_ms, window.version, choice.segment)
    return {
        "feature": choice.feature,
        "segment": choice.segment,
        "version": window.version,
        "start_ms": window.start_ms,
        "end_ms": end_ms,
        "status": verdict["status"],
        "effect": float(verdict["effect"]),
        "count": int(verdict["count"]),
        "statistics": _statistics(world, name, choice.feature, window, choice.segment),
        "labels": [] if spread is None else spread.labels,
        "reference": [] if spread is None else spread.reference,
        "window": [] if spread is None else spread.window,
    }


def _statistics(world: World, name: str, feature: str, window: Window, segment: str) -> list[Statistic]:
    limits = limits_of(world.config.models[name])
    found = world.queries.statistics(name, feature, window.end_ms, window.version, segment)
    return [
        {"name": statistic, "value": value, "p_value": p_value, "threshold": limits.get(statistic)}
        for statistic, (value, p_value) in sorted(found.items())
    ]
