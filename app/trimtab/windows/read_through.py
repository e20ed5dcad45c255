"""Up to which moment everything that a source partition had has been taken in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["ReadThrough"]


class _Mark(NamedTuple):
    now_ms: int
    ends: tuple[int, ...]


class ReadThrough:
    """Follows one source partition through two stages: the collector that reads it, the monitor that reads profiles.

    A mark is put at the partition's end. Once the collector has committed past it, what it made of those records is in
    the profiles topic below that topic's end; once the monitor has taken that, everything up to the mark was heard.

    Parameters
    ----------
    since_ms
        When the machine started, wall time.

    Examples
    --------
    >>> source = ReadThrough(since_ms=0)
    >>> source.see(100, read=[5], ends=[9], profiles_end=2)  # the collector is behind
    >>> source.see(200, read=[9], ends=[12], profiles_end=4)  # it has passed the mark; its profiles are below 4
    >>> source.take(3), source.until_ms
    (None, 0)
    >>> source.take(4), source.until_ms
    (None, 100)
    """

    def __init__(self, since_ms: int) -> None:
        self.until_ms = since_ms
        self._mark: _Mark | None = None
        self._made: tuple[int, int] | None = None

    def see(self, now_ms: int, *, read: Sequence[int], ends: Sequence[int], profiles_end: int) -> None:
        """What Kafka says.

        Parameters
        ----------
        now_ms
            Wall time before it was asked.
        read, ends
            Of each topic: the collector's committed offset, and the end, asked for in this order.
        profiles_end
            End of the profiles, with what is not committed, asked for after ``read``.
        """
        if self._made is not None:
            return
        if _passed(read, ends):
            self._made, self._mark = (now_ms, profiles_end), None
        elif self._mark is None:
            self._mark = _Mark(now_ms, tuple(ends))
        elif _passed(read, self._mark.ends):
            self._made, self._mark = (self._mark.now_ms, profiles_end), _Mark(now_ms, tuple(ends))

    def take(self, offset: int) -> None:
        """Profiles below ``offset`` were taken in."""
        if self._made is not None and offset >= self._made[1]:
            self.until_ms, self._made = self._made[0], None


def _passed(read: Sequence[int], ends: Sequence[int]) -> bool:
    return all(offset >= end for offset, end in zip(read, ends, strict=True))
