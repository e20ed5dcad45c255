"""Every model in one row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

from typing_extensions import TypedDict

from trimtab.dashboard.store.queries import Window
from trimtab.dashboard.views.world import World, metric_of

__all__ = ["FleetRow", "FleetView", "Health", "fleet", "health_of", "row_of"]

Health = Literal["critical", "alerting", "drifting", "worse", "quiet", "ok"]
SPARK: int = 48
_RANK = {"critical": 0, "alerting": 1, "worse": 2, "drifting": 3, "ok": 4, "quiet": 5}


class FleetRow(TypedDict):
    """One model. ``coverage`` is labelled by predicted events of the last windows; None before there are any."""

    model: str
    mode: str
    task: str
    health: Health
    version: int | None
    served: str
    metric: str
    value: float | None
    reference: float | None
    status: str
    events: int
    labelled: int
    coverage: float | None
    features: int
    drifted: int
    worst_feature: str | None
    worst_effect: float | None
    last_window_ms: int | None
    incidents: int
    critical: int
    sparkline: list[float | None]


class FleetView(TypedDict):
    """The fleet page; ``dead_letters`` counts those kept in the topic, by reason."""

    now_ms: int
    read_share: float
    models: list[FleetRow]
    dead_letters: dict[str, int]


def fleet(world: World, models: Iterable[str] | None = None) -> FleetView:
    """All models, or some; what needs somebody first."""
    names = world.config.models if models is None else [name for name in models if name in world.config.models]
    rows = [_remembered(world, name) for name in names]
    rows.sort(key=lambda row: (_RANK[row["health"]], row["model"]))
    return {
        "now_ms": world.now_ms,
        "read_share": world.read_share,
        "models": rows,
        "dead_letters": world.queries.letter_counts(),
    }


def _remembered(world: World, name: str) -> FleetRow:
    def make() -> FleetRow:
        # All that a row says is asked for here, or it could be older than what was forgotten.
        firing = world.queries.incidents(name, "firing", most=10_000)
        return row_of(world, name, len(firing), sum(one.get("severity") == "critical" for one in firing))

    row: FleetRow = world.remembered.get(name, make)
    return row


def row_of(world: World, model: str, incidents: int, critical: int) -> FleetRow:
    """One model's row."""
    spec = world.config.models[model]
    metric = metric_of(spec)
    windows = world.queries.windows("numbers", model, most=SPARK)
    drifts = world.queries.windows("drifts", model, most=1)
    verdicts = drifts[-1].data if drifts else {}
    judged = {name: one for name, one in verdicts.items() if one["status"] in ("ok", "drift", "missing")}
    drifted = [name for name, verdict in judged.items() if verdict["status"] in ("drift", "missing")]
    worst = max(judged, key=lambda name: judged[name]["effect"], default=None)
    values = [_value(window, metric) for window in windows]
    last = next((window for window in reversed(windows) if metric in window.data), None)
    status = str(last.data[metric]["status"]) if last is not None else "none"
    events, labelled = (_sum(windows, name) for name in ("events", "labelled"))
    version, served = world.served(model)
    return {
        "model": model,
        "mode": spec.mode,
        "task": spec.task,
        "health": health_of(windows, status, len(drifted), incidents, critical),
        "version": version,
        "served": served,
        "metric": metric,
        "value": None if last is None else float(last.data[metric]["value"]),
        "reference": world.reference_metrics(model).get(metric),
        "status": status,
        "events": events,
        "labelled": labelled,
        "coverage": min(1.0, labelled / events) if events and spec.labels else None,
        "features": len(judged),
        "drifted": len(drifted),
        "worst_feature": worst,
        "worst_effect": None if worst is None else float(judged[worst]["effect"]),
        "last_window_ms": windows[-1].end_ms if windows else None,
        "incidents": incidents,
        "critical": critical,
        "sparkline": values,
    }


def health_of(windows: Sequence[Any], status: str, drifted: int, incidents: int, critical: int) -> Health:
    """One word for a model.

    Examples
    --------
    >>> health_of([1], "ok", 0, 2, 1), health_of([1], "worse", 1, 0, 0), health_of([], "none", 0, 0, 0)
    ('critical', 'worse', 'quiet')
    """
    if critical:
        return "critical"
    if incidents:
        return "alerting"
    if status == "worse":
        return "worse"
    if drifted:
        return "drifting"
    return "ok" if windows else "quiet"


def _value(window: Window, name: str) -> float | None:
    found = window.data.get(name)
    return None if found is None else float(found["value"])


def _sum(windows: Iterable[Window], name: str) -> int:
    return int(sum(window.data[name]["value"] for window in windows if name in window.data))
