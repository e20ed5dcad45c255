"""Whether a window has far fewer, or far more, events than the healthy ones before it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from scipy import special

__all__ = ["LEAST", "MOST", "Amount", "Volume", "p_value_of_count"]

LEAST = 20
"""Healthy windows from which on something is said."""

MOST = 168
"""Healthy windows that are remembered: a week of hours."""


class Amount(NamedTuple):
    """What one window's count says.

    Parameters
    ----------
    expected
        Mean of the healthy windows.
    ratio
        ``events / expected``.
    p_value
        Probability of a count at least as far from what is expected; two-sided.
    wrong
        Whether that is too little, and the ratio too large.
    """

    events: int
    expected: float
    ratio: float
    p_value: float
    wrong: bool


def p_value_of_count(before: Sequence[int], count: int) -> float:
    """P-value of the next count of a stream of independent, possibly over-dispersed counts; two-sided.

    The roots ``2 * sqrt(n + 3/8)`` of counts whose variance is ``k`` times their mean have the variance ``k`` whatever
    the mean (Anscombe, 1948), and are nearly normal. So the next one has Student's t as its predictive distribution,
    which takes account of how little is known of mean and variance. Less than a Poisson variable's variance, 1, is
    chance.

    Parameters
    ----------
    before
        Two counts or more.

    Examples
    --------
    >>> p_value_of_count([100, 90, 110, 95, 105], 100) > 0.9
    True
    >>> p_value_of_count([100, 90, 110, 95, 105] * 4, 30) < 1e-6
    True
    """
    roots = [2 * math.sqrt(n + 0.375) for n in before]
    size = len(roots)
    mean = math.fsum(roots) / size
    variance = max(1.0, math.fsum((root - mean) ** 2 for root in roots) / (size - 1))
    t = (2 * math.sqrt(count + 0.375) - mean) / math.sqrt(variance * (1 + 1 / size))
    return float(min(1.0, 2 * special.stdtr(size - 1, -abs(t))))


class Volume:
    """Compares each window's count with those of the last 168 healthy windows, as a state machine.

    Windows that are wrong are not learnt from; when as many as it takes to begin are wrong in a row, they are the new
    normal, unless they are empty: an outage is none.

    Parameters
    ----------
    factor
        How many times fewer or more events are too few or too many.
    snapshot
        What :meth:`snapshot` gave.

    Examples
    --------
    >>> volume = Volume(factor=2)
    >>> [volume.judge(n, level=1e-3) for n in [100, 90, 110, 95, 105] * 4][-1] is None
    True
    >>> found = volume.judge(0, level=1e-3)
    >>> found.wrong, found.expected
    (True, 100.0)
    """

    def __init__(self, factor: float, snapshot: Mapping[str, Any] | None = None) -> None:
        wire = snapshot or {}
        self._factor = factor
        self._healthy = [int(n) for n in wire.get("healthy", ())]
        self._wrong = [int(n) for n in wire.get("wrong", ())]

    def judge(self, count: int, level: float) -> Amount | None:
        """The next window; None while too few are known, or all had nothing in them.

        Parameters
        ----------
        level
            Largest p-value that is small enough.
        """
        expected = math.fsum(self._healthy) / len(self._healthy) if self._healthy else 0.0
        if len(self._healthy) < LEAST or not expected:
            self._learn(count)
            return None
        p_value, ratio = p_value_of_count(self._healthy, count), count / expected
        far = ratio * self._factor <= 1 or ratio >= self._factor
        amount = Amount(count, expected, ratio, p_value, far and p_value <= level)
        if not amount.wrong:
            self._learn(count)
            return amount
        if count:
            self._wrong.append(count)
        if len(self._wrong) >= LEAST:
            self._healthy, self._wrong = self._wrong, []
        return amount

    def snapshot(self) -> dict[str, Any]:
        """What a successor needs; plain types."""
        return {"healthy": list(self._healthy), "wrong": list(self._wrong)}

    def _learn(self, count: int) -> None:
        self._wrong = []
        self._healthy = [*self._healthy, count][-MOST:]
