"""PagerDuty Events API version 2: one incident there for each group; its ``dedup_key`` makes repeats harmless."""

from __future__ import annotations

from typing import Any, Final

import orjson

from trimtab.config.alerting import PagerDutyTarget
from trimtab.delivery.http import post
from trimtab.delivery.words import SHOWN, incident_url, left_out, line_of, severity_of, title_of, worst
from trimtab.notices import Notice

__all__ = ["PagerDutySender", "event"]

# Limit of the API for the field.
_SUMMARY: Final = 1_024


def event(notice: Notice, routing_key: str, dashboard: str | None) -> dict[str, Any]:
    """The request's body: a trigger, which also updates, or a resolve once nothing fires any more."""
    head = {"routing_key": routing_key, "dedup_key": f"trimtab-{notice.group_id}"}
    if notice.resolved:
        return head | {"event_action": "resolve"}
    first = worst(notice)
    links = [(incident_url(dashboard, first), "Incident"), (first.get("runbook"), "Runbook")]
    lines = [line_of(alert) for alert in notice.alerts[:SHOWN]]
    return head | {
        "event_action": "trigger",
        "client": "Trimtab",
        "links": [{"href": url, "text": name} for url, name in links if url],
        "payload": {
            "summary": f"{title_of(notice)}: {first['summary']}"[:_SUMMARY],
            "source": str(first["model"]),
            "severity": severity_of(notice),
            "class": str(first["kind"]),
            "group": ", ".join(f"{name}={value}" for name, value in sorted(notice.group.items())),
            "custom_details": {
                "alerts": lines + ([left_out(notice)] if left_out(notice) else []),
                "incidents": [alert["incident"] for alert in notice.alerts[:SHOWN]],
                "notice": notice.id,
            },
        },
    }


class PagerDutySender:
    """Sends to one service."""

    def __init__(self, target: PagerDutyTarget, dashboard: str | None) -> None:
        self._url = target.url.get_secret_value().rstrip("/") + "/v2/enqueue"
        self._key = target.routing_key.get_secret_value()
        self._dashboard = dashboard

    def send(self, notice: Notice) -> None:
        """Raises Undelivered."""
        post(self._url, orjson.dumps(event(notice, self._key, self._dashboard)), {})
