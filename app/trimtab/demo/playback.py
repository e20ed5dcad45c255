"""In which order, and when, the rows of a table are played: pure, so that it is tested without a broker."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from enum import Enum

__all__ = ["Pacer", "Step", "steps"]


class Step(Enum):
    """One thing to do."""

    TRAIN = "train"  # send a prediction event without a prediction
    WAIT = "wait"  # until every model serves
    PREDICT = "predict"
    LABEL = "label"


def steps(rows: int, train_rows: int, delay: int) -> Iterator[tuple[Step, int]]:
    """What to do, in order, with the row it is about.

    A label follows the prediction of the row ``delay`` rows later, so none is known before its prediction was made.
    The training rows' labels are all sent before the wait, since the first version is learnt from them.

    Examples
    --------
    >>> [f"{step.value} {row}" for step, row in steps(4, 2, 1)]  # doctest: +NORMALIZE_WHITESPACE
    ['train 0', 'train 1', 'label 0', 'label 1', 'wait 2', 'predict 2', 'predict 3', 'label 2', 'label 3']
    """
    yield from _stretch(Step.TRAIN, 0, train_rows, delay)
    yield Step.WAIT, train_rows
    yield from _stretch(Step.PREDICT, train_rows, rows, delay)


def _stretch(step: Step, first: int, end: int, delay: int) -> Iterator[tuple[Step, int]]:
    for row in range(first, end):
        yield step, row
        if row - delay >= first:
            yield Step.LABEL, row - delay
    for row in range(max(first, end - delay), end):
        yield Step.LABEL, row


class Pacer:
    """Waits so that the k-th call returns k / ``rate`` seconds after the start, however long the work between takes.

    Parameters
    ----------
    rate
        Calls per second.
    most_behind_s
        When the work is further behind than this, the schedule moves: no burst follows a long stop.
    now, sleep
        Monotonic clock and sleep, in seconds.
    """

    def __init__(
        self,
        rate: float,
        *,
        most_behind_s: float = 0.5,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._period_s = 1.0 / rate
        self._most_behind_s = most_behind_s
        self._now = now
        self._sleep = sleep
        self._start = now()
        self._count = 0

    def wait(self) -> None:
        """Wait for the next turn."""
        self._count += 1
        due = self._start + self._count * self._period_s
        ahead = due - self._now()
        if ahead > 0:
            self._sleep(ahead)
        elif -ahead > self._most_behind_s:
            self._start += -ahead - self._most_behind_s
