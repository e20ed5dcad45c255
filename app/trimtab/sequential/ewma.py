"""EWMA: a moving average against the mean of all values so far."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
from scipy import special

from trimtab.sequential.baseline import Baseline
from trimtab.sequential.detector import Detection, Detector, detector

__all__ = ["Ewma", "control_limit", "run_length"]

_CELLS = 240
# The chart is followed down to here; below, in standard deviations of the average, it has nowhere to go but up.
_LOWEST = -6.0


@detector
class Ewma(Detector):
    """Roberts' chart (1959); for errors the one of Ross et al. (ECDD, 2012).

    The average gives each new value ``weight``. The deviation of the average is that of all values so far, times
    ``sqrt(weight / (2 - weight) * (1 - (1 - weight)^(2 t)))`` after ``t`` of them. The limit is where false alarms come
    every ``run_length`` examples: found for normal values (Brook and Evans 1972), and moved by skewness and kurtosis
    of the average (Cornish and Fisher 1938). ECDD's own limits are polynomials fitted for a weight of 0.2 and a false
    alarm every 1,000 examples at most.

    Examples
    --------
    >>> from trimtab.sequential import SequentialSpec, make_detector
    >>> ewma = make_detector(SequentialSpec(detector="ewma"), "binary")
    >>> found = [ewma.update(float(i % 5 == 0 or i > 500 and i % 2)) for i in range(600)]
    >>> any(found[:501]), any(found)
    (False, True)
    """

    name: ClassVar[str] = "ewma"

    def _start(self, state: Any) -> None:
        found: tuple[Any, float, int] = state or (None, 0.0, 0)
        baseline, self._average, self._steps = found
        self._baseline = Baseline(boolean=self.boolean, warm_up=self.args["warm_up"], state=baseline)
        sides = self.args["sides"] or ("upper" if self.on == "error" else "both")
        self._signs = (1.0,) if sides == "upper" else (1.0, -1.0)
        self._normal = control_limit(self.args["weight"], self.args["run_length"] * len(self._signs))

    def state(self) -> Any:
        """Moments, the average, and how many values it has averaged."""
        return self._baseline.state, self._average, self._steps

    def _update(self, value: float) -> Detection | None:
        baseline, weight = self._baseline, self.args["weight"]
        value = baseline.clip(value)
        if not baseline.ready or baseline.deviation == 0:
            baseline.add(value)
            self._average, self._steps = baseline.mean, 0
            return None
        baseline.add(value)
        self._average += weight * (value - self._average)
        self._steps += 1
        z = (self._average - baseline.mean) / self._deviation()
        if any(sign * z > self._limit(sign) for sign in self._signs):
            found = Detection(baseline.mean, self._average)
            self._start(None)
            return found
        return None

    def _deviation(self) -> float:
        weight = self.args["weight"]
        settled = 1 - (1 - weight) ** (2 * self._steps)
        return self._baseline.deviation * math.sqrt(weight / (2 - weight) * settled)

    def _limit(self, sign: float) -> float:
        """The normal limit, moved to where the average's own distribution has the same share beyond it."""
        keeps, variance = 1 - self.args["weight"], self.args["weight"] / (2 - self.args["weight"])
        third = self.args["weight"] ** 3 / (1 - keeps**3) / variance**1.5
        fourth = self.args["weight"] ** 4 / (1 - keeps**4) / variance**2
        skewness, excess = sign * self._baseline.skewness * third, self._baseline.excess * fourth
        x = self._normal
        moved = x + (x**2 - 1) * skewness / 6 + (x**3 - 3 * x) * excess / 24 - (2 * x**3 - 5 * x) * skewness**2 / 36
        return float(max(moved, x / 2))


@lru_cache(maxsize=64)
def control_limit(weight: float, wanted: float) -> float:
    """Limit of one side of the chart, in standard deviations of the average, rounded up to a thousandth.

    Parameters
    ----------
    weight
        Of the newest value.
    wanted
        Mean number of normal values until a false alarm.

    Examples
    --------
    >>> control_limit(0.02, 100_000.0)
    3.89
    """
    low, high = 0.0, 12.0
    while high - low > 1e-4:
        middle = (low + high) / 2
        low, high = (middle, high) if run_length(weight, middle) < wanted else (low, middle)
    # Rounded, so that another machine's last bits do not make another limit.
    return math.ceil(high * 1_000) / 1_000


def run_length(weight: float, limit: float) -> float:
    """Mean number of standard normal values until the chart passes ``limit``, from its middle.

    The average is a Markov chain over cells (Brook and Evans 1972; Lucas and Saccucci 1990).

    Examples
    --------
    >>> round(run_length(1.0, 3.0) * 0.5 * math.erfc(3 / math.sqrt(2)), 3)  # plain Shewhart chart
    1.0
    """
    step = math.sqrt(weight * (2 - weight))
    edges = np.linspace(_LOWEST, limit, _CELLS + 1)
    middles = (edges[:-1] + edges[1:]) / 2
    reached = special.ndtr((edges[None, :] - (1 - weight) * middles[:, None]) / step)
    moves = np.diff(reached, axis=1)
    moves[:, 0] += reached[:, 0]
    lengths = np.linalg.solve(np.eye(_CELLS) - moves, np.ones(_CELLS))
    return float(np.interp(0.0, middles, lengths))
