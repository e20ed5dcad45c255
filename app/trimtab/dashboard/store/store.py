"""The store's file, and the one thread that writes it: rows and offsets together, so that nothing counts twice."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

import orjson

from trimtab.dashboard.store import events
from trimtab.dashboard.store.connection import Connection
from trimtab.dashboard.store.metrics import DAY_MS, combine, gather, read_metrics
from trimtab.dashboard.store.tables import DDL, LAYOUT
from trimtab.dashboard.store.taken import Taken
from trimtab.dashboard.store.windows import read_windows

__all__ = ["Store"]

log = logging.getLogger("trimtab.dashboard")

Place = tuple[int, int, int, int, int, int]

_MOST_LETTERS: Final = 2_000
_MOST_LIVE: Final = 20_000
_CACHE_KB: Final = 32_000
_INSERT: Final = (
    "INSERT INTO {} VALUES (?,?,?,?,?,?,?) "
    "ON CONFLICT DO UPDATE SET data = combine(data, excluded.data), day = excluded.day"
)


class Store:
    """Writes what was read; safe to use from one thread.

    Parameters
    ----------
    path
        The file; its folder must be there. One that belongs to another log, or another layout, is made anew.
    source
        What the log is known by: offsets of one mean nothing in another.
    keep_ms, detail_ms, windows
        As in :class:`trimtab.config.DashboardConfig`.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = Store(Path(folder) / "store.db", "cluster/trimtab.")
    ...     changed = store.write({"silences": [Taken(0, 4, 0, b"ack/i-1", b'{"incident": "i-1", "time_ms": 0}')]}, 0)
    ...     sorted(changed), store.offsets()
    ...     store.close()
    (['silences'], {('silences', 0): 5})
    """

    def __init__(
        self,
        path: Path,
        source: str,
        *,
        keep_ms: int = 90 * DAY_MS,
        detail_ms: int = 3 * DAY_MS,
        windows: int = 5_000,
    ) -> None:
        self.path = path
        self._source = source
        self._keep_ms, self._detail_ms, self._windows = keep_ms, detail_ms, windows
        self._names: dict[str, int] = {}
        self._pruned_day = -1
        self._db = _opened(path, source)
        self._names = {name: number for number, name in self._db.execute("SELECT id, name FROM names")}

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def renew(self) -> None:
        """Forget everything: the log is not the one that was read."""
        self._db.close()
        _remove(self.path)
        self._names = {}
        self._db = _opened(self.path, self._source)

    def offsets(self) -> dict[tuple[str, int], int]:
        """From where each topic's partition is to be read."""
        rows = self._db.execute("SELECT topic, part, next FROM offsets")
        return {(topic, part): following for topic, part, following in rows}

    def write(self, batch: Mapping[str, Sequence[Taken]], now_ms: int) -> set[str]:
        """Take records by topic (without its prefix); returns what changed, such as ``metrics/credit``."""
        changed: set[str] = set()
        with self._db:
            for topic, records in batch.items():
                if topic == "metrics":
                    changed |= self._write_metrics(records, now_ms)
                elif topic == "windows":
                    changed |= self._write_windows(records, now_ms)
                else:
                    changed |= events.write(self._db, topic, records)
                last = {record.partition: record.offset + 1 for record in records}
                self._db.executemany(
                    "INSERT OR REPLACE INTO offsets VALUES (?,?,?)",
                    [(topic, part, following) for part, following in last.items()],
                )
        return changed

    def _write_windows(self, records: Sequence[Taken], now_ms: int) -> set[str]:
        name, kept_from_ms, models = self._number, now_ms - self._keep_ms, set[str]()
        numbers: dict[Place, bytes] = {}
        drifts: dict[Place, bytes] = {}
        for row in read_windows(records):
            if row.time_ms < kept_from_ms:
                continue
            models.add(row.model)
            place = (name(row.model), name(row.segment), row.end_ms, row.version, row.start_ms, row.time_ms // DAY_MS)
            for rows, data in ((numbers, row.numbers), (drifts, row.features)):
                if data:
                    known = rows.get(place)
                    # Inputs and performance of a window: two objects in a row become one.
                    rows[place] = data if known is None else known[:-1] + b"," + data[1:]
        for table, rows in (("numbers", numbers), ("drifts", drifts)):
            # In the table's own order, or every row would be looked for from the top.
            self._db.executemany(_INSERT.format(table), [(*place, rows[place]) for place in sorted(rows)])
        return {f"metrics/{model}" for model in models}

    def _write_metrics(self, records: Sequence[Taken], now_ms: int) -> set[str]:
        detailed_from_ms = now_ms - self._detail_ms
        if records[0].time_ms < detailed_from_ms:
            records = [record for record in records if record.time_ms >= detailed_from_ms]
        found, name, dumps = gather(read_metrics(records)), self._number, orjson.dumps
        self._db.executemany(
            "INSERT INTO statistics VALUES (?,?,?,?,?,?) ON CONFLICT DO UPDATE SET data = combine(data, excluded.data)",
            [
                (name(model), name(segment), end_ms, version, day, dumps(data))
                for (model, segment, end_ms, version), (day, data) in found.statistics.items()
            ],
        )
        self._db.executemany(
            "INSERT OR REPLACE INTO histograms VALUES (?,?,?,?,?,?,?,?)",
            [
                (name(h.window[0]), name(h.window[1]), name(h.feature), *h.window[2:], h.day, h.count, h.data)
                for h in found.histograms
            ],
        )
        self._db.executemany(
            "INSERT OR REPLACE INTO live VALUES (?,?,?,?,?,?,?,?)",
            [
                (name(n.window[0]), name(n.statistic), name(n.window[1]), *n.window[2:], n.day, n.value, n.count)
                for n in found.live
            ],
        )
        models = {one.window[0] for of in (found.live, found.histograms) for one in of}
        return {f"metrics/{model}" for model in models.union(window[0] for window in found.statistics)}

    def _number(self, name: str) -> int:
        """The number of a text that repeats."""
        number = self._names.get(name)
        if number is None:
            number = self._db.execute("INSERT INTO names(name) VALUES (?) RETURNING id", (name,)).fetchone()[0]
            self._names[name] = number
        return number

    def prune(self, now_ms: int) -> bool:
        """Let go of what is older than the bounds, or more; at most once a day of the log. Whether it did."""
        today = now_ms // DAY_MS
        if today == self._pruned_day:
            return False
        self._pruned_day = today
        oldest, detailed = (now_ms - self._keep_ms) // DAY_MS, (now_ms - self._detail_ms) // DAY_MS
        with self._db:
            for table in ("numbers", "drifts", "notices"):
                self._db.execute(f"DELETE FROM {table} WHERE day < ?", (oldest,))  # noqa: S608
            for table in ("statistics", "histograms", "live"):
                self._db.execute(f"DELETE FROM {table} WHERE day < ?", (detailed,))  # noqa: S608
            self._db.execute("DELETE FROM incidents WHERE day < ? AND state = 'resolved'", (oldest,))
            self._db.execute("DELETE FROM letters WHERE day < ?", (oldest,))
        self.trim()
        return True

    def trim(self) -> None:
        """Let go of what is more than the bounds allow, the oldest first."""
        with self._db:
            for table in ("numbers", "drifts", "statistics"):
                _keep_newest(self._db, table, "model, segment", self._windows)
            _keep_newest(self._db, "histograms", "model, segment, feature", self._windows)
            _keep_newest(self._db, "live", "model", _MOST_LIVE)
            self._db.execute(
                "DELETE FROM letters WHERE time_ms < "
                "(SELECT time_ms FROM letters ORDER BY time_ms DESC LIMIT 1 OFFSET ?)",
                (_MOST_LETTERS,),
            )


def _keep_newest(db: sqlite3.Connection, table: str, group: str, most: int) -> None:
    """Of each group the rows that end last."""
    names = group.split(", ")
    crowded = db.execute(f"SELECT {group} FROM {table} GROUP BY {group} HAVING count(*) > ?", (most,))  # noqa: S608
    same = " AND ".join(f"{name} = ?" for name in names)
    for key in crowded.fetchall():
        db.execute(
            f"DELETE FROM {table} WHERE {same} AND end_ms <= "  # noqa: S608
            f"(SELECT end_ms FROM {table} WHERE {same} ORDER BY end_ms DESC LIMIT 1 OFFSET ?)",
            (*key, *key, most),
        )


def _opened(path: Path, source: str) -> sqlite3.Connection:
    """The file, made anew unless it is ours and whole."""
    wanted = {"layout": str(LAYOUT), "source": source}
    known = _kept(path, wanted)
    if known is not None:
        return known
    _remove(path)
    db = _connected(path)
    with db:
        db.executescript(DDL)
        db.executemany("INSERT INTO meta VALUES (?,?)", wanted.items())
    return db


def _kept(path: Path, wanted: dict[str, str]) -> sqlite3.Connection | None:
    """The file as it is, if it is what is wanted; else its connection closes when this returns."""
    try:
        db = _connected(path)
        if dict(db.execute("SELECT name, value FROM meta").fetchall()) == wanted:
            return db
    except sqlite3.DatabaseError as error:
        log.info("%s: no store yet (%s); it is filled from the log", path, error)
    return None


def _connected(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, check_same_thread=False, factory=Connection)
    db.execute("PRAGMA journal_mode = WAL")
    # What the last seconds wrote may be lost with the machine: offsets go with it, so it is read again.
    db.execute("PRAGMA synchronous = OFF")
    db.execute(f"PRAGMA cache_size = -{_CACHE_KB}")
    db.create_function("combine", 2, combine, deterministic=True)
    return db


def _remove(path: Path) -> None:
    for name in _files(path):
        name.unlink(missing_ok=True)


def _files(path: Path) -> Iterable[Path]:
    return (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm"))
