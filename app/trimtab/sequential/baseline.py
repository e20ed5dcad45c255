"""What the values are like as long as nothing changes: their moments so far, learnt from all of them."""

from __future__ import annotations

import math
from typing import Any

__all__ = ["CLIP", "LEAST_RATE", "Baseline"]

CLIP = 4.0
"""Real values farther than so many standard deviations from the mean count as that far."""

LEAST_RATE = 0.005
"""Errors rarer than this are judged as if they were not: so few have no distribution to speak of."""

# Keeps the fourth power of any float finite.
_LARGEST = 1e60


class Baseline:
    """Count, mean and central moments of second to fourth order, in one pass (Welford 1962; Pébay 2008).

    Parameters
    ----------
    boolean
        The values are 0 and 1; the mean says everything, and is never 0 or 1 (Jeffreys' prior).
    warm_up
        From so many values on the real ones are clipped: one of 1e6 neither shouts nor blinds.
    state
        What :attr:`state` was.

    Examples
    --------
    >>> baseline = Baseline(boolean=False, warm_up=30)
    >>> for value in (1.0, 2.0, 3.0):
    ...     baseline.add(value)
    >>> baseline.mean, baseline.deviation
    (2.0, 1.0)
    """

    __slots__ = ("_boolean", "_m2", "_m3", "_m4", "_mean", "_warm_up", "count")

    def __init__(self, *, boolean: bool, warm_up: int, state: Any = None) -> None:
        self._boolean = boolean
        self._warm_up = warm_up
        found: tuple[int, float, float, float, float] = state or (0, 0.0, 0.0, 0.0, 0.0)
        self.count, self._mean, self._m2, self._m3, self._m4 = found

    @property
    def state(self) -> tuple[int, float, float, float, float]:
        """Plain numbers."""
        return self.count, self._mean, self._m2, self._m3, self._m4

    @property
    def ready(self) -> bool:
        """Whether there were enough values to judge the next by."""
        return self.count >= self._warm_up

    @property
    def mean(self) -> float:
        """Mean."""
        if self._boolean:
            return (self._mean * self.count + 0.5) / (self.count + 1)
        return self._mean

    @property
    def _rate(self) -> float:
        return min(max(self.mean, LEAST_RATE), 1 - LEAST_RATE)

    @property
    def deviation(self) -> float:
        """Standard deviation."""
        if self._boolean:
            return math.sqrt(self._rate * (1 - self._rate))
        return math.sqrt(self._m2 / (self.count - 1)) if self.count > 1 else 0.0

    @property
    def skewness(self) -> float:
        """Third standardised moment; 0 for constants."""
        if self._boolean:
            return (1 - 2 * self._rate) / self.deviation
        return math.sqrt(self.count) * self._m3 / (self._m2 * math.sqrt(self._m2)) if self._m2 > 0 else 0.0

    @property
    def excess(self) -> float:
        """Fourth standardised moment, less 3; 0 for constants."""
        if self._boolean:
            variance = self.deviation**2
            return (1 - 6 * variance) / variance
        return self.count * self._m4 / self._m2**2 - 3 if self._m2 > 0 else 0.0

    def clip(self, value: float) -> float:
        """The value, or the farthest that counts on its side."""
        if self._boolean:
            return value
        if self.ready and self._m2 > 0:
            reach = CLIP * self.deviation
            return min(max(value, self._mean - reach), self._mean + reach)
        return min(max(value, -_LARGEST), _LARGEST)

    def add(self, value: float) -> None:
        """Learn one value, clipped already."""
        n = self.count + 1
        delta = value - self._mean
        step = delta / n
        term = delta * step * self.count
        self._mean += step
        if not self._boolean:
            square = step * step
            self._m4 += term * square * (n * n - 3 * n + 3) + 6 * square * self._m2 - 4 * step * self._m3
            self._m3 += term * step * (n - 2) - 3 * step * self._m2
            self._m2 += term
        self.count = n
