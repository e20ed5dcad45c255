"""Prometheus' Alertmanager, API version 2: ``POST /api/v2/alerts``, one entry an alert; it groups by itself.

Entries with the same labels are one alert there, so a repeated request changes nothing.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import orjson

from trimtab.config.alerting import AlertmanagerTarget
from trimtab.delivery.http import post
from trimtab.delivery.words import incident_url
from trimtab.notices import Notice

__all__ = ["AlertmanagerSender", "entries"]

# Alertmanager takes what it does not hear of again as resolved; the next notice may be late by this.
_SLACK_MS: Final = 3_600_000


def entries(notice: Notice, dashboard: str | None) -> list[dict[str, Any]]:
    """The request's body: ``postableAlerts`` of its OpenAPI document."""
    found = []
    for alert in notice.alerts:
        firing = alert["state"] == "firing"
        ends_ms = notice.due_ms + notice.repeat_ms + _SLACK_MS if firing else alert["raised_ms"]
        notes = {"summary": alert["summary"], "incident": alert["incident"], "runbook_url": alert.get("runbook")}
        labels = {"alertname": f"Trimtab{str(alert['kind']).capitalize()}", **alert["labels"]}
        found.append(
            {
                "labels": labels,
                "annotations": {name: text for name, text in notes.items() if text},
                "startsAt": _time(alert["first_raised_ms"]),
                "endsAt": _time(ends_ms),
                "generatorURL": incident_url(dashboard, alert) or "",
            }
        )
    return found


class AlertmanagerSender:
    """Sends to one Alertmanager."""

    def __init__(self, target: AlertmanagerTarget, dashboard: str | None) -> None:
        self._url = target.url.get_secret_value().rstrip("/") + "/api/v2/alerts"
        token = target.bearer_token
        self._headers = {} if token is None else {"Authorization": f"Bearer {token.get_secret_value()}"}
        self._dashboard = dashboard

    def send(self, notice: Notice) -> None:
        """Raises Undelivered."""
        post(self._url, orjson.dumps(entries(notice, self._dashboard)), self._headers)


def _time(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1_000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
