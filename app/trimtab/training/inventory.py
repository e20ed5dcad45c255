"""Which versions the registry holds, as the trainer, who alone writes them, keeps count; and which may go.

It is a part of the checkpoint, which is committed together with what it counts, so it never differs from the registry
and nobody has to read that to promote, to number or to delete.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from trimtab.config import RetentionSpec

__all__ = ["Inventory", "runs", "said"]


@dataclass(slots=True)
class Inventory:
    """The versions of one model.

    Parameters
    ----------
    parents
        Every version in the registry, and its parent there (None: it learnt from nothing, or was imported without it).
    served
        Those that were ever champion.
    pinned
        Those that are kept until somebody unpins them.
    used
        Every number that was ever given out: none is given twice, or what a prediction names would be doubtful.

    Examples
    --------
    >>> held = Inventory()
    >>> for version in (1, 2, 3, 4):
    ...     held.add(version, version - 1 or None, served=True)
    >>> held.expired(RetentionSpec(keep_last=1, keep_champions=False), needed={4})
    [1, 2]
    >>> Inventory.from_wire(held.to_wire()) == held
    True
    """

    parents: dict[int, int | None] = field(default_factory=dict)
    served: set[int] = field(default_factory=set)
    pinned: set[int] = field(default_factory=set)
    used: set[int] = field(default_factory=set)

    @classmethod
    def of(cls, manifests: Mapping[int, Mapping[str, Any]], pinned: Iterable[int] = (), next_version: int = 1) -> Self:
        """Read from the registry, for a checkpoint of an earlier release; what the trainer made was champion."""
        return cls(
            {version: manifest.get("parent") for version, manifest in manifests.items()},
            {version for version, manifest in manifests.items() if not manifest.get("imported")},
            set(pinned) & manifests.keys(),
            {*manifests, *range(1, next_version)},
        )

    def __contains__(self, version: int) -> bool:
        return version in self.parents

    def add(self, version: int, parent: int | None, *, served: bool) -> None:
        """A version has come into the registry."""
        self.parents[version] = parent
        self.used.add(version)
        if served:
            self.served.add(version)

    def remove(self, version: int) -> None:
        """A version has left the registry; its number stays used."""
        del self.parents[version]
        self.served.discard(version)
        self.pinned.discard(version)

    def expired(self, spec: RetentionSpec, needed: Iterable[int]) -> list[int]:
        """Versions that retention takes, in ascending order.

        Kept are the last ``keep_last``, all that were ever champion with ``keep_champions``, those that are pinned or
        ``needed``, and the parent of each of these, with whose snapshot it is verified. Parents of parents are
        not: all would be kept that way. So ``verify`` goes on to work for what is kept, ``--from-scratch`` may not.

        Parameters
        ----------
        needed
            What the trainer serves, may restore, or continues.
        """
        kept = {*sorted(self.parents)[-spec.keep_last :], *self.pinned, *needed}
        if spec.keep_champions:
            kept |= self.served
        kept |= {parent for version in kept if (parent := self.parents.get(version)) is not None}
        return sorted(self.parents.keys() - kept)

    def to_wire(self) -> dict[str, Any]:
        """Plain types; runs of versions, so that a long chain is one entry."""
        return {
            "versions": _chains(self.parents),
            "served": runs(self.served),
            "pinned": sorted(self.pinned),
            "used": runs(self.used),
        }

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_wire` wrote."""
        parents = {
            version: version - distance if distance else None
            for first, last, distance in wire["versions"]
            for version in range(first, last + 1)
        }
        return cls(parents, _spread(wire["served"]), set(wire["pinned"]), _spread(wire["used"]))


def runs(numbers: Iterable[int]) -> list[list[int]]:
    """Whole numbers as runs, each its first and last.

    Examples
    --------
    >>> runs({1, 2, 3, 7})
    [[1, 3], [7, 7]]
    """
    found: list[list[int]] = []
    for number in sorted(numbers):
        if found and number == found[-1][1] + 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return found


def said(numbers: Iterable[int]) -> str:
    """Whole numbers for people.

    Examples
    --------
    >>> said({1, 2, 3, 7}), said([])
    ('1-3, 7', 'none')
    """
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in runs(numbers)) or "none"


def _chains(parents: Mapping[int, int | None]) -> list[list[int]]:
    """Runs of versions whose parents are equally far below them; 0 for no parent."""
    found: list[list[int]] = []
    for version, parent in sorted(parents.items()):
        distance = 0 if parent is None else version - parent
        if found and found[-1][1:] == [version - 1, distance]:
            found[-1][1] = version
        else:
            found.append([version, version, distance])
    return found


def _spread(wire: Iterable[Iterable[int]]) -> set[int]:
    return {number for first, last in wire for number in range(first, last + 1)}
