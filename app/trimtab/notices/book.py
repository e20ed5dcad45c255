"""What is known of alerts, groups and notices under way: plain records under keys, and which of them changed.

Everything here survives a restart: whoever runs this writes the changed records together with how far it has read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

__all__ = ["Alert", "Book", "Group", "Notice"]


@dataclass(slots=True)
class Alert:
    """One incident of one alert.

    Parameters
    ----------
    record
        The newest record of schema ``alert``.
    since_ms
        When it fired, wall time.
    told
        Who was told that it fires and not yet that it is resolved: by ``RECEIVER/PROTOCOL``, when.
    """

    record: Mapping[str, Any]
    labels: Mapping[str, str]
    since_ms: int
    told: dict[str, int] = field(default_factory=dict)

    @property
    def incident(self) -> str:
        """Its id."""
        return str(self.record["incident"])

    @property
    def firing(self) -> bool:
        """Whether it fires still."""
        return bool(self.record["state"] == "firing")

    def to_wire(self) -> dict[str, Any]:
        """Plain types."""
        return {
            "record": dict(self.record),
            "labels": dict(self.labels),
            "since_ms": self.since_ms,
            "told": dict(self.told),
        }

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_wire` wrote."""
        return cls(wire["record"], wire["labels"], int(wire["since_ms"]), dict(wire["told"]))


@dataclass(slots=True)
class Group:
    """Alerts that are told together.

    Parameters
    ----------
    path
        Its route.
    due_ms
        When it is looked at next.
    looked
        Whether it was looked at before.
    last_ms
        When each ``RECEIVER/PROTOCOL`` was told of it last.
    """

    id: str
    path: str
    labels: Mapping[str, str]
    due_ms: int
    looked: bool = False
    incidents: list[str] = field(default_factory=list)
    last_ms: dict[str, int] = field(default_factory=dict)

    def to_wire(self) -> dict[str, Any]:
        """Plain types."""
        names = ("id", "path", "due_ms", "looked", "incidents", "last_ms")
        return {name: getattr(self, name) for name in names} | {"labels": dict(self.labels)}

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_wire` wrote."""
        return cls(**{**wire, "incidents": list(wire["incidents"]), "last_ms": dict(wire["last_ms"])})


@dataclass(slots=True)
class Notice:
    """What somebody is to be told.

    Parameters
    ----------
    id
        The same at every attempt.
    target
        ``RECEIVER/PROTOCOL``.
    number
        Notices of a group to one target are sent in the order of their numbers.
    reason
        firing, more, resolved or repeat.
    alerts
        Records as of when it was decided, the worst first, with ``labels``, ``acknowledged`` and ``first_raised_ms``.
    due_ms
        When it was decided.
    next_ms
        When it is tried next.
    """

    id: str
    target: str
    group_id: str
    number: int
    reason: str
    group: Mapping[str, str]
    alerts: list[dict[str, Any]]
    due_ms: int
    next_ms: int
    repeat_ms: int
    attempts: int = 0

    @property
    def resolved(self) -> bool:
        """Whether nothing in it fires any more."""
        return all(alert["state"] == "resolved" for alert in self.alerts)

    def to_wire(self) -> dict[str, Any]:
        """Plain types."""
        names = ("id", "target", "group_id", "number", "reason", "alerts", "due_ms", "next_ms", "repeat_ms", "attempts")
        return {name: getattr(self, name) for name in names} | {"group": dict(self.group)}

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_wire` wrote."""
        return cls(**wire)


_KINDS: Final[Mapping[str, Any]] = {"alert": Alert, "group": Group, "notice": Notice}


class Book:
    """All records, by kind and id.

    Examples
    --------
    >>> book = Book()
    >>> book.groups["g"] = Group("g", "", {}, 5)
    >>> book.changed("group", "g")
    >>> Book(book.take()).groups["g"].due_ms, book.take()
    (5, {})
    """

    def __init__(self, wire: Mapping[str, Mapping[str, Any] | None] | None = None) -> None:
        self.alerts: dict[str, Alert] = {}
        self.groups: dict[str, Group] = {}
        self.notices: dict[str, Notice] = {}
        # Race under way: model to its beginning, wall time.
        self.races: dict[str, int] = {}
        self.number = 0
        self.routes_sha256 = ""
        self._changed: set[tuple[str, str]] = set()
        for key, record in (wire or {}).items():
            kind, _, id = key.partition("/")
            if record is None:
                continue
            if kind in _KINDS:
                self._of(kind)[id] = _KINDS[kind].from_wire(record)
            elif key == "book":
                self.number, self.routes_sha256 = int(record["number"]), str(record["routes_sha256"])
                self.races = dict(record["races"])

    def changed(self, kind: str, id: str = "") -> None:
        """A record was changed, made or removed; ``book`` is that of what is not of one alert, group or notice."""
        self._changed.add((kind, id))

    def take(self) -> dict[str, dict[str, Any] | None]:
        """Records that changed since the last call, None for those that are gone."""
        taken: dict[str, dict[str, Any] | None] = {}
        for kind, id in sorted(self._changed):
            if kind == "book":
                taken[kind] = {"number": self.number, "routes_sha256": self.routes_sha256, "races": dict(self.races)}
            else:
                found = self._of(kind).get(id)
                taken[f"{kind}/{id}"] = None if found is None else found.to_wire()
        self._changed.clear()
        return taken

    def _of(self, kind: str) -> dict[str, Any]:
        kinds: dict[str, dict[str, Any]] = {"alert": self.alerts, "group": self.groups, "notice": self.notices}
        return kinds[kind]
