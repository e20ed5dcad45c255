"""Profile of one categorical feature in one window, bounded in size whatever the events hold."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

__all__ = ["MAX_CATEGORIES", "MAX_NAME_CHARS", "MAX_NEW", "CategoricalProfile"]

MAX_CATEGORIES = 200
MAX_NEW = 100
MAX_NAME_CHARS = 200


@dataclass(frozen=True, slots=True)
class CategoricalProfile:
    """Counts by category, of known and of new ones; the rest of the values in ``other``, absent in ``missing``.

    At most ``MAX_CATEGORIES`` in ``counts`` and ``MAX_NEW`` in ``new`` are kept: those with the smallest
    CRC-32 of their name (bottom-k by a fixed hash; Cohen and Kaplan, 2007). Not the most frequent: by a
    hash, a category that is kept in the end was never dropped on the way, so its count is exact, no total
    ever loses an event, and merging is exactly commutative and associative beyond the bound too (among
    profiles with the same ``known``). Nor does the choice depend on the counts, which would bias every test
    on them. To keep the frequent ones, choose them beforehand and pass them as ``known``;
    :class:`Reference` does.

    Parameters
    ----------
    counts
        By name; with ``known``, only of those.
    other
        Values in no kept category; a name longer than ``MAX_NAME_CHARS`` is among them.
    missing
        Absent values.
    new
        By name, of categories outside ``known``; empty when nothing is known.

    Examples
    --------
    >>> CategoricalProfile.of(["red", "blue", None, "red", "mauve"], frozenset({"red", "blue"}))
    CategoricalProfile(counts={'blue': 1, 'red': 2}, other=0, missing=1, new={'mauve': 1})
    """

    counts: Mapping[str, int] = field(default_factory=dict)
    other: int = 0
    missing: int = 0
    new: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def empty(cls) -> Self:
        """The neutral element of :meth:`merge`."""
        return cls()

    @classmethod
    def of(cls, values: Iterable[str | None], known: frozenset[str] | None = None) -> Self:
        """Count ``values``; with ``known``, categories outside of it are new."""
        found: dict[str | None, int] = Counter(values)
        return cls.of_counts(found, known)

    @classmethod
    def of_counts(cls, found: Mapping[str | None, int], known: frozenset[str] | None = None) -> Self:
        """As :meth:`of`, of counts by name; None counts the missing."""
        missing = found.get(None, 0)
        other = 0
        counts: dict[str, int] = {}
        new: dict[str, int] = {}
        for name, count in found.items():
            if name is None:
                continue
            if len(name) > MAX_NAME_CHARS:
                other += count
            elif known is None or name in known:
                counts[name] = count
            else:
                new[name] = count
        return cls._bounded(counts, other, missing, new)

    @classmethod
    def _bounded(cls, counts: dict[str, int], other: int, missing: int, new: dict[str, int]) -> Self:
        counts, dropped = _smallest(counts, MAX_CATEGORIES)
        new, dropped_new = _smallest(new, MAX_NEW)
        return cls(counts, other + dropped + dropped_new, missing, new)

    def merge(self, other: Self) -> Self:
        """Profile of both windows together; exact, commutative and associative."""
        counts = _sum(self.counts, other.counts)
        new = _sum(self.new, other.new)
        for name in new.keys() & counts.keys():  # known to one of them
            counts[name] += new.pop(name)
        return self._bounded(counts, self.other + other.other, self.missing + other.missing, new)

    @property
    def count(self) -> int:
        """Values that were there, in a kept category or not."""
        return sum(self.counts.values()) + sum(self.new.values()) + self.other

    @property
    def total(self) -> int:
        """Events seen."""
        return self.count + self.missing

    @property
    def missing_rate(self) -> float:
        """Share of events without a value; 0 when there were none."""
        return self.missing / self.total if self.total else 0.0

    def to_wire(self) -> dict[str, Any]:
        """Plain types; categories in the order of their names."""
        return {
            "counts": dict(sorted(self.counts.items())),
            "other": self.other,
            "missing": self.missing,
            "new": dict(sorted(self.new.items())),
        }

    @classmethod
    def from_wire(cls, wire: dict[str, Any]) -> Self:
        """Read what :meth:`to_wire` wrote; raises ``ValueError`` on a count below zero."""
        counts = {str(name): int(count) for name, count in wire["counts"].items()}
        new = {str(name): int(count) for name, count in wire["new"].items()}
        other, missing = int(wire["other"]), int(wire["missing"])
        if min((other, missing, *counts.values(), *new.values())) < 0:
            raise ValueError("categorical profile: counts are not below zero")
        return cls._bounded(counts, other, missing, new)


def _sum(left: Mapping[str, int], right: Mapping[str, int]) -> dict[str, int]:
    total = dict(left)
    for name, count in right.items():
        total[name] = total.get(name, 0) + count
    return total


def _smallest(counts: dict[str, int], bound: int) -> tuple[dict[str, int], int]:
    """The ``bound`` categories of smallest rank, in the order of their names, and the sum of the others."""
    names = sorted(counts)
    if len(names) > bound:
        names = sorted(sorted(names, key=_rank)[:bound])
    kept = {name: counts[name] for name in names}
    return kept, sum(counts.values()) - sum(kept.values())


def _rank(name: str) -> tuple[int, str]:
    # surrogatepass: JSON can carry lone surrogates, and they must not stop a window.
    return zlib.crc32(name.encode("utf-8", "surrogatepass")), name
