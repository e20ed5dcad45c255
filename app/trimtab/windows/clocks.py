"""The watermark of one kind of window: how far event time has come on every source partition."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

__all__ = ["Clocks"]


class Clocks:
    """Largest event time per source partition, and when (wall time) each was last active.

    A partition holds the watermark until :meth:`settle` finds it idle: silent for ``idle_timeout_ms`` of what was read
    of it. One that was never heard from counts as silent since ``since_ms``: on a backlog it may simply not have had
    its turn yet.

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

    def expect(self, partitions: int) -> None:
        """The source topic has this many partitions."""
        self._partitions = partitions

    def hear(self, partition: int, time_ms: int, now_ms: int) -> None:
        """A partition reports its clock; only one that moved is a sign of life."""
        if time_ms > self._times.get(partition, time_ms - 1):
            self._times[partition] = time_ms
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
        """Smallest clock of the partitions that are not idle; None while one of them has none, or when all are."""
        holding = self._known() - self._idle
        if not holding or any(partition not in self._times for partition in holding):
            return None
        return min(self._times[partition] for partition in holding)

    def _known(self) -> set[int]:
        return set(range(self._partitions)) | self._times.keys() | self._heard_ms.keys()

    def _silent(self, partition: int, at_ms: int) -> bool:
        return at_ms - self._heard_ms.get(partition, self._since_ms) >= self._idle_timeout_ms
