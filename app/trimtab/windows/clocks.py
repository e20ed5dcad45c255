"""The watermark of one kind of window: how far event time has come on every source partition."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping

__all__ = ["Clocks"]

# Of one partition; where more are needed, the watermark waits.
_REMEMBERED = 1_000


class Clocks:
    """Largest event time per source partition, and when (wall time) each was last active.

    A partition holds the watermark until :meth:`settle` finds it idle: silent for ``idle_timeout_ms`` of what was read
    of it. One that was never heard from counts as silent since ``since_ms``: on a backlog it may simply not have had
    its turn yet. An idle one lets the watermark go on as far as the others had come at the moment up to which it was
    read: when a stream comes back after a pause, no partition is left behind because another was read first.

    Parameters
    ----------
    idle_timeout_ms
        Wall time.
    since_ms
        When the machine started, wall time; restored clocks count as heard at that moment.
    times
        Restored clocks: partition to event time.

    Examples
    --------
    >>> clocks = Clocks(idle_timeout_ms=10, since_ms=0)
    >>> clocks.expect(2)
    >>> clocks.hear(0, 500, now_ms=1)
    >>> clocks.settle({0: 10, 1: 9})
    >>> clocks.watermark() is None
    True
    >>> clocks.settle({0: 20, 1: 20})
    >>> clocks.hear(0, 600, now_ms=21)
    >>> clocks.watermark(), clocks.ahead()
    (500, 600)
    >>> clocks.settle({0: 20, 1: 21})
    >>> clocks.watermark()
    600
    """

    def __init__(self, idle_timeout_ms: int, since_ms: int, times: Mapping[int, int] | None = None) -> None:
        self._idle_timeout_ms = idle_timeout_ms
        self._since_ms = since_ms
        self._times = dict(times or {})
        self._heard_ms = dict.fromkeys(self._times, since_ms)
        self._partitions = 0
        self._idle: set[int] = set()
        # What each clock said at which wall time, for as long as an idle partition may not have been read so far.
        self._history = {partition: deque([(0, time_ms)], _REMEMBERED) for partition, time_ms in self._times.items()}
        self._read_until_ms: dict[int, int] = {}

    def expect(self, partitions: int) -> None:
        """The source topic has this many partitions."""
        self._partitions = partitions

    def hear(self, partition: int, time_ms: int, now_ms: int) -> None:
        """A partition reports its clock; only one that moved is a sign of life."""
        if time_ms > self._times.get(partition, time_ms - 1):
            self._times[partition] = time_ms
            self._history.setdefault(partition, deque(maxlen=_REMEMBERED)).append((now_ms, time_ms))
            self.active((partition,), now_ms)

    def restart(self, now_ms: int) -> None:
        """Count silence from now on, after a replay that no partition could speak in."""
        self._since_ms = now_ms
        self._heard_ms = dict.fromkeys(self._heard_ms, now_ms)
        self._idle.clear()

    def active(self, partitions: Iterable[int], now_ms: int) -> None:
        """Events came from these, whether their clocks moved or not."""
        for partition in partitions:
            self._heard_ms[partition] = now_ms
            self._idle.discard(partition)

    def settle(self, read_until_ms: Mapping[int, int]) -> None:
        """Find out which partitions are idle.

        Parameters
        ----------
        read_until_ms
            Partition to wall time: what it had at that moment has been heard. Silence after it says nothing, since
            there may be records that nobody read.
        """
        self._read_until_ms.update(read_until_ms)
        self._forget()
        known = self._known() & read_until_ms.keys()
        silent = {partition for partition in known if self._silent(partition, read_until_ms[partition])}
        self._idle |= silent

    def waits(self, now_ms: int) -> bool:
        """Whether a partition holds the watermark that has been silent for so long that it may be idle."""
        return any(self._silent(partition, now_ms) for partition in self._known() - self._idle)

    @property
    def times(self) -> dict[int, int]:
        """Partition to event time."""
        return dict(sorted(self._times.items()))

    @property
    def all_idle(self) -> bool:
        """The stream has ended, as far as anyone can tell."""
        return self._known() <= self._idle

    def watermark(self) -> int | None:
        """Smallest clock of the partitions that are not idle, as it was when all idle ones had been read.

        None while one of them has none, or when all are idle.
        """
        holding = self._holding()
        idle = self._known() & self._idle
        if holding is None or not idle:
            return self.ahead()
        read_until_ms = min(self._read_until_ms.get(partition, self._since_ms) for partition in idle)
        found = [self._as_of(partition, read_until_ms) for partition in holding]
        return None if None in found else min(time_ms for time_ms in found if time_ms is not None)

    @property
    def delay_ms(self) -> int:
        """Event time between the newest event and the watermark; 0 while there is none, or when all are idle."""
        watermark = self.watermark()
        return 0 if watermark is None else max(self._times.values()) - watermark

    def ahead(self) -> int | None:
        """Where the watermark will be if nothing is unread of the idle partitions."""
        holding = self._holding()
        return None if holding is None else min(self._times[partition] for partition in holding)

    def _holding(self) -> set[int] | None:
        """Partitions that are not idle; None when there are none, or one of them has no clock."""
        holding = self._known() - self._idle
        return holding if holding and holding <= self._times.keys() else None

    def _as_of(self, partition: int, at_ms: int) -> int | None:
        """What a clock said at a moment; None when that is not known any more."""
        return next((time_ms for heard_ms, time_ms in reversed(self._history[partition]) if heard_ms <= at_ms), None)

    def _forget(self) -> None:
        """No idle partition will be behind the one that is read least far."""
        floor = min(self._read_until_ms.get(partition, self._since_ms) for partition in self._known() or {0})
        for history in self._history.values():
            while len(history) > 1 and history[1][0] <= floor:
                history.popleft()

    def _known(self) -> set[int]:
        return set(range(self._partitions)) | self._times.keys() | self._heard_ms.keys()

    def _silent(self, partition: int, at_ms: int) -> bool:
        return at_ms - self._heard_ms.get(partition, self._since_ms) >= self._idle_timeout_ms
