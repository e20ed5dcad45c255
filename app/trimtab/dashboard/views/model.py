"""One model over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from typing_extensions import TypedDict

from trimtab.dashboard.store.queries import Window
from trimtab.dashboard.views.fleet import FleetRow, row_of
from trimtab.dashboard.views.heat import Cell, Heat, HeatRow, cell, heat
from trimtab.dashboard.views.incidents import IncidentRow, rows_of
from trimtab.dashboard.views.period import Choice
from trimtab.dashboard.views.world import World, metric_of
from trimtab.performance import ESTIMATED, HIGHER_IS_BETTER

__all__ = [
    "NOT_METRICS",
    "RACES",
    "Cell",
    "Heat",
    "HeatRow",
    "ModelView",
    "Point",
    "Promotion",
    "RaceNumber",
    "SegmentRow",
    "model",
]

RACES = (
    "race_loss", "race_evidence", "replayed_share", "loss_difference", "harm_evidence", "loss", "champion_loss",
)  # fmt: skip
NOT_METRICS = frozenset({"events", "labelled", "late_events", "late_labelled", "false_alarm_level",
                          "false_alarms_spent", "volume", ESTIMATED})  # fmt: skip
_RACE_MS = 86_400_000


class Point(TypedDict):
    """A metric of one version in one window."""

    start_ms: int
    end_ms: int
    version: int
    value: float
    count: int
    status: str


class Promotion(TypedDict):
    """When another version became champion: ``event_time_ms`` is on the clock of the windows."""

    event_time_ms: int
    time_ms: int
    version: int | None
    action: str
    actor: str


class SegmentRow(TypedDict):
    """A segment in its last window."""

    segment: str
    events: int
    labelled: int
    value: float | None
    status: str
    drifted: int
    worst_feature: str | None
    end_ms: int | None


class RaceNumber(TypedDict):
    """A number of a race, a replay, a canary or a shadow; wall time."""

    statistic: str
    segment: str
    time_ms: int
    value: float
    count: int


class ModelView(TypedDict):
    """The model page."""

    now_ms: int
    read_share: float
    summary: FleetRow
    canary: dict[str, Any] | None
    metric: str
    metrics: list[str]
    segment: str
    versions: list[int]
    limit: float | None
    performance: list[Point]
    estimated: list[Point]
    promotions: list[Promotion]
    heat: Heat
    cell: Cell | None
    segments: list[SegmentRow]
    races: list[RaceNumber]
    incidents: list[IncidentRow]


def model(world: World, name: str, choice: Choice) -> ModelView:
    """What is asked for of one model."""
    spec, queries = world.config.models[name], world.queries
    incidents = rows_of(world, name, "firing")
    period = choice.period
    numbers = queries.windows(
        "numbers", name, choice.segment, from_ms=period.from_ms, to_ms=period.to_ms, most=period.most
    )
    drifts = queries.windows(
        "drifts", name, choice.segment, from_ms=period.from_ms, to_ms=period.to_ms, most=period.most
    )
    versions = sorted({window.version for window in (*numbers, *drifts)})
    if choice.version is not None:
        numbers, drifts = ([w for w in of if w.version == choice.version] for of in (numbers, drifts))
    metric = choice.metric or metric_of(spec)
    canary = world.registry.alias(name, "canary")
    return {
        "now_ms": world.now_ms,
        "read_share": world.read_share,
        "summary": row_of(world, name, len(incidents), sum(one["severity"] == "critical" for one in incidents)),
        "canary": None if canary is None else {key: canary.get(key) for key in ("version", "share", "reason")},
        "metric": metric,
        "metrics": _metrics(numbers, metric),
        "segment": choice.segment,
        "versions": versions,
        "limit": _limit(world, name, metric) if not choice.segment else None,
        "performance": _points(numbers, metric),
        "estimated": _points(numbers, ESTIMATED) if metric == "accuracy" else [],
        "promotions": promotions(world, name),
        "heat": heat(drifts, spec.features),
        "cell": cell(world, name, choice),
        "segments": _segments(world, name, metric),
        "races": _races(world, name),
        "incidents": incidents,
    }


def _metrics(numbers: Sequence[Window], chosen: str) -> list[str]:
    found = {name for window in numbers for name in window.data if name not in NOT_METRICS}
    return sorted(found | {chosen})


def _points(numbers: Sequence[Window], metric: str) -> list[Point]:
    return [
        {
            "start_ms": window.start_ms,
            "end_ms": window.end_ms,
            "version": window.version,
            "value": float(window.data[metric]["value"]),
            "count": int(window.data[metric]["count"]),
            "status": str(window.data[metric]["status"]),
        }
        for window in numbers
        if metric in window.data
    ]


def _limit(world: World, name: str, metric: str) -> float | None:
    """The value beyond which the model's test of a metric fails."""
    test = next((test for test in world.config.models[name].performance if test.metric == metric), None)
    if test is None:
        return None
    before = world.reference_metrics(name).get(metric)
    if test.max_drop is not None and before is not None:
        return before - test.max_drop if HIGHER_IS_BETTER[metric] else before + test.max_drop
    return test.limit


def promotions(world: World, name: str) -> list[Promotion]:
    """Promotions and rollbacks, from the audit log."""
    found: list[Promotion] = []
    for entry in world.queries.audit(name):
        record: Mapping[str, Any] = entry.record or {}
        if record.get("action") in ("promoted", "rolled_back"):
            time_ms = int(record.get("time_ms") or 0)
            found.append(
                {
                    "event_time_ms": int(record.get("event_time_ms") or time_ms),
                    "time_ms": time_ms,
                    "version": record.get("version"),
                    "action": str(record["action"]),
                    "actor": str(record.get("actor")),
                }
            )
    return found


def _segments(world: World, name: str, metric: str) -> list[SegmentRow]:
    rows: list[SegmentRow] = []
    for segment in world.queries.segments(name):
        numbers = world.queries.windows("numbers", name, segment, most=4)
        drifts = world.queries.windows("drifts", name, segment, most=1)
        verdicts = drifts[-1].data if drifts else {}
        drifted = [feature for feature, verdict in verdicts.items() if verdict["status"] in ("drift", "missing")]
        last = next((window for window in reversed(numbers) if metric in window.data), None)
        rows.append(
            {
                "segment": segment,
                "events": int(_latest(numbers, "events")),
                "labelled": int(_latest(numbers, "labelled")),
                "value": None if last is None else float(last.data[metric]["value"]),
                "status": "none" if last is None else str(last.data[metric]["status"]),
                "drifted": len(drifted),
                "worst_feature": max(drifted, key=lambda feature: verdicts[feature]["effect"], default=None),
                "end_ms": numbers[-1].end_ms if numbers else None,
            }
        )
    return rows


def _latest(numbers: Sequence[Window], statistic: str) -> float:
    return next((float(w.data[statistic]["value"]) for w in reversed(numbers) if statistic in w.data), 0.0)


def _races(world: World, name: str) -> list[RaceNumber]:
    found = world.queries.live(name, RACES, from_ms=world.now_ms - _RACE_MS, most=3_000)
    return [
        {"statistic": n.statistic, "segment": n.segment, "time_ms": n.time_ms, "value": n.value, "count": n.examples}
        for n in found
    ]
