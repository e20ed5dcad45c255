"""The tree of routes: which of them an alert takes, and the group it falls into on each.

As Alertmanager routes: depth first, the first sibling that matches, and on to the next ones with ``continue``; a route
none of whose children match takes the alert itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from trimtab.config import RouteSpec, matches

__all__ = ["GROUP_BY", "GROUP_INTERVAL_MS", "GROUP_WAIT_MS", "REPEAT_INTERVAL_MS", "Route", "Router"]

GROUP_BY = ("model",)
GROUP_WAIT_MS = 30_000
GROUP_INTERVAL_MS = 300_000
REPEAT_INTERVAL_MS = 14_400_000


@dataclass(frozen=True, slots=True)
class Route:
    """One place of the tree, with everything that it inherits.

    Parameters
    ----------
    path
        Its place: empty for the first, ``0.2`` for the third child of the first child.
    group_by
        Labels; None for all of them.
    """

    path: str
    receiver: str
    group_by: tuple[str, ...] | None
    group_wait_ms: int
    group_interval_ms: int
    repeat_interval_ms: int

    def group_of(self, labels: Mapping[str, str]) -> dict[str, str]:
        """Labels of the group that an alert falls into."""
        return {name: labels[name] for name in sorted(self.group_by or labels) if name in labels}

    def group_id(self, group: Mapping[str, str]) -> str:
        """Identity of a group: the same for ever."""
        parts = (self.path, self.receiver, *(part for pair in sorted(group.items()) for part in pair))
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


class Router:
    """All routes of a configuration.

    Examples
    --------
    >>> spec = RouteSpec(receiver="ops", routes=[{"match": 'kind="drift"', "receiver": "science", "continue": True}])
    >>> router = Router(spec)
    >>> [route.receiver for route in router.find({"kind": "drift"})], [r.receiver for r in router.find({})]
    (['science'], ['ops'])
    """

    def __init__(self, spec: RouteSpec) -> None:
        self._spec = spec
        first = Route("", "", GROUP_BY, GROUP_WAIT_MS, GROUP_INTERVAL_MS, REPEAT_INTERVAL_MS)
        self._routes: dict[str, Route] = {}
        self._fill(spec, first, "")

    def __getitem__(self, path: str) -> Route:
        return self._routes[path]

    def find(self, labels: Mapping[str, str]) -> list[Route]:
        """The routes that an alert takes: at least one, when anybody is to be told at all."""
        return [route for path in _find(self._spec, "", labels) if (route := self._routes[path]).receiver]

    def _fill(self, spec: RouteSpec, parent: Route, path: str) -> None:
        group_by = parent.group_by if spec.group_by is None else None if "..." in spec.group_by else spec.group_by
        route = Route(
            path,
            spec.receiver or parent.receiver,
            group_by,
            _own(spec.group_wait, parent.group_wait_ms),
            _own(spec.group_interval, parent.group_interval_ms),
            _own(spec.repeat_interval, parent.repeat_interval_ms),
        )
        self._routes[path] = route
        for number, child in enumerate(spec.routes):
            self._fill(child, route, _below(path, number))


def _find(spec: RouteSpec, path: str, labels: Mapping[str, str]) -> Iterator[str]:
    found = False
    for number, child in enumerate(spec.routes):
        if matches(child.match, labels):
            found = True
            yield from _find(child, _below(path, number), labels)
            if not child.continue_:
                return
    if not found:
        yield path


def _own(value: int | None, inherited: int) -> int:
    return inherited if value is None else value


def _below(path: str, number: int) -> str:
    return f"{path}.{number}" if path else str(number)
