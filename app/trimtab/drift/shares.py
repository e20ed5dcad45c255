"""What statistics of shares have in common."""

from __future__ import annotations

import numpy as np

from trimtab.drift.significance import homogeneity
from trimtab.profiles.cells import FloatArray

__all__ = ["normalised", "pearson", "smoothed"]

_PSEUDO_COUNT = 0.5


def normalised(counts: FloatArray) -> FloatArray:
    """Shares, shape ``(..., k)`` like the counts."""
    return np.asarray(counts / counts.sum(axis=-1, keepdims=True))


def smoothed(expected: FloatArray, found: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Shares after half an event was added to each bin of either side; bins that are empty on both have 1 and 1.

    Examples
    --------
    >>> [shares.tolist() for shares in smoothed(np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0]))]
    [[0.75, 0.25, 1.0], [0.25, 0.75, 1.0]]
    """
    occupied = expected + found > 0
    pseudo = _PSEUDO_COUNT * occupied
    return (
        np.where(occupied, normalised(expected + pseudo), 1.0),
        np.where(occupied, normalised(found + pseudo), 1.0),
    )


def pearson(expected: FloatArray, found: FloatArray, at: FloatArray, value: float) -> float:
    """P-value of Pearson's test on the same bins."""
    return homogeneity(expected, found)
