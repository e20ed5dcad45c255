"""A URL of one's own: the whole notice as JSON, signed.

``Trimtab-Signature`` is ``v1=`` and the hexadecimal HMAC-SHA256 of ``Trimtab-Timestamp``, a dot and the body, with the
secret as key (RFC 2104). A receiver compares it in constant time, refuses timestamps that are old, and takes a notice
whose ``Idempotency-Key`` it has seen as done.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from typing import Any

import orjson

from trimtab.config.alerting import WebhookTarget
from trimtab.delivery.http import post
from trimtab.delivery.words import incident_url, title_of
from trimtab.notices import Notice

__all__ = ["WebhookSender", "body_of", "signature"]


def body_of(notice: Notice, dashboard: str | None) -> dict[str, Any]:
    """The request's body: alerts are whole records of schema ``alert``, and more."""
    receiver = notice.target.partition("/")[0]
    return {
        "version": 1,
        "id": notice.id,
        "receiver": receiver,
        "reason": notice.reason,
        "title": title_of(notice),
        "group": dict(notice.group),
        "group_id": notice.group_id,
        "due_ms": notice.due_ms,
        "alerts": [{**alert, "url": incident_url(dashboard, alert)} for alert in notice.alerts],
    }


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """The value of ``Trimtab-Signature``.

    Examples
    --------
    >>> signature("key", "1700000000", b"{}")[:11]
    'v1=9d713ed4'
    """
    digest = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256)
    return f"v1={digest.hexdigest()}"


class WebhookSender:
    """Sends to one URL."""

    def __init__(self, target: WebhookTarget, dashboard: str | None) -> None:
        self._url = target.url.get_secret_value()
        self._secret = None if target.secret is None else target.secret.get_secret_value()
        self._dashboard = dashboard

    def send(self, notice: Notice) -> None:
        """Raises Undelivered."""
        body, timestamp = orjson.dumps(body_of(notice, self._dashboard)), str(int(time.time()))
        headers = {"Idempotency-Key": notice.id, "Trimtab-Timestamp": timestamp}
        if self._secret is not None:
            headers["Trimtab-Signature"] = signature(self._secret, timestamp, body)
        post(self._url, body, headers)
