"""Which state of a model is to be served: decided from the index records alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Target", "targets"]

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Target:
    """A state to load; ``record`` is its manifest or online record, None when the index lacks it."""

    version: int
    learnt_offset: int | None
    record: Record | None

    @property
    def name(self) -> str:
        """Tells states apart, also when one is published again: version, offset, digest.

        Examples
        --------
        >>> Target(7, 12, {"snapshot": {"sha256": "ab"}}).name
        '7+12 (ab)'
        """
        offset = "" if self.learnt_offset is None else f"+{self.learnt_offset}"
        snapshot = (self.record or {}).get("snapshot")
        digest = snapshot.get("sha256") if isinstance(snapshot, Mapping) else None
        return f"{self.version}{offset} ({str(digest)[:16]})"


def targets(
    version: int, manifest: Record | None, online: Record | None, serving: tuple[int, int | None] | None
) -> list[Target]:
    """States to try, the best first; empty when what is served is the best already.

    Parameters
    ----------
    version
        The champion's.
    manifest, online
        Its index records; ``online`` None for a frozen model.
    serving
        Version and learnt offset of what is served, None for nothing.

    Notes
    -----
    Within a version a follower never goes back: an older online state, or the manifest's after an online one, is
    not loaded. An online state behind what the manifest's snapshot had learnt is a remnant and is left alone.

    Examples
    --------
    >>> [t.learnt_offset for t in targets(2, {}, {"version": 2, "learnt_offset": 9}, (1, None))]
    [9, None]
    >>> [t.learnt_offset for t in targets(2, {}, {"version": 2, "learnt_offset": 9}, (2, 5))]
    [9]
    >>> targets(2, {}, {"version": 1, "learnt_offset": 9}, (2, None))
    []
    """
    found = []
    same = serving is not None and serving[0] == version
    served_offset = serving[1] if same and serving is not None else None
    if online is not None and online.get("version") == version:
        offset = int(online["learnt_offset"])
        if offset >= _learnt(manifest) and (served_offset is None or offset > served_offset):
            found.append(Target(version, offset, online))
    if not same:
        found.append(Target(version, None, manifest))
    return found


def _learnt(manifest: Record | None) -> int:
    """Examples offset up to which the manifest's snapshot has learnt; -1 when it is not known."""
    examples = (manifest or {}).get("examples")
    last = examples.get("last_offset") if isinstance(examples, Mapping) else None
    return last if isinstance(last, int) else -1
