"""How panes become windows: which windows a pane belongs to, when these close, and what comes too late for them.

A pane is the smallest piece of event time that profiles are made of. Tumbling windows are one pane each; hopping
windows share their panes; a window by count takes panes until it holds enough events.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, Self

from trimtab.config import WindowSpec
from trimtab.windows.records import WindowKey

__all__ = ["Assembly", "Closing", "Counted", "Hopping", "assembly_of"]

_Group = tuple[str, int, str | None, str]


class Closing(NamedTuple):
    """What the time that has passed made of the panes.

    Parameters
    ----------
    windows
        Each with its panes, in the order of time.
    spent
        Panes that no later window has.
    """

    windows: list[tuple[WindowKey, Sequence[WindowKey]]]
    spent: list[WindowKey]


class Assembly(Protocol):
    """Turns panes into windows; ``until_ms`` is the largest watermark so far, None before the first."""

    def accepts(self, pane: WindowKey, until_ms: int | None) -> bool:
        """Whether events of the pane can still become part of a window."""
        ...

    def late(self, pane: WindowKey, until_ms: int | None) -> bool:
        """Whether a window has closed without them."""
        ...

    def next_close(self, pane: WindowKey, until_ms: int | None) -> int | None:
        """Time at which a stream that has ended closes a window for this pane; None when it closes none."""
        ...

    def close(
        self, panes: Mapping[WindowKey, int], before_ms: int | None, until_ms: int, ended_ms: int | None
    ) -> Closing:
        """What closes as the watermark goes from one time to another.

        Parameters
        ----------
        panes
            All that are open, with how many events each holds.
        ended_ms
            Wall time up to which the stream is known to have been silent; None while it goes on.
        """
        ...

    def snapshot(self) -> list[list[Any]]:
        """What a successor needs beside the panes; plain types."""
        ...


def assembly_of(spec: WindowSpec, snapshot: Iterable[Sequence[Any]] = ()) -> Assembly:
    """What these windows are made by."""
    return Hopping(spec) if spec.count is None else Counted.restore(spec, snapshot)


class Hopping:
    """Windows of ``size`` that begin every ``hop``; tumbling when these are equal.

    Examples
    --------
    >>> hopping = Hopping(WindowSpec(size=60, hop=20))
    >>> pane = WindowKey("inputs", 1, None, "", 100, 120)
    >>> windows, spent = hopping.close({pane: 5}, None, 140, None)
    >>> [(key.start_ms, key.end_ms) for key, _ in windows], spent
    ([(60, 120), (80, 140)], [])
    """

    def __init__(self, spec: WindowSpec) -> None:
        self._spec = spec

    def accepts(self, pane: WindowKey, until_ms: int | None) -> bool:
        """Its last window is open."""
        return until_ms is None or self._ends(pane)[-1] + self._spec.lateness > until_ms

    def late(self, pane: WindowKey, until_ms: int | None) -> bool:
        """Its first window has closed."""
        return until_ms is not None and pane.end_ms + self._spec.lateness <= until_ms

    def next_close(self, pane: WindowKey, until_ms: int | None) -> int | None:
        """That of its first window: later ones say nothing that it has not said."""
        return None if self.late(pane, until_ms) else pane.end_ms + self._spec.lateness

    def close(
        self, panes: Mapping[WindowKey, int], before_ms: int | None, until_ms: int, ended_ms: int | None
    ) -> Closing:
        """Every window between the two times that has a pane."""
        lateness = self._spec.lateness
        found: dict[WindowKey, list[WindowKey]] = {}
        for pane in panes:
            for end_ms in self._ends(pane):
                if end_ms + lateness <= until_ms and (before_ms is None or end_ms + lateness > before_ms):
                    found.setdefault(self._window(pane, end_ms), []).append(pane)
        spent = [pane for pane in panes if not self.accepts(pane, until_ms)]
        return Closing([(key, sorted(found[key])) for key in sorted(found, key=lambda key: key.order)], spent)

    def snapshot(self) -> list[list[Any]]:
        """Nothing: all follows from the watermark."""
        return []

    def _ends(self, pane: WindowKey) -> range:
        # A pane of before the configuration was changed is a window of its own.
        own = pane.end_ms - pane.start_ms == self._spec.pane
        return range(pane.end_ms, pane.end_ms + (self._spec.size if own else 1), self._spec.pane)

    def _window(self, pane: WindowKey, end_ms: int) -> WindowKey:
        own = pane.end_ms - pane.start_ms == self._spec.pane
        return pane._replace(start_ms=end_ms - self._spec.size, end_ms=end_ms) if own else pane


class Counted:
    """Windows that take panes until they hold ``count`` events, or are ``longest`` long.

    Panes are taken in the order of time, each when the watermark has passed it, so it does not matter in which order
    events came or how the watermark moved.

    Examples
    --------
    >>> counted = Counted(WindowSpec(size=10, count=100, longest=1_000))
    >>> panes = {WindowKey("inputs", 1, None, "", start, start + 10): 40 for start in (0, 10, 30, 40)}
    >>> [(key.start_ms, key.end_ms) for key, _ in counted.close(panes, None, 50, None).windows]
    [(0, 40)]
    >>> counted.snapshot()
    [['inputs', 1, None, '', 40]]
    """

    def __init__(self, spec: WindowSpec) -> None:
        self._spec = spec
        # Start of the window that a group's closed panes wait in.
        self._begun: dict[_Group, int] = {}

    @classmethod
    def restore(cls, spec: WindowSpec, snapshot: Iterable[Sequence[Any]]) -> Self:
        """What :meth:`snapshot` gave."""
        made = cls(spec)
        made._begun = {(str(k), int(v), r, str(s)): int(start) for k, v, r, s, start in snapshot}
        return made

    def accepts(self, pane: WindowKey, until_ms: int | None) -> bool:
        """The watermark has not passed it, or the window that is waiting began before it."""
        begun = self._begun.get(_group(pane))
        return not self._passed(pane, until_ms) or (begun is not None and begun <= pane.start_ms)

    def late(self, pane: WindowKey, until_ms: int | None) -> bool:
        """No window will have it."""
        return not self.accepts(pane, until_ms)

    def next_close(self, pane: WindowKey, until_ms: int | None) -> int | None:
        """Its own end, and when that has passed, that of the longest window."""
        if not self._passed(pane, until_ms):
            return pane.end_ms + self._spec.lateness
        begun = self._begun.get(_group(pane), pane.start_ms)
        return begun + self._spec.cap + self._spec.lateness

    def close(
        self, panes: Mapping[WindowKey, int], before_ms: int | None, until_ms: int, ended_ms: int | None
    ) -> Closing:
        """Every window that is full, or as long as any may be; of a stream that has ended, also by wall time."""
        groups: dict[_Group, list[WindowKey]] = {}
        for pane in sorted(panes, key=lambda key: key.order):
            if self._passed(pane, until_ms):
                groups.setdefault(_group(pane), []).append(pane)
        windows = [w for group in groups.values() for w in self._cut(group, panes, until_ms, ended_ms)]
        windows.sort(key=lambda window: window[0].order)
        return Closing(windows, [pane for _, held in windows for pane in held])

    def snapshot(self) -> list[list[Any]]:
        """Where each waiting window began."""
        return [[*group, start] for group, start in sorted(self._begun.items(), key=lambda item: str(item[0]))]

    def _cut(
        self, group: Sequence[WindowKey], counts: Mapping[WindowKey, int], until_ms: int, ended_ms: int | None
    ) -> Iterator[tuple[WindowKey, Sequence[WindowKey]]]:
        """Windows of one group's panes; remembers where the one that is left began."""
        cap, lateness = self._spec.cap, self._spec.lateness
        held: list[WindowKey] = []
        events = 0
        for pane in group:
            if held and pane.end_ms > held[0].start_ms + cap:
                yield held[0]._replace(end_ms=held[0].start_ms + cap), held
                held, events = [], 0
            held.append(pane)
            events += counts[pane]
            if events >= (self._spec.count or 0) or pane.end_ms - held[0].start_ms >= cap:
                yield held[0]._replace(end_ms=pane.end_ms), held
                held, events = [], 0
        if held:
            end_ms = held[0].start_ms + cap
            if end_ms + lateness <= until_ms:
                yield held[0]._replace(end_ms=end_ms), held
                held = []
            elif ended_ms is not None and end_ms + lateness <= ended_ms:
                yield held[0]._replace(end_ms=held[-1].end_ms), held
                held = []
        self._begun.pop(_group(group[0]), None)
        if held:
            self._begun[_group(group[0])] = held[0].start_ms

    def _passed(self, pane: WindowKey, until_ms: int | None) -> bool:
        return until_ms is not None and pane.end_ms + self._spec.lateness <= until_ms


def _group(pane: WindowKey) -> _Group:
    return pane.kind, pane.version, pane.reference, pane.segment
