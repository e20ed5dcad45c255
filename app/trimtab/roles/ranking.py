"""What was worst in a window: its features by effect, and the segments in which a feature was worst; pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from trimtab.windows import WindowKey

__all__ = ["Ranking", "ranked"]

FEATURES: Final = 10
SEGMENTS: Final = 5
_WINDOWS: Final = 8

_Window = tuple[str, int, int, int]


def ranked(effects: Mapping[str, float], most: int) -> list[dict[str, Any]]:
    """The largest first, without those that have none."""
    order = sorted((name for name, effect in effects.items() if effect > 0), key=lambda name: (-effects[name], name))
    return [{"name": name, "effect": round(effects[name], 6)} for name in order[:most]]


class Ranking:
    """Remembers the segments of the last few windows: those of a window are judged before the whole of it.

    Examples
    --------
    >>> ranking = Ranking()
    >>> ranking.note(WindowKey("inputs", 1, None, "region=north", 0, 60_000), {"age": 3.0})
    >>> ranking.segments(WindowKey("inputs", 1, None, "", 0, 60_000), "age")
    [{'name': 'region=north', 'effect': 3.0}]
    """

    def __init__(self) -> None:
        self._windows: dict[_Window, dict[str, dict[str, float]]] = {}

    def note(self, key: WindowKey, effects: Mapping[str, float]) -> None:
        """Effects of a segment's window, by feature or metric."""
        if not key.segment:
            return
        found = self._windows.setdefault(_window(key), {})
        for name, effect in effects.items():
            found.setdefault(name, {})[key.segment] = effect
        while len(self._windows) > _WINDOWS:
            del self._windows[next(iter(self._windows))]

    def segments(self, key: WindowKey, name: str | None) -> list[dict[str, Any]]:
        """The worst segments for one feature or metric in a window of all events."""
        if key.segment or name is None:
            return []
        return ranked(self._windows.get(_window(key), {}).get(name, {}), SEGMENTS)


def _window(key: WindowKey) -> _Window:
    return key.kind, key.version, key.start_ms, key.end_ms
