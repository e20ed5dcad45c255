"""Windows of one model: profile records in, closed windows out.

::

    record ──► piece ──► a window open for it?  ── yes ──► merge into its pane, which holds the record
                             │ no
                             ├── record new ─────► late, counted
                             └── record replayed ► dropped: it was merged or counted before

What closes, and of which panes it is made, the :mod:`assembly <trimtab.windows.assembly>` says.

``snapshot()`` is small: it holds no profiles. They are rebuilt from the log: the role acknowledges a record only
when nothing open holds it and a snapshot at or after it is durable. So after a crash the log replays exactly the
records that open panes need, and some more: those at or before the snapshot's offset are merged into windows that
are still open and counted nowhere twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

from trimtab.config import WindowSpec
from trimtab.windows.assembly import assembly_of
from trimtab.windows.clocks import Clocks
from trimtab.windows.records import ClosedWindow, LateEvents, Piece, WindowKey, pieces_of

__all__ = ["KINDS", "WindowState"]

KINDS = ("inputs", "performance")


class WindowState:
    """All open windows of one model.

    Parameters
    ----------
    spec
        Which windows, lateness and idle timeout.
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
        self._assembly = assembly_of(spec, wire.get("begun", ()))
        # Wall time: everything that there was at this moment has been read.
        self._read_until_ms = now_ms
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
        """Panes that a window can still be made of."""
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
        self._read_until_ms = max(self._read_until_ms, min(read_until_ms.values(), default=self._read_until_ms))
        return self._close()

    def waits(self, now_ms: int) -> bool:
        """Whether open windows wait for a partition that may be idle, or for the end of a stream that is."""
        return any(self._waits(kind, now_ms) for kind in {key.kind for key in self._open})

    def take_late(self) -> list[LateEvents]:
        """Late events not reported yet; they are reported once, with the next snapshot."""
        late = [LateEvents(key, self._late[key]) for key in sorted(self._late, key=lambda key: key.order)]
        self._late.clear()
        return late

    @property
    def delay_ms(self) -> int:
        """Event time by which the watermark of the slower kind of window is behind the newest event."""
        return max((clocks.delay_ms for clocks in self._clocks.values()), default=0)

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
        """The small state, plain types: offset, clocks, what is closed or begun, and the late counts so far."""
        return {
            "offset": self._offset,
            "closed_until": dict(sorted(self._closed_until.items())),
            "clocks": {
                kind: {str(p): t for p, t in clocks.times.items()}
                for kind, clocks in self._clocks.items()
                if clocks.times
            },
            "late": dict(sorted(self._late_total.items())),
            "begun": self._assembly.snapshot(),
        }

    def _take(self, offset: int, pieces: Iterable[Piece], replayed: bool) -> None:
        merged: dict[WindowKey, Piece] = {}
        late: Counter[WindowKey] = Counter()
        for piece in pieces:
            until_ms = self._closed_until.get(piece.key.kind)
            if self._assembly.late(piece.key, until_ms):
                late[piece.key] += piece.profile.count
            if not self._assembly.accepts(piece.key, until_ms):
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

    def _close(self) -> list[ClosedWindow]:
        if self._replaying:
            return []
        return sorted((w for kind in KINDS for w in self._close_kind(kind)), key=lambda window: window.key.order)

    def _close_kind(self, kind: str) -> list[ClosedWindow]:
        clocks, before_ms = self._clocks[kind], self._closed_until.get(kind)
        watermark, ended_ms = clocks.watermark(), None
        panes = {key: piece.profile.count for key, piece in self._open.items() if key.kind == kind}
        if watermark is None and clocks.all_idle and panes:
            # The end of the stream, as it seems: what is over by the wall clock too closes, and no more, so that a
            # stream which comes back, or is only slow, finds its windows open.
            ended_ms = self._read_until_ms
            watermark = min(ended_ms, max(key.end_ms for key in panes) + self._spec.lateness)
        until_ms = max((ms for ms in (watermark, before_ms) if ms is not None), default=None)
        if until_ms is None:
            return []
        self._closed_until[kind] = until_ms
        closing = self._assembly.close(panes, before_ms, until_ms, ended_ms)
        closed = [self._shut(key, held) for key, held in closing.windows]
        for pane in closing.spent:
            self._forget(pane)
        return closed

    def _shut(self, key: WindowKey, panes: Sequence[WindowKey]) -> ClosedWindow:
        piece = self._open[panes[0]]
        for pane in panes[1:]:
            piece = piece.merge(self._open[pane])
        return ClosedWindow(key, piece.profile, piece.last_produced_ms, piece.offsets)

    def _forget(self, pane: WindowKey) -> None:
        del self._open[pane]
        for offset in self._holders.pop(pane):
            self._holds[offset] -= 1

    def _waits(self, kind: str, now_ms: int) -> bool:
        clocks, until_ms = self._clocks[kind], self._closed_until.get(kind)
        if clocks.waits(now_ms):
            return True
        reached_ms = now_ms if clocks.all_idle else clocks.ahead()
        times = (self._assembly.next_close(key, until_ms) for key in self._open if key.kind == kind)
        return reached_ms is not None and any(ms is not None and ms <= reached_ms for ms in times)
