"""A notice in words: a title and one line for each alert."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from trimtab.notices import Notice

__all__ = ["SHOWN", "incident_url", "left_out", "line_of", "severity_of", "title_of", "worst"]

SHOWN = 10


def title_of(notice: Notice) -> str:
    """What it is about, in one line.

    Examples
    --------
    >>> alerts = [{"state": "firing", "summary": "age has drifted."}, {"state": "resolved", "summary": "It is back."}]
    >>> title_of(Notice("i", "ops/slack", "g", 1, "more", {"model": "credit"}, alerts, 0, 0, 0))
    '[FIRING:1] model=credit'
    """
    firing = sum(alert["state"] == "firing" for alert in notice.alerts)
    state = f"[FIRING:{firing}]" if firing else "[RESOLVED]"
    group = ", ".join(f"{name}={value}" for name, value in sorted(notice.group.items()))
    again = " (again)" if notice.reason == "repeat" else ""
    return f"{state} {group or 'all alerts'}{again}"


def line_of(alert: Mapping[str, Any]) -> str:
    """One alert in one line."""
    state = "resolved: " if alert["state"] == "resolved" else ""
    looked = " (acknowledged)" if alert.get("acknowledged") and not state else ""
    return f"{state}{alert['summary']}{looked}"


def left_out(notice: Notice) -> str:
    """A line about the alerts that are not shown; empty when all are."""
    more = len(notice.alerts) - SHOWN
    return f"and {more:,} more" if more > 0 else ""


def worst(notice: Notice) -> Mapping[str, Any]:
    """The first alert, which is the worst."""
    return notice.alerts[0]


def severity_of(notice: Notice) -> str:
    """The worst severity of what fires; ``info`` when nothing does."""
    firing = [str(alert.get("severity") or "warning") for alert in notice.alerts if alert["state"] == "firing"]
    return next((name for name in ("critical", "warning", "info") if name in firing), "info")


def incident_url(dashboard: str | None, alert: Mapping[str, Any]) -> str | None:
    """Its page on the dashboard."""
    if dashboard is None:
        return None
    return f"{dashboard.rstrip('/')}/incidents/{quote(str(alert['incident']), safe='')}"
