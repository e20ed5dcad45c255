"""Takes the records of every topic but ``metrics``: each topic one function, each record one row."""

from __future__ import annotations

import base64
import logging
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import orjson

from trimtab.dashboard.store.metrics import DAY_MS
from trimtab.dashboard.store.taken import Taken

__all__ = ["TOPICS", "write"]

log = logging.getLogger("trimtab.dashboard")


def write(db: sqlite3.Connection, topic: str, records: Sequence[Taken]) -> set[str]:
    """Take records of one topic within the open transaction; returns what changed."""
    take, changed = TOPICS[topic], set[str]()
    for record in records:
        try:
            changed.add(take(db, record))
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError, ValueError) as error:
            log.warning("%s[%d] offset %d is skipped: %s", topic, record.partition, record.offset, error)
    return changed


def _alert(db: sqlite3.Connection, record: Taken) -> str:
    # The topic is compacted: what is removed there stays here as long as windows do.
    if record.value is None:
        return "alerts"
    alert = orjson.loads(record.value)
    firing = alert["state"] == "firing"
    row = (
        alert["incident"],
        alert["model"],
        alert["state"],
        alert["started_ms"],
        alert["raised_ms"],
        alert["raised_ms"],
        record.time_ms // DAY_MS,
        record.value if firing else None,
        None if firing else record.value,
    )
    # A resolve may be all that compaction has left, and a record may come again.
    db.execute(
        "INSERT INTO incidents VALUES (?,?,?,?,?,?,?,?,?) ON CONFLICT DO UPDATE SET "
        "state = CASE WHEN coalesce(excluded.resolved, resolved) IS NULL THEN 'firing' ELSE 'resolved' END, "
        "firing = coalesce(excluded.firing, firing), resolved = coalesce(excluded.resolved, resolved), "
        "raised_ms = min(raised_ms, excluded.raised_ms), changed_ms = max(changed_ms, excluded.changed_ms), "
        "day = max(day, excluded.day)",
        row,
    )
    return f"alerts/{alert['model']}"


def _notice(db: sqlite3.Connection, record: Taken) -> str:
    notice = orjson.loads(record.value or b"")
    for incident in {alert["incident"] for alert in notice["alerts"]}:
        db.execute(
            "INSERT OR REPLACE INTO notices VALUES (?,?,?,?,?)",
            (incident, notice["time_ms"], notice["id"], record.time_ms // DAY_MS, record.value),
        )
    return "notices"


def _silence(db: sqlite3.Connection, record: Taken) -> str:
    kind, _, name = (record.key or b"").decode().partition("/")
    if kind not in ("ack", "silence"):
        raise ValueError(f"key {record.key!r} is neither ack/INCIDENT nor silence/ID")
    _keyed(db, kind, name, record)
    return "silences"


def _keyed_by(kind: str) -> Callable[[sqlite3.Connection, Taken], str]:
    def take(db: sqlite3.Connection, record: Taken) -> str:
        key = (record.key or b"").decode()
        _keyed(db, kind, key, record)
        return kind

    return take


def _keyed(db: sqlite3.Connection, kind: str, key: str, record: Taken) -> None:
    """The newest record of a key."""
    if record.value is None:
        db.execute("DELETE FROM keyed WHERE kind = ? AND key = ?", (kind, key))
        return
    value = orjson.loads(record.value)
    if not isinstance(value, dict):
        raise TypeError("it is no JSON object")
    time_ms = value.get("time_ms", record.time_ms)
    db.execute("INSERT OR REPLACE INTO keyed VALUES (?,?,?,?)", (kind, key, time_ms, record.value))


def _serving(db: sqlite3.Connection, record: Taken) -> str:
    """Of what services follow, the online states; their bytes are of no use here."""
    model, _, what = (record.key or b"").decode().partition("/")
    if what != "online":
        return f"serving/{model}"
    if record.value is not None:
        state = orjson.loads(record.value)
        state["snapshot"].pop("inline", None)
        record = record._replace(value=orjson.dumps(state))
    _keyed(db, "online", model, record)
    return f"serving/{model}"


def _audit(db: sqlite3.Connection, record: Taken) -> str:
    """Kept whole: the chain is checked over it."""
    model = (record.key or b"").decode(errors="replace")
    db.execute(
        "INSERT OR REPLACE INTO audit VALUES (?,?,?,?,?)",
        (record.partition, record.offset, model, record.time_ms, record.value or b""),
    )
    return f"audit/{model}"


def _letter(db: sqlite3.Connection, record: Taken) -> str:
    letter = orjson.loads(record.value or b"")
    base64.b64decode(letter["value"], validate=True)
    day, reason = record.time_ms // DAY_MS, letter["reason"]
    row = (record.partition, record.offset, record.time_ms, day, reason, record.value)
    if db.execute("INSERT OR IGNORE INTO letters VALUES (?,?,?,?,?,?)", row).rowcount:
        db.execute("INSERT INTO letter_counts VALUES (?,1) ON CONFLICT DO UPDATE SET count = count + 1", (reason,))
    return "dead-letters"


TOPICS: Final[Mapping[str, Callable[[sqlite3.Connection, Taken], str]]] = {
    "alerts": _alert,
    "notices": _notice,
    "silences": _silence,
    "health": _keyed_by("health"),
    "followers": _keyed_by("followers"),
    "serving": _serving,
    "audit": _audit,
    "dead-letters": _letter,
}
