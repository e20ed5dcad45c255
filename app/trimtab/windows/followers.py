"""Which versions are being served, counted from the heartbeats of those who serve them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

__all__ = ["EVERY_MS", "GONE_AFTER_MS", "Followers"]

EVERY_MS: Final = 10_000
"""How often the counts are told, wall time."""
GONE_AFTER_MS: Final = 35_000
"""Without a heartbeat for so long, three of them lost, a follower counts as gone."""


class Followers:
    """Counts followers per version; a version that nobody serves any more is told once, with 0.

    Parameters
    ----------
    snapshot
        What :meth:`snapshot` gave.

    Examples
    --------
    >>> followers = Followers()
    >>> followers.hear("a", 7, 1_000)
    >>> followers.hear("b", 6, 1_000)
    >>> followers.counts(10_000), followers.counts(12_000)
    ({6: 1, 7: 1}, None)
    >>> followers.hear("b", 7, 15_000)
    >>> followers.counts(20_000), followers.counts(60_000), followers.counts(70_000)
    ({6: 0, 7: 2}, {7: 0}, None)
    """

    def __init__(self, snapshot: Mapping[str, Any] | None = None) -> None:
        wire = snapshot or {}
        self._told = [int(version) for version in wire.get("told", ())]
        self._serving: dict[str, tuple[int, int]] = {}
        self._next_ms = 0

    def hear(self, instance: str, version: int, sent_ms: int) -> None:
        """A heartbeat came; version 0 serves nothing yet, and counts as that."""
        self._serving[instance] = version, sent_ms

    def end(self, instance: str) -> None:
        """A follower said that it ends."""
        self._serving.pop(instance, None)

    def counts(self, now_ms: int) -> dict[int, int] | None:
        """Followers by version, when it is time to tell them; None when it is not, or there is nothing to tell."""
        if now_ms < self._next_ms:
            return None
        self._next_ms = now_ms - now_ms % EVERY_MS + EVERY_MS
        self._serving = {i: one for i, one in self._serving.items() if now_ms - one[1] < GONE_AFTER_MS}
        found = Counter(version for version, _ in self._serving.values())
        counts = {version: found[version] for version in sorted({*found, *self._told})}
        self._told = sorted(found)
        return counts or None

    def snapshot(self) -> dict[str, Any]:
        """What a successor needs beside the heartbeats to come; plain types."""
        return {"told": list(self._told)}
