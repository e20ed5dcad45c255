"""The records that the notifier writes, and what it makes of those it reads; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import orjson

from trimtab.config import matches
from trimtab.events import EventError, Reason, dead_letter
from trimtab.notices import Ack, Notice, Silence
from trimtab.registry.audit import entry_of

__all__ = ["audit_of", "concerned", "given_up", "notice_record", "race_of"]

# A notice that did not arrive is nowhere yet.
_NOWHERE: Final = -1
_RACES: Final = {"race_started": True, "race_ended": False}


def race_of(entry: Mapping[str, Any]) -> bool | None:
    """Whether an audit entry says that a race runs; None when it says nothing of it."""
    return _RACES.get(str(entry.get("action")))


def notice_record(notice: Notice, outcome: str, error: str | None, now_ms: int) -> dict[str, Any]:
    """A record of schema ``notice``."""
    receiver, _, protocol = notice.target.partition("/")
    names = ("fingerprint", "incident", "state", "model", "summary")
    return {
        "id": notice.id,
        "receiver": receiver,
        "route": protocol,
        "group": dict(notice.group),
        "outcome": outcome,
        "reason": notice.reason,
        "alerts": [{name: alert[name] for name in names} for alert in notice.alerts],
        "attempts": notice.attempts,
        "error": error,
        "due_ms": notice.due_ms,
        "time_ms": now_ms,
    }


def given_up(record: Mapping[str, Any], topic: str, partition: int, now_ms: int) -> bytes:
    """The dead letter of a notice that did not arrive; ``record`` is that of :func:`notice_record`."""
    target = f"{record['receiver']}/{record['route']}"
    detail = f"{target} was not told after {record['attempts']} attempts: {record['error']}; mend the receiver"
    return dead_letter(
        EventError(Reason.UNDELIVERED, detail),
        topic=topic,
        partition=partition,
        offset=_NOWHERE,
        timestamp_ms=now_ms,
        key=str(record["id"]).encode(),
        value=orjson.dumps(record),
    )


def concerned(silence: Silence, models: Iterable[str]) -> list[str]:
    """Models whose alerts a silence may hold back: those that its matchers of the model allow."""
    own = [matcher for matcher in silence.matchers if matcher.name == "model"]
    return [name for name in models if matches(own, {"model": name})]


def audit_of(model: str, told: Silence | Ack, time_ms: int) -> dict[str, Any]:
    """The audit entry of a silence or an acknowledgement."""
    if isinstance(told, Ack):
        details: dict[str, Any] = {"reason": told.comment}
        if told.until_ms is not None:
            details["until_ms"] = float(told.until_ms)
        return entry_of(model, "acknowledged", told.author, time_ms, details, incident=told.incident)
    details = {
        "silence": told.id,
        "matchers": ", ".join(map(str, told.matchers)),
        "starts_ms": float(told.starts_ms),
        "ends_ms": float(told.ends_ms),
        "reason": told.comment,
    }
    action = "silence_ended" if told.ends_ms <= time_ms else "silenced"
    return entry_of(model, action, told.author, time_ms, details)
