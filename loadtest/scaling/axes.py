"""What grows, and through which values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from loadtest.run.options import Options

__all__ = ["AXES", "PENDING", "loads"]

RATE = 100_000
# Predictions that wait for their labels; measured by ``loadtest joined``.
PENDING = (100_000, 300_000, 1_000_000)

_LONGER = 6

AXES: Mapping[str, Sequence[Any]] = {
    "run_length": (1, 2, 4),
    "models": (1, 10, 100, 1_000),
    "features": (5, 10, 20, 40),
    "segments": (0, 4, 64),
    "partitions": (1, 4, 16),
    "window_s": (1.0, 10.0, 60.0),
    "collectors": (1, 2),
}


def loads(axis: str, events: int) -> list[tuple[Any, Options]]:
    """The values of an axis, each with its load; all is sent before Trimtab starts.

    Examples
    --------
    >>> [(value, load.seconds, load.models) for value, load in loads("run_length", 200_000)]
    [(1, 2.0, 1), (2, 4.0, 1), (4, 8.0, 1)]
    >>> [load.features for _, load in loads("features", 100_000)]
    [5, 10, 20, 40]
    """
    base = Options(seconds=events / RATE, rate=RATE, backlog=True, drift=False)
    if axis == "run_length":
        return [(value, msgspec.structs.replace(base, seconds=base.seconds * value)) for value in AXES[axis]]
    if axis == "collectors":
        # The first one reads while the others start.
        base = msgspec.structs.replace(base, seconds=base.seconds * _LONGER)
    return [(value, msgspec.structs.replace(base, **{axis: value})) for value in AXES[axis]]
