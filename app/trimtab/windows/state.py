"""Windows of one model: profile records in, closed windows out.

::

    record ──► piece ──► window closed?  ── no ──► merge into the open window; it holds the record
                             │ yes
                             ├── record new ─────► late, counted
                             └── record replayed ► dropped: it was merged or counted before

``snapshot()`` is small: it holds no profiles. They are rebuilt from the log: the role acknowledges a record only
when nothing open holds it and a snapshot at or after it is durable. So after a crash the log replays exactly the
records that open windows need, and some more: those at or before the snapshot's offset are merged into windows that
are still open and counted nowhere twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Self

from trimtab.config import WindowSpec
from trimtab.windows.clocks import Clocks
from trimtab.windows.records import ClosedWindow, LateEvents, Piece, WindowKey, pieces_of

__all__ = ["KINDS", "WindowState"]

KINDS = ("inputs", "performance")


class WindowState:
    """All open windows of one model.

    Parameters
    ----------
    spec
        Lateness and idle timeout.
    now_ms
        Wall time of the start.
    snapshot
        What :meth:`snapshot` gave; None for a model never seen.

    Examples
    --------
    >>> state = WindowState(WindowSpec(size=1000), now_ms=0)
    >>> state.step(7, {"source_partitions": 1, "clocks": [], "profiles": []}, now_ms=0)
    []
    >>> state.offset, state.snapshot()["closed_until"]
    (7, {})
    """

    def __init__(self, spec: WindowSpec, now_ms: int, snapshot: Mapping[str, Any] | None = None) -> None:
        wire = snapshot or {}
        self._spec = spec
        self._offset = int(wire.get("offset", -1))
        self._replay_to = self._offset
        # What is replayed belongs to windows that were open together: none may close before all of it is back.
        self._replaying = self._offset >= 0
        self._closed_until = {str(kind): int(until) for kind, until in wire.get("closed_until", {}).items()}
        self._late_total = Counter({str(kind): int(n) for kind, n in wire.get("late", {}).items()})
        clocks = wire.get("clocks", {})
        self._clocks = {
            kind: Clocks(spec.idle_timeout, now_ms, {int(p): int(t) for p, t in clocks.get(kind, {}).items()})
            for kind in KINDS
        }
        self._open: dict[WindowKey, Piece] = {}
        self._holders: dict[WindowKey, list[int]] = {}
        self._holds: dict[int, int] = {}
        self._late: Counter[WindowKey] = Counter()

    @classmethod
    def restore(cls, snapshot: Mapping[str, Any], spec: WindowSpec, now_ms: int) -> Self:
        """The machine after a crash; replay the unacknowledged records into it."""
        return cls(spec, now_ms, snapshot)

    @property
    def offset(self) -> int:
        """Largest offset taken in, now or before the restart; -1 for none."""
        return self._offset

    @property
    def open_windows(self) -> int:
        """Windows that can still grow."""
        return len(self._open)

    def step(self, offset: int, batch: Mapping[str, Any], now_ms: int) -> list[ClosedWindow]:
        """Take in one profile record; returns the windows that it closed.

        Raises
        ------
        ValueError
            The record is damaged; the machine is as before, but for the offset, which counts as taken in.
        """
        replayed = offset <= self._replay_to
        self._offset = max(self._offset, offset)
        self._holds[offset] = 0
        if self._replaying and offset >= self._replay_to:
            self._replaying = False
            for clocks in self._clocks.values():
                clocks.restart(now_ms)
        self._take(offset, pieces_of(batch), replayed)
        self._listen(batch, now_ms)
        return self._close()

    def tick(self, read_until_ms: Mapping[int, int]) -> list[ClosedWindow]:
        """Time passes; returns windows that no idle partition holds open any more.

        Parameters
        ----------
        read_until_ms
            Source partition to wall time: what it had at that moment was taken in here.
        """
        for clocks in self._clocks.values():
            clocks.settle(read_until_ms)
        return self._close()

    def waits(self, now_ms: int) -> bool:
        """Whether open windows wait for a partition that may be idle."""
        return bool(self._open) and any(clocks.waits(now_ms) for clocks in self._clocks.values())

    def take_late(self) -> list[LateEvents]:
        """Late events not reported yet; they are reported once, with the next snapshot."""
        late = [LateEvents(key, self._late[key]) for key in sorted(self._late, key=lambda key: key.order)]
        self._late.clear()
        return late

    @property
    def has_late(self) -> bool:
        """There are late events to report."""
        return bool(self._late)

    def release(self) -> list[int]:
        """Offsets that nothing open holds; acknowledge them once :meth:`snapshot` and all outputs are durable."""
        free = [offset for offset, holds in self._holds.items() if holds == 0]
        for offset in free:
            del self._holds[offset]
        return free

    def snapshot(self) -> dict[str, Any]:
        """The small state, plain types: offset, clocks, what is closed, and the late counts so far."""
        return {
            "offset": self._offset,
            "closed_until": dict(sorted(self._closed_until.items())),
            "clocks": {
                kind: {str(p): t for p, t in clocks.times.items()}
                for kind, clocks in self._clocks.items()
                if clocks.times
            },
            "late": dict(sorted(self._late_total.items())),
        }

    def _take(self, offset: int, pieces: Iterable[Piece], replayed: bool) -> None:
        merged: dict[WindowKey, Piece] = {}
        late: Counter[WindowKey] = Counter()
        for piece in pieces:
            if self._is_closed(piece.key):
                late[piece.key] += piece.profile.count
                continue
            before = merged.get(piece.key) or self._open.get(piece.key)
            merged[piece.key] = piece if before is None else before.merge(piece)
        # Nothing has changed until here, so a piece that does not merge leaves no half record behind.
        self._open |= merged
        for key in merged:
            self._holders.setdefault(key, []).append(offset)
        self._holds[offset] = len(merged)
        if not replayed:
            self._late += late
            for key, count in late.items():
                self._late_total[key.kind] += count

    def _listen(self, batch: Mapping[str, Any], now_ms: int) -> None:
        for clocks in self._clocks.values():
            clocks.expect(int(batch["source_partitions"]))
        for clock in batch["clocks"]:
            self._clocks[clock["kind"]].hear(int(clock["partition"]), int(clock["time_ms"]), now_ms)
        for profile in batch["profiles"]:
            sources = (int(span["partition"]) for span in profile["offsets"])
            self._clocks[profile["kind"]].active(sources, now_ms)

    def _is_closed(self, key: WindowKey) -> bool:
        until = self._closed_until.get(key.kind)
        return until is not None and key.end_ms + self._spec.lateness <= until

    def _close(self) -> list[ClosedWindow]:
        if self._replaying:
            return []
        for kind, clocks in self._clocks.items():
            watermark = clocks.watermark()
            if watermark is None and clocks.all_idle:
                # The end of the stream: everything open closes, and only that, so that a stream which
                # comes back finds its later windows open.
                ends = [key.end_ms + self._spec.lateness for key in self._open if key.kind == kind]
                watermark = max(ends, default=None)
            if watermark is not None:
                self._closed_until[kind] = max(watermark, self._closed_until.get(kind, watermark))
        due = sorted((key for key in self._open if self._is_closed(key)), key=lambda key: key.order)
        return [self._shut(key) for key in due]

    def _shut(self, key: WindowKey) -> ClosedWindow:
        piece = self._open.pop(key)
        for offset in self._holders.pop(key):
            self._holds[offset] -= 1
        return ClosedWindow(key, piece.profile, piece.last_produced_ms, piece.offsets)
