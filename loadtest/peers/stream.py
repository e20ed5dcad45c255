"""The stream that everyone reads: any window of it can be made by itself, always the same."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from loadtest.peers.scripts.task import BASE_MS, FEATURES, MODEL, WINDOW_MS

__all__ = ["EVENTS_A_WINDOW", "PARTITIONS", "SERVED", "VERSION", "Block", "block", "partition_of_event"]

# 1,000 events are one second of event time.
EVENTS_A_WINDOW = WINDOW_MS
PARTITIONS = 4
VERSION = 1
SERVED = f"{MODEL}@{VERSION}"
_SEED = 20_231_114

FloatArray = npt.NDArray[np.float64]


class Block(NamedTuple):
    """The events of one window.

    Parameters
    ----------
    first
        Number of its first event in the stream.
    features
        N(0, 1), shape ``(EVENTS_A_WINDOW, 10)``.
    scores
        From 0 to 1, shape ``(EVENTS_A_WINDOW,)``.
    """

    first: int
    features: FloatArray
    scores: FloatArray

    @property
    def start_ms(self) -> int:
        """Start of the window and time of its first event; event k comes k ms later."""
        return BASE_MS + self.first


def block(number: int) -> Block:
    """Window ``number`` of the stream.

    Examples
    --------
    >>> second = block(1)
    >>> second.first, second.start_ms, second.features.shape
    (10000, 1700000010000, (10000, 10))
    """
    rng = np.random.default_rng((_SEED, number))
    features = rng.normal(size=(EVENTS_A_WINDOW, len(FEATURES)))
    return Block(number * EVENTS_A_WINDOW, features, rng.random(EVENTS_A_WINDOW))


def partition_of_event(number: int) -> int:
    """Events go to the partitions in turns, so that all partitions hold the same event times."""
    return number % PARTITIONS
