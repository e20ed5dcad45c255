"""Whether a service goes on serving a version after another one was made champion."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

__all__ = ["Champion", "Stale", "Staleness"]


class Champion(NamedTuple):
    """The version that should be served, and since when, wall time: by promotion or by rollback."""

    version: int
    since_ms: int


class Stale(NamedTuple):
    """A change: ``version`` is served though it has long not been the champion, or (not ``stale``) no longer is."""

    stale: bool
    version: int
    champion: Champion
    heard_ms: int
    limit_ms: int


class Staleness:
    """Follows when each version was last served, by the Kafka timestamps of its predictions.

    A version is stale when a prediction of it was produced ``limit_ms`` or more after another one became champion, be
    that by promotion or by rollback; it is gone when none was for as long. Predictions that name no version (0), or one
    that the registry does not have, say nothing.

    Parameters
    ----------
    limit_ms
        How long a service may take to follow, wall time; None for ever.
    snapshot
        What :meth:`snapshot` gave.

    Examples
    --------
    >>> staleness = Staleness(limit_ms=100)
    >>> staleness.hear(1, 1_050)
    >>> staleness.changes(Champion(2, 1_000), lambda version: True, 1_060)
    []
    >>> staleness.hear(1, 1_100)
    >>> [change.stale for change in staleness.changes(Champion(2, 1_000), lambda version: True, 1_110)]
    [True]
    >>> [change.stale for change in staleness.changes(Champion(1, 1_200), lambda version: True, 1_210)]
    [False]
    """

    def __init__(self, limit_ms: int | None, snapshot: Mapping[str, Any] | None = None) -> None:
        wire = snapshot or {}
        self._limit_ms = limit_ms
        self._heard_ms = {int(version): int(ms) for version, ms in wire.get("heard", {}).items()}
        self._told = int(wire.get("told", 0))

    def hear(self, version: int, produced_ms: int) -> None:
        """Predictions of a version came, the last of them produced then."""
        if version > 0 and self._limit_ms is not None:
            self._heard_ms[version] = max(produced_ms, self._heard_ms.get(version, produced_ms))

    def waits(self, now_ms: int) -> bool:
        """Whether a stale version may be gone, so that it matters what is unread."""
        if self._limit_ms is None or not self._told:
            return False
        return now_ms - self._heard_ms.get(self._told, 0) >= self._limit_ms

    def changes(self, champion: Champion | None, known: Callable[[int], bool], read_until_ms: int) -> list[Stale]:
        """What has changed, when everything that there was at this moment (wall time) has been read.

        Parameters
        ----------
        known
            Whether the registry has a version.
        """
        if self._limit_ms is None or champion is None:
            return []
        self._heard_ms = {v: ms for v, ms in self._heard_ms.items() if read_until_ms - ms < self._limit_ms}
        served = [v for v, ms in self._heard_ms.items() if ms - champion.since_ms >= self._limit_ms]
        if self._told in self._heard_ms:
            served.append(self._told)  # that yet another one became champion gives it no new time
        stale = max((v for v in served if v != champion.version and known(v)), default=0)
        if bool(stale) == bool(self._told):
            self._told = stale
            return []
        of, self._told = stale or self._told, stale
        return [Stale(bool(stale), of, champion, self._heard_ms.get(of, read_until_ms), self._limit_ms)]

    def snapshot(self) -> dict[str, Any]:
        """What a successor needs; plain types."""
        return {"heard": {str(v): ms for v, ms in sorted(self._heard_ms.items())}, "told": self._told}

    @property
    def told(self) -> bool:
        """Whether a version is stale, as far as was told."""
        return bool(self._told)
