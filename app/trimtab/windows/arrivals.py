"""What came for a model in each window of arrival: how much of it was used, was refused, was there before.

These windows are of Kafka's timestamps, not of event time: what is refused may have no event time at all, and a service
that sends nothing else would stop the event clock, and so never be told of.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from trimtab.config import WindowSpec
from trimtab.windows.clocks import Clocks

__all__ = ["Arrivals", "Arrived"]

_TOPICS = ("features", "predictions", "labels")


class Arrived(NamedTuple):
    """One window of arrival, wall time by Kafka's timestamps: events by what became of them."""

    start_ms: int
    end_ms: int
    used: int = 0
    refused: int = 0
    duplicates: int = 0

    @property
    def total(self) -> int:
        """All events."""
        return self.used + self.refused + self.duplicates

    def plus(self, other: Mapping[str, Any]) -> Arrived:
        """With the numbers of a profile record's ``arrivals``."""
        return self._replace(
            used=self.used + int(other["used"]),
            refused=self.refused + int(other["refused"]),
            duplicates=self.duplicates + int(other["duplicates"]),
        )


class Arrivals:
    """Windows of arrival of one model, as a state machine; ``size`` (``longest`` of those by count), ``lateness`` and
    ``idle_timeout`` are its windows'.

    A window closes when all partitions of the input topics are past its end, or idle. What comes later is counted in
    the first one that is open, so nothing is lost. The numbers themselves are in :meth:`snapshot`, so records that are
    replayed after a crash change nothing.

    Parameters
    ----------
    spec
        The model's windows.
    now_ms
        Wall time of the start.
    snapshot
        What :meth:`snapshot` gave.

    Examples
    --------
    >>> arrivals = Arrivals(WindowSpec(size=100, idle_timeout=10), now_ms=0)
    >>> one = {"topic": "labels", "partition": 0, "start_ms": 0, "latest_ms": 20, "used": 3, "refused": 1}
    >>> arrivals.step(0, {"source_partitions": 1, "arrivals": [one | {"duplicates": 0}]}, now_ms=30)
    []
    >>> arrivals.tick({0: 99}), arrivals.tick({0: 100})
    ([], [Arrived(start_ms=0, end_ms=100, used=3, refused=1, duplicates=0)])
    """

    def __init__(self, spec: WindowSpec, now_ms: int, snapshot: Mapping[str, Any] | None = None) -> None:
        wire = snapshot or {}
        self._size, self._lateness = (spec.size if spec.count is None else spec.cap), spec.lateness
        self._offset = self._replay_to = int(wire.get("offset", -1))
        self._partitions = int(wire.get("partitions", 0))
        self._closed_until = int(wire.get("closed_until", 0))
        self._open = {start: Arrived(start, *numbers) for start, *numbers in wire.get("open", ())}
        self._clocks = Clocks(spec.idle_timeout, now_ms, {int(p): int(t) for p, t in wire.get("clocks", {}).items()})
        self._clocks.expect(self._partitions * len(_TOPICS))
        self._read_until_ms = now_ms

    def step(self, offset: int, batch: Mapping[str, Any], now_ms: int) -> list[Arrived]:
        """Take in one profile record; returns the windows that it closed."""
        if offset <= self._replay_to:
            return []
        self._offset = max(self._offset, offset)
        self._partitions = int(batch["source_partitions"])
        self._clocks.expect(self._partitions * len(_TOPICS))
        for arrival in batch["arrivals"]:
            start_ms = int(arrival["start_ms"])
            start_ms = max(start_ms - start_ms % self._size, self._first_open)
            window = self._open.get(start_ms) or Arrived(start_ms, start_ms + self._size)
            self._open[start_ms] = window.plus(arrival)
        for arrival in batch["arrivals"]:
            self._clocks.hear(
                self._place(arrival["topic"], int(arrival["partition"])), int(arrival["latest_ms"]), now_ms
            )
        return self._close()

    def tick(self, read_until_ms: Mapping[int, int]) -> list[Arrived]:
        """Time passes: source partition to wall time, what it had at that moment was taken in."""
        self._clocks.settle(
            {self._place(topic, number): until for number, until in read_until_ms.items() for topic in _TOPICS}
        )
        self._read_until_ms = max(self._read_until_ms, min(read_until_ms.values(), default=self._read_until_ms))
        return self._close()

    def waits(self, now_ms: int) -> bool:
        """Whether it matters what is unread: a partition that may be idle, or the end of a stream that is."""
        if not self._open:
            return False
        if not self._clocks.all_idle:
            return self._clocks.waits(now_ms)
        return any(window.end_ms + self._lateness <= now_ms for window in self._open.values())

    def snapshot(self) -> dict[str, Any]:
        """What a successor needs; plain types."""
        return {
            "offset": self._offset,
            "partitions": self._partitions,
            "closed_until": self._closed_until,
            "open": [list(self._open[start]) for start in sorted(self._open)],
            "clocks": {str(place): time_ms for place, time_ms in self._clocks.times.items()},
        }

    @property
    def _first_open(self) -> int:
        return -(-self._closed_until // self._size) * self._size

    def _place(self, topic: str, partition: int) -> int:
        return _TOPICS.index(topic) * self._partitions + partition

    def _close(self) -> list[Arrived]:
        watermark = self._clocks.watermark()
        if watermark is None and self._clocks.all_idle:
            # These times are wall time: what is over is over.
            watermark = self._read_until_ms
        if watermark is None:
            return []
        over = sorted(start for start, w in self._open.items() if w.end_ms + self._lateness <= watermark)
        closed = [self._open.pop(start) for start in over]
        self._closed_until = max([self._closed_until, *(window.end_ms for window in closed)])
        return closed
