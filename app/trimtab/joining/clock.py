"""Which event time counts when parts of the join are let go."""

from __future__ import annotations

from collections.abc import Collection, Mapping

__all__ = ["expiry_clock"]


def expiry_clock(clocks: Mapping[str, int], behind: Collection[str]) -> int | None:
    """Event time, in ms, that every side of the join has reached; None when nobody can tell.

    The sides of a backlog are read at different speeds, so the slowest of those that are ``behind`` counts, whatever
    the others have reached: what it has still to bring may be what a part of another side waits for. A side that was
    read to its end holds nobody back, and when all were, the fastest counts.

    Parameters
    ----------
    clocks
        Largest event time read so far, in ms, of each side: features, predictions, labels.
    behind
        Sides that were not read to the end.

    Examples
    --------
    >>> clocks = {"predictions": 9_000, "labels": 8_000}
    >>> expiry_clock(clocks, behind=["predictions", "labels"]), expiry_clock(clocks, behind=["predictions"])
    (8000, 9000)
    >>> expiry_clock(clocks, behind=[])
    9000
    >>> expiry_clock(clocks, behind=["features"]) is None  # no feature was read yet
    True
    """
    if any(side not in clocks for side in behind):
        return None
    return min((clocks[side] for side in behind), default=max(clocks.values(), default=None))
