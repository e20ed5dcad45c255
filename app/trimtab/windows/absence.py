"""Whether predictions or labels have stopped: the failure that no window shows, since there is none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

__all__ = ["Absence", "Silence"]


class Silence(NamedTuple):
    """A change: ``kind`` of window is silent for longer than it may, or was heard again."""

    kind: str
    silent: bool
    heard_ms: int
    limit_ms: int


class Absence:
    """Follows when each kind of window was last fed, by wall time.

    Parameters
    ----------
    limits_ms
        Longest silence by kind of window; kinds that are not named may be silent for ever.
    now_ms
        Wall time of the start: silence counts from here.

    Examples
    --------
    >>> absence = Absence({"inputs": 100}, now_ms=0)
    >>> absence.changes(99), absence.changes(100)
    ([], [Silence(kind='inputs', silent=True, heard_ms=0, limit_ms=100)])
    >>> absence.hear(["inputs"], 150)
    >>> absence.changes(151), absence.changes(160)
    ([Silence(kind='inputs', silent=False, heard_ms=150, limit_ms=100)], [])
    """

    def __init__(self, limits_ms: Mapping[str, int], now_ms: int) -> None:
        self._limits_ms = dict(limits_ms)
        self._heard_ms = dict.fromkeys(self._limits_ms, now_ms)
        # None until something is known: an alert of before the start may still be firing.
        self._silent: dict[str, bool | None] = dict.fromkeys(self._limits_ms)
        self._fed: set[str] = set()

    def hear(self, kinds: Iterable[str], now_ms: int) -> None:
        """These were fed."""
        for kind in self._limits_ms.keys() & set(kinds):
            self._heard_ms[kind] = now_ms
            self._fed.add(kind)

    def waits(self, now_ms: int) -> bool:
        """Whether a kind may have been silent for too long, so that it matters what is unread."""
        return any(
            now_ms - heard >= self._limits_ms[kind] and not self._silent[kind] for kind, heard in self._heard_ms.items()
        )

    def changes(self, read_until_ms: int) -> list[Silence]:
        """What has changed, when everything that there was at this moment has been read."""
        found = []
        for kind, limit in self._limits_ms.items():
            silent = read_until_ms - self._heard_ms[kind] >= limit
            known = silent or kind in self._fed
            if known and silent != self._silent[kind]:
                self._silent[kind] = silent
                found.append(Silence(kind, silent, self._heard_ms[kind], limit))
        return found
