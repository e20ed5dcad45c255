"""Why nobody is told of an alert for now: a silence, or another alert that inhibits it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from trimtab.config import InhibitRule, Matcher, matches

__all__ = ["Ack", "Inhibitor", "Silence"]


@dataclass(frozen=True, slots=True)
class Silence:
    """Alerts that meet all matchers are silenced from ``starts_ms`` until before ``ends_ms``, wall time."""

    id: str
    matchers: tuple[Matcher, ...]
    starts_ms: int
    ends_ms: int
    author: str
    comment: str

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> Self:
        """Read a record of schema ``silence``.

        Raises
        ------
        ValueError
            If it has no matcher, one that is none, or fields of another kind.
        """
        try:
            matchers = tuple(Matcher.from_wire(one) for one in wire["matchers"])
            found = cls(
                str(wire["id"]),
                matchers,
                int(wire["starts_ms"]),
                int(wire["ends_ms"]),
                str(wire["author"]),
                str(wire["comment"]),
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"a silence needs {error}") from error
        if not matchers:
            raise ValueError("a silence without a matcher would silence everything; give at least one")
        return found

    def active(self, now_ms: int) -> bool:
        """Whether it is in force."""
        return self.starts_ms <= now_ms < self.ends_ms

    def mutes(self, labels: Mapping[str, str], now_ms: int) -> bool:
        """Whether it silences an alert now."""
        return self.active(now_ms) and matches(self.matchers, labels)


@dataclass(frozen=True, slots=True)
class Ack:
    """Somebody looks after an incident, until ``until_ms`` or, without it, until it is resolved."""

    incident: str
    model: str
    until_ms: int | None
    author: str
    comment: str

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> Self:
        """Read a record of schema ``ack``; raises ValueError when it is none."""
        try:
            until_ms = wire.get("until_ms")
            return cls(
                str(wire["incident"]),
                str(wire["model"]),
                None if until_ms is None else int(until_ms),
                str(wire["author"]),
                str(wire["comment"]),
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"an acknowledgement needs {error}") from error

    def holds(self, now_ms: int) -> bool:
        """Whether it is in force."""
        return self.until_ms is None or now_ms < self.until_ms


class Inhibitor:
    """Which alerts are inhibited, by what fires now.

    An alert that meets both sides of a rule is not inhibited by another that does too, so none inhibits itself.

    Parameters
    ----------
    rules
        ``alerting.inhibit``.
    firing
        Labels of everything that fires.

    Examples
    --------
    >>> rule = InhibitRule(source='kind="quality"', target='kind="drift"', equal=["model"])
    >>> inhibitor = Inhibitor([rule], [{"kind": "quality", "model": "a"}])
    >>> inhibitor.inhibits({"kind": "drift", "model": "a"}), inhibitor.inhibits({"kind": "drift", "model": "b"})
    (True, False)
    """

    def __init__(self, rules: Iterable[InhibitRule], firing: Iterable[Mapping[str, str]]) -> None:
        labels = list(firing)
        # Of each rule: what its labels in equal are in sources, and in those sources that are no targets themselves.
        self._rules = []
        for rule in rules:
            sources = [one for one in labels if matches(rule.source, one)]
            pure = {_values(rule, one) for one in sources if not matches(rule.target, one)}
            self._rules.append((rule, {_values(rule, one) for one in sources}, pure))

    def inhibits(self, target: Mapping[str, str]) -> bool:
        """Whether nobody is told of an alert with these labels."""
        return any(
            _values(rule, target) in (pure if matches(rule.source, target) else sources)
            for rule, sources, pure in self._rules
            if sources and matches(rule.target, target)
        )


def _values(rule: InhibitRule, labels: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(labels.get(name, "") for name in rule.equal)
