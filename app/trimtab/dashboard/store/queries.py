"""What pages ask of the store: read-only, from any thread, while it is written."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from trimtab.dashboard.store.connection import Connection
from trimtab.registry.audit import Entry

__all__ = ["Histograms", "Letter", "LiveNumber", "Queries", "Window"]

Record = dict[str, Any]


class Window(NamedTuple):
    """One window of one version and segment, with its numbers or its verdicts by feature."""

    start_ms: int
    end_ms: int
    version: int
    data: dict[str, Any]


class Histograms(NamedTuple):
    """How one feature was spread in the reference and in a window."""

    start_ms: int
    end_ms: int
    version: int
    events: int
    labels: list[str]
    reference: list[float]
    window: list[float]


class LiveNumber(NamedTuple):
    """A number by wall time."""

    statistic: str
    segment: str
    time_ms: int
    version: int
    value: float
    examples: int


class Letter(NamedTuple):
    """A dead letter and its own place."""

    partition: int
    offset: int
    time_ms: int
    record: Record


class Queries:
    """Read-only view of a store's file; each thread has a connection of its own."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = threading.local()

    @property
    def _db(self) -> sqlite3.Connection:
        db: sqlite3.Connection | None = getattr(self._local, "db", None)
        inode = self._path.stat().st_ino
        # A store that was made anew is another file under this name.
        if db is None or self._local.inode != inode:
            uri = f"file:{self._path}?mode=ro"
            db = self._local.db = sqlite3.connect(uri, uri=True, check_same_thread=False, factory=Connection)
            self._local.inode = inode
        return db

    def windows(
        self,
        table: str,
        model: str,
        segment: str = "",
        *,
        from_ms: int = 0,
        to_ms: int | None = None,
        most: int = 5_000,
    ) -> list[Window]:
        """Windows of ``numbers`` or ``drifts`` that end in a period, the last ``most`` of them, oldest first."""
        assert table in ("numbers", "drifts")  # noqa: S101
        # As one value: for every row that Python steps to, it gives the interpreter to whoever waits for it, such as
        # the thread that reads the log.
        [found] = self._db.execute(
            "SELECT '[' || coalesce(group_concat("  # noqa: S608
            "'[' || start_ms || ',' || end_ms || ',' || version || ',' || CAST(data AS TEXT) || ']'), '') || ']' FROM ("
            f"SELECT start_ms, end_ms, version, data FROM {table} WHERE model = {_ID} AND segment = {_ID} "
            "AND end_ms > ? AND end_ms <= ? ORDER BY end_ms DESC, version DESC LIMIT ?)",
            (model, segment, from_ms, _FOREVER if to_ms is None else to_ms, most),
        ).fetchone()
        return sorted((Window(*row) for row in orjson.loads(found)), key=lambda window: (window.end_ms, window.version))

    def statistics(
        self, model: str, feature: str, end_ms: int, version: int, segment: str = ""
    ) -> dict[str, tuple[float, float | None]]:
        """Single statistics of a feature in one window, with their p-values; empty when they are no longer kept."""
        row = self._db.execute(
            f"SELECT data FROM statistics WHERE model = {_ID} AND segment = {_ID} AND end_ms = ? AND version = ?",  # noqa: S608
            (model, segment, end_ms, version),
        ).fetchone()
        found = {} if row is None else orjson.loads(row[0]).get(feature, {})
        return {name: (value, p_value) for name, (value, p_value) in found.items()}

    def segments(self, model: str) -> list[str]:
        """Segments of which there are numbers."""
        # One seek for each segment: they are few, the windows many.
        rows = self._db.execute(
            "WITH RECURSIVE found(segment) AS ("  # noqa: S608
            f"SELECT min(segment) FROM numbers WHERE model = {_ID} UNION ALL "
            f"SELECT (SELECT min(segment) FROM numbers WHERE model = {_ID} AND segment > found.segment) "
            "FROM found WHERE segment IS NOT NULL) "
            "SELECT name FROM found JOIN names ON id = segment WHERE name <> '' ORDER BY name",
            (model, model),
        )
        return [name for (name,) in rows]

    def histograms(self, model: str, feature: str, end_ms: int, version: int, segment: str = "") -> Histograms | None:
        """Both histograms of a feature in one window; None when there are none, or no longer."""
        row = self._db.execute(
            f"SELECT count, data FROM histograms WHERE model = {_ID} AND segment = {_ID} AND feature = {_ID} "  # noqa: S608
            "AND end_ms = ? AND version = ?",
            (model, segment, feature, end_ms, version),
        ).fetchone()
        if row is None:
            return None
        found = orjson.loads(row[1])
        return Histograms(0, end_ms, version, row[0], found["labels"], found["reference"], found["window"])

    def live(self, model: str, statistics: Sequence[str], *, from_ms: int = 0, most: int = 5_000) -> list[LiveNumber]:
        """Numbers by wall time, oldest first."""
        marks = ",".join("?" * len(statistics))
        rows = self._db.execute(
            "SELECT s.name, g.name, end_ms, version, value, count FROM live "  # noqa: S608
            "JOIN names s ON s.id = statistic JOIN names g ON g.id = segment "
            f"WHERE model = {_ID} AND statistic IN (SELECT id FROM names WHERE name IN ({marks})) AND end_ms >= ? "
            "ORDER BY end_ms DESC LIMIT ?",
            (model, *statistics, from_ms, most),
        ).fetchall()
        return [LiveNumber(*row) for row in reversed(rows)]

    def incidents(self, model: str | None = None, state: str | None = None, most: int = 500) -> list[Record]:
        """Incidents, the newest first: the alert that fired (or what is left of it), and since when it is resolved."""
        where, values = ["1"], list[object]()
        for name, value in (("model", model), ("state", state)):
            if value is not None:
                where.append(f"{name} = ?")
                values.append(value)
        rows = self._db.execute(
            "SELECT incident, state, changed_ms, firing, resolved FROM incidents "  # noqa: S608
            f"WHERE {' AND '.join(where)} ORDER BY raised_ms DESC LIMIT ?",
            (*values, most),
        )
        return [_incident(row) for row in rows]

    def incident(self, incident: str) -> Record | None:
        """One incident."""
        row = self._db.execute(
            "SELECT incident, state, changed_ms, firing, resolved FROM incidents WHERE incident = ?", (incident,)
        ).fetchone()
        return None if row is None else _incident(row)

    def notices(self, incident: str) -> list[Record]:
        """What receivers were told of an incident, oldest first."""
        rows = self._db.execute("SELECT data FROM notices WHERE incident = ? ORDER BY time_ms", (incident,))
        return [orjson.loads(data) for (data,) in rows]

    def keyed(self, kind: str) -> dict[str, Record]:
        """The newest record of each key: of kind ack, silence, health, followers or online."""
        rows = self._db.execute("SELECT key, data FROM keyed WHERE kind = ? ORDER BY key", (kind,))
        return {key: orjson.loads(data) for key, data in rows}

    def one_keyed(self, kind: str, key: str) -> Record | None:
        """The newest record of one key."""
        row = self._db.execute("SELECT data FROM keyed WHERE kind = ? AND key = ?", (kind, key)).fetchone()
        return None if row is None else orjson.loads(row[0])

    def audit(self, model: str) -> list[Entry]:
        """All entries about a model, ordered within each partition."""
        rows = self._db.execute("SELECT part, offset, data FROM audit WHERE model = ? ORDER BY part, offset", (model,))
        return list(_entries(rows))

    def letters(self, reason: str | None = None, most: int = 200) -> list[Letter]:
        """Dead letters, the newest first."""
        rows = self._db.execute(
            "SELECT part, offset, time_ms, data FROM letters WHERE ? IS NULL OR reason = ? "
            "ORDER BY time_ms DESC, part, offset DESC LIMIT ?",
            (reason, reason, most),
        )
        return [Letter(part, offset, time_ms, orjson.loads(data)) for part, offset, time_ms, data in rows]

    def letter(self, partition: int, offset: int) -> Letter | None:
        """One dead letter."""
        row = self._db.execute(
            "SELECT part, offset, time_ms, data FROM letters WHERE part = ? AND offset = ?", (partition, offset)
        ).fetchone()
        return None if row is None else Letter(row[0], row[1], row[2], orjson.loads(row[3]))

    def letter_counts(self) -> dict[str, int]:
        """How many dead letters there were, by reason."""
        return dict(self._db.execute("SELECT reason, count FROM letter_counts ORDER BY reason"))

    def offsets(self) -> dict[tuple[str, int], int]:
        """How far each topic's partition is taken."""
        return {(topic, part): at for topic, part, at in self._db.execute("SELECT topic, part, next FROM offsets")}

    def bounds(self, model: str) -> tuple[int, int] | None:
        """End of the first and of the last window of a model."""
        first, last = (
            self._db.execute(
                f"SELECT end_ms FROM numbers WHERE model = {_ID} AND segment = {_ID} "  # noqa: S608
                f"ORDER BY end_ms {order} LIMIT 1",
                (model, ""),
            ).fetchone()
            for order in ("ASC", "DESC")
        )
        return None if first is None or last is None else (first[0], last[0])


_ID = "(SELECT id FROM names WHERE name = ?)"
_FOREVER = 2**62


def _incident(row: tuple[str, str, int, bytes | None, bytes | None]) -> Record:
    incident, state, changed_ms, firing, resolved = row
    alert: Record = orjson.loads(firing or resolved or b"{}")
    return alert | {
        "incident": incident,
        "state": state,
        "resolved_ms": changed_ms if state == "resolved" else None,
        "resolved": None if resolved is None else orjson.loads(resolved),
    }


def _entries(rows: Iterator[tuple[int, int, bytes]]) -> Iterator[Entry]:
    for part, offset, data in rows:
        try:
            record = orjson.loads(data)
        except orjson.JSONDecodeError:
            record = None
        yield Entry(part, offset, record if isinstance(record, dict) else None)
