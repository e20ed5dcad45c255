"""What a backtest found, as plain data and as text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple, Self

import numpy as np

from trimtab.backtest.history import History
from trimtab.backtest.run import Findings
from trimtab.config import ModelConfig
from trimtab.drift.evaluate import LEAST_REFERENCE
from trimtab.windows import ClosedWindow

__all__ = ["About", "iso", "plural", "report", "rows_of", "too_few"]

_DAY_MS = 86_400_000


class About(NamedTuple):
    """What was played.

    Parameters
    ----------
    rows
        Predictions.
    first_ms, last_ms
        Event time.
    refused
        Where, to what is wrong there.
    row_at
        The first row at or after an event time; None where there are no rows.
    """

    rows: int
    first_ms: int
    last_ms: int
    refused: Mapping[str, str]
    row_at: Callable[[int], int | None]

    @classmethod
    def of(cls, history: History) -> Self:
        """Of a table; one after its last row is when all are before the time."""

        def row_at(time_ms: int) -> int:
            at = int(np.searchsorted(history.time_ms, time_ms, "left"))
            return int(history.rows[at]) if at < len(history) else int(history.rows[-1]) + 1

        refused = {str(row): why for row, why in sorted(history.refused.items())}
        return cls(len(history), int(history.time_ms[0]), int(history.time_ms[-1]), refused, row_at)

    def cuts(self, start_ms: int, end_ms: int) -> bool:
        """Whether the data began or ended within a window, by more than rows are apart on average."""
        step_ms = (self.last_ms - self.first_ms) / max(1, self.rows - 1)
        return start_ms < self.first_ms - step_ms or end_ms > self.last_ms + step_ms


def report(
    name: str, model: ModelConfig, findings: Findings, about: About, healthy_until_ms: int | None = None
) -> dict[str, Any]:
    """The result as JSON has it (docs/statistics.md has the fields).

    Parameters
    ----------
    healthy_until_ms
        Up to this event time nothing was wrong, so what fired until then was false; None when that is not known.
    """
    alerts = list(_alerts(about, findings))
    span_ms = about.last_ms - about.first_ms
    per, period_ms = model.drift.budget
    calibrated = model.drift.method == "calibrated"
    # Rows of a table without a time column only count as a second apart.
    timed = model.columns.time is not None or about.row_at(0) is None
    false = None if healthy_until_ms is None else sum(a["event_time_ms"] <= healthy_until_ms for a in alerts)
    return {
        "model": name,
        "rows": about.rows,
        "refused": dict(about.refused),
        "windows": [_window(window, metrics, about) for window, metrics in findings.windows],
        "alerts": [{key: value for key, value in alert.items() if key != "event_time_ms"} for alert in alerts],
        "alarms": len(alerts),
        "cut_alarms": sum(alert["cut"] for alert in alerts),
        "false_alarms": false,
        "budget": {
            "false_alarms": model.drift.false_alarms if calibrated else None,
            "expected": round(per * span_ms / period_ms, 3) if calibrated and timed else None,
            "days": round(span_ms / _DAY_MS, 3) if timed else None,
        },
    }


def rows_of(found: Mapping[str, Any]) -> Sequence[Sequence[str]]:
    """One line for each alert: row, event time, kind, feature, what was measured."""
    lines = []
    for alert in found["alerts"]:
        p_value = "" if alert["p_value"] is None else f", p {max(alert['p_value'], 1e-300):.1g}"
        of = f"{alert['feature']} ({alert['segment']})" if alert["segment"] else str(alert["feature"])
        effect = "" if alert["effect"] is None else f" {alert['effect']:.3g}"
        measured = f"{alert['statistic']}{effect}{p_value}{', cut window' if alert['cut'] else ''}"
        row = "" if alert["row"] is None else f"{alert['row']:,}"
        lines.append((row, alert["event_time"], alert["kind"], of, measured))
    return lines


def plural(count: int, what: str) -> str:
    """A number of things.

    Examples
    --------
    >>> plural(1, "alarm"), plural(2_000, "window")
    ('1 alarm', '2,000 windows')
    """
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def too_few(counts: Mapping[str, int]) -> str:
    """What is to be known of features that the reference has too few values of.

    Examples
    --------
    >>> too_few({"x": 5, "y": 0})
    'warning: too few values in the reference to say anything: x (5), y (0); at least 30 are needed'
    """
    named = ", ".join(f"{name} ({count})" for name, count in counts.items())
    return f"warning: too few values in the reference to say anything: {named}; at least {LEAST_REFERENCE} are needed"


def iso(time_ms: int) -> str:
    """An event time as ISO 8601, UTC.

    Examples
    --------
    >>> iso(0)
    '1970-01-01T00:00:00Z'
    """
    text = datetime.fromtimestamp(time_ms / 1_000, UTC).isoformat(timespec="auto" if time_ms % 1_000 else "seconds")
    return text.replace("+00:00", "Z")


def _alerts(about: About, findings: Findings) -> Iterable[dict[str, Any]]:
    """Those that fire, each with the row at which it was resolved."""
    resolved = [alert for alert in findings.alerts if alert["state"] == "resolved"]
    for alert in findings.alerts:
        if alert["state"] != "firing":
            continue
        end_ms = alert["event_time_ms"]
        over = next((a for a in resolved if a["incident"] == alert["incident"]), None)
        yield {
            "kind": alert["kind"],
            "feature": alert["feature"],
            "segment": alert["segment"],
            "row": _row(alert, about),
            "event_time": iso(end_ms),
            "event_time_ms": end_ms,
            **_strongest(alert),
            "count": alert["evidence"]["count"],
            "cut": alert["kind"] != "sequential"
            and about.cuts(alert["evidence"]["start_ms"], alert["evidence"]["end_ms"]),
            "resolved_row": None if over is None else _row(over, about),
            "summary": alert["summary"],
        }


def _row(alert: Mapping[str, Any], about: About) -> int | None:
    """The row that changed an alert of a sequential detector, the first one after the window of others."""
    at = about.row_at(alert["event_time_ms"])
    if alert["kind"] != "sequential" or at is None:
        return at
    return int(alert["evidence"]["offsets"][0]["last"])


def _strongest(alert: Mapping[str, Any]) -> dict[str, Any]:
    """The statistic that says most: of those beyond their threshold, the one with the least p-value."""
    evidence = alert["evidence"]
    values, p_values, limits = evidence["statistics"], evidence["p_values"], evidence["thresholds"]
    if alert["kind"] == "sequential":
        name = alert["detector"]
        return {"statistic": name, "effect": values.get(name), "p_value": p_values.get(name)}
    if alert["kind"] == "performance":
        return {"statistic": alert["feature"], "effect": values.get(alert["feature"]), "p_value": None}
    if alert["kind"] == "missing":
        return {
            "statistic": "missing_rate",
            "effect": values.get("missing_rate"),
            "p_value": p_values.get("missing_rate"),
        }
    if alert["kind"] == "quality":
        first = max(values, key=lambda name: (name in limits, name))
        return {"statistic": first, "effect": values[first], "p_value": None}
    beyond = [name for name, value in values.items() if name in limits and value >= limits[name]] or list(values)
    best = min(beyond, key=lambda name: (p_values.get(name, 1.0), -values[name] / (limits.get(name) or 1.0), name))
    return {"statistic": best, "effect": values[best], "p_value": p_values.get(best)}


def _window(window: ClosedWindow, metrics: Sequence[Mapping[str, Any]], about: About) -> dict[str, Any]:
    """One window; its offsets are rows when a table was played."""
    whole = about.row_at(0) is not None
    features: dict[str, Any] = {}
    own: dict[str, float] = {}
    for metric in metrics:
        if metric["feature"] is None:
            own[metric["statistic"]] = metric["value"]
            continue
        feature = features.setdefault(metric["feature"], {"status": metric["status"], "statistics": {}})
        if metric.get("histogram") is not None:
            continue
        feature["statistics"][metric["statistic"]] = {"value": metric["value"], "p_value": metric["p_value"]}
    first, last = window.offsets.get(0, (0, 0)) if whole else (None, None)
    key = window.key
    return {
        "kind": key.kind,
        "segment": key.segment,
        "start": iso(key.start_ms),
        "end": iso(key.end_ms),
        "first_row": first,
        "last_row": last,
        "count": window.profile.count,
        "cut": about.cuts(key.start_ms, key.end_ms),
        "status": metrics[0]["status"] if metrics else "ok",
        "metrics": own,
        "features": features,
    }
