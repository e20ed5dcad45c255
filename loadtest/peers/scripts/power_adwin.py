"""river's ADWIN for each column, at many confidences side by side: the score is the smallest at which it fired."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from river.drift import ADWIN

from loadtest.peers.scripts.power_task import BLOCK, WARM_UP, blocks, by_column, write

_DEFAULT = 0.002
# Down to 1e-18: where one value in a window is 1e6, honest streams go far below the default.
_DELTAS = [_DEFAULT * 10 ** (step / 3) for step in (*range(-47, -9, 4), *range(-9, 9))]
_REFERENCE = 2_000
"""Events of the reference that it has seen before the stream begins."""


def fired(delta: float, before: list[float], pieces: list[list[float]]) -> list[bool]:
    """Whether one fired, for each piece of a stream."""
    detector = ADWIN(delta=delta)
    update = detector.update
    for value in before:
        update(value)
    found = []
    for piece in pieces:
        hit = False
        for value in piece:
            update(value)
            # Its count of detections begins anew with each of them.
            hit = hit or detector.drift_detected
        found.append(hit)
    return found


def score(name: str, reference: Any, streams: Any) -> dict[str, Any]:
    """Minus the logarithm of the smallest confidence, for each 50 events."""
    found = np.full((len(streams), (streams.shape[1] - WARM_UP) // BLOCK), -1.0)
    for at, stream in enumerate(streams):
        before = np.concatenate((reference[-_REFERENCE:], stream[:WARM_UP])).tolist()
        pieces = stream[WARM_UP:].reshape(-1, BLOCK).tolist()
        for delta in _DELTAS:
            hits = np.array(fired(delta, before, pieces))
            found[at] = np.where(hits, np.maximum(found[at], -math.log10(delta)), found[at])
    return {"adwin": found}


def main() -> None:
    """Score every block."""
    for number, data in blocks():
        write("adwin", number, by_column(data, score, lambda key: key.startswith("correlation")))


if __name__ == "__main__":
    main()
