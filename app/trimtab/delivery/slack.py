"""Incoming webhooks of Slack: a text, and an attachment with one line an alert.

Slack has no idempotency key: when an answer is lost, the same message can come twice; it ends with the notice's id.
"""

from __future__ import annotations

from typing import Any

import orjson

from trimtab.config.alerting import SlackTarget
from trimtab.delivery.http import post
from trimtab.delivery.words import SHOWN, incident_url, left_out, line_of, severity_of, title_of
from trimtab.notices import Notice

__all__ = ["SlackSender", "message"]

_COLOURS = {"critical": "#b3261e", "warning": "#b26a00", "info": "#2e7d32"}


def message(notice: Notice, dashboard: str | None) -> dict[str, Any]:
    """The request's body.

    Examples
    --------
    >>> alert = {"state": "firing", "summary": "a < b & c", "incident": "i-1", "severity": "critical"}
    >>> sent = message(Notice("n", "ops/slack", "g", 1, "firing", {"model": "m"}, [alert], 0, 0, 0), None)
    >>> sent["text"], sent["attachments"][0]["text"]
    ('[FIRING:1] model=m', '• a &lt; b &amp; c')
    """
    lines = []
    for alert in notice.alerts[:SHOWN]:
        links = [(incident_url(dashboard, alert), "incident"), (alert.get("runbook"), "runbook")]
        shown = "".join(f" <{_escaped(url)}|{name}>" for url, name in links if url)
        lines.append(f"• {_escaped(line_of(alert))}{shown}")
    more = left_out(notice)
    attachment = {
        "color": _COLOURS[severity_of(notice)],
        "fallback": _escaped(title_of(notice)),
        "text": "\n".join([*lines, *([more] if more else [])]),
        "footer": f"Trimtab {notice.id[:12]}",
        "ts": notice.due_ms // 1_000,
        "mrkdwn_in": ["text"],
    }
    return {"text": _escaped(title_of(notice)), "attachments": [attachment]}


class SlackSender:
    """Sends to one channel's webhook."""

    def __init__(self, target: SlackTarget, dashboard: str | None) -> None:
        self._url = target.url.get_secret_value()
        self._dashboard = dashboard

    def send(self, notice: Notice) -> None:
        """Raises Undelivered."""
        post(self._url, orjson.dumps(message(notice, self._dashboard)), {})


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
