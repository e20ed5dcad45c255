"""What goes through the windows: their identity, the pieces that feed them, and what comes out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

from trimtab.profiles import WindowProfile

__all__ = ["ClosedWindow", "LateEvents", "Piece", "WindowKey", "merge_offsets", "pieces_of"]

Offsets = Mapping[int, tuple[int, int]]
"""Source partition to its first and last offset, inclusive."""


class WindowKey(NamedTuple):
    """Identity of a window; profiles of different references have different frames and never merge."""

    kind: str
    version: int
    reference: str | None
    segment: str
    start_ms: int
    end_ms: int

    @property
    def order(self) -> tuple[int, int, str, int, bool, str, str]:
        """Windows close in this order: by end, then by what they are, segments before the whole."""
        return (
            self.end_ms,
            self.start_ms,
            self.kind,
            self.version,
            not self.segment,
            self.segment,
            self.reference or "",
        )


@dataclass(frozen=True, slots=True)
class Piece:
    """One profile of a profile record: some events of one window."""

    key: WindowKey
    profile: WindowProfile
    last_produced_ms: int
    offsets: Offsets

    def merge(self, other: Piece) -> Piece:
        """Both together; raises ValueError when a feature has two frames."""
        return Piece(
            self.key,
            self.profile.merge(other.profile),
            max(self.last_produced_ms, other.last_produced_ms),
            merge_offsets(self.offsets, other.offsets),
        )

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """Read one element of ``profiles``; raises ValueError, KeyError or TypeError when it is damaged."""
        key = WindowKey(
            str(record["kind"]),
            int(record["version"]),
            record["reference"],
            str(record["segment"]),
            int(record["start_ms"]),
            int(record["end_ms"]),
        )
        return cls(
            key,
            WindowProfile.from_bytes(record["sketch"]),
            int(record["last_produced_ms"]),
            {int(span["partition"]): (int(span["first"]), int(span["last"])) for span in record["offsets"]},
        )


@dataclass(frozen=True, slots=True)
class ClosedWindow:
    """A window that nothing will be added to.

    Parameters
    ----------
    profile
        Everything that came in time.
    last_produced_ms
        Largest Kafka timestamp among the events, wall time.
    offsets
        Source partition to first and last offset, inclusive.
    """

    key: WindowKey
    profile: WindowProfile
    last_produced_ms: int
    offsets: Offsets


@dataclass(frozen=True, slots=True)
class LateEvents:
    """How many events came after their window had closed."""

    key: WindowKey
    count: int


def pieces_of(batch: Mapping[str, Any]) -> list[Piece]:
    """The profiles of a profile record; raises ValueError when it is damaged."""
    try:
        return [Piece.from_record(record) for record in batch["profiles"]]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"profile record: {type(error).__name__} {error}") from error


def merge_offsets(left: Offsets, right: Offsets) -> Offsets:
    """Smallest span per partition that holds both."""
    merged = dict(left)
    for partition, (first, last) in right.items():
        before = merged.get(partition, (first, last))
        merged[partition] = (min(before[0], first), max(before[1], last))
    return merged
