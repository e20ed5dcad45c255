"""Where in a log so many examples had been seen: a bounded number of places, for any length of log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

__all__ = ["Anchors", "Place"]

_MOST = 512


class Place(NamedTuple):
    """A record, how much was counted before it, and how many examples the model had by then."""

    seen: int
    offset: int
    examples: int


@dataclass(slots=True, eq=False)
class Anchors:
    """Places of a log; as they grow many every second one goes, so at least 256 are spread over the log.

    Examples
    --------
    >>> anchors = Anchors()
    >>> for record in range(10_000):
    ...     anchors.add(7 * record, 3 * record, 7 * record)
    >>> len(anchors.places) <= 512, anchors.before(40_000).seen
    (True, 39872)
    """

    places: list[Place] = field(default_factory=list)
    every: int = 1
    records: int = 0

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_wire` wrote."""
        return cls([Place(*place) for place in wire["places"]], wire["every"], wire["records"])

    def to_wire(self) -> dict[str, Any]:
        """Plain types."""
        return {"places": [list(place) for place in self.places], "every": self.every, "records": self.records}

    def add(self, count: int, offset: int, examples: int) -> None:
        """A record comes, after ``count`` of what is counted and ``examples`` of the model's."""
        if self.records % self.every == 0:
            self.places.append(Place(count, offset, examples))
        self.records += 1
        if len(self.places) > _MOST:
            self.places = self.places[::2]
            self.every *= 2

    def before(self, count: int) -> Place | None:
        """The last place before which no more than ``count`` were counted, else the first; None when there is none."""
        return max((place for place in self.places if place.seen <= count), default=next(iter(self.places), None))

    def forget(self, count: int) -> None:
        """Let go of what lies wholly before an example."""
        first = self.before(count)
        if first is not None:
            self.places = self.places[self.places.index(first) :]
            if len(self.places) < _MOST // 4:
                self.every, self.records = 1, 0
