"""CUSUM: evidence for a shift of the mean, summed up, and set to zero where there is none."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from trimtab.sequential.baseline import LEAST_RATE, Baseline
from trimtab.sequential.detector import Detection, Detector, detector

__all__ = ["Cusum"]

# Mean of what a sum of normal steps has beyond a limit when it passes it, in standard deviations (Siegmund 1985).
_OVERSHOOT = 0.583


@detector
class Cusum(Detector):
    """Page's test (1954) with likelihood ratios, against the mean and deviation of all values so far.

    A value adds the logarithm of how much likelier it is after a shift of the mean by ``shift`` standard deviations:
    for 0 and 1 exactly (Reynolds and Stoumbos 1999), for real values as an exponentially tilted distribution of their
    skewness has it. Each value is compared with those before it (self-starting, Hawkins 1987), so there is no
    reference to be wrong about. The limit is the one at which false alarms come every ``run_length`` examples
    (Siegmund 1985).

    Examples
    --------
    >>> from trimtab.sequential import SequentialSpec, make_detector
    >>> cusum = make_detector(SequentialSpec(detector="cusum"), "binary")
    >>> found = [cusum.update(float(i % 5 == 0 or i > 500 and i % 2)) for i in range(600)]
    >>> at, detection = next((i, one) for i, one in enumerate(found) if one)
    >>> at, round(detection.before, 2), round(detection.after, 2)
    (541, 0.2, 0.62)
    """

    name: ClassVar[str] = "cusum"

    def _start(self, state: Any) -> None:
        found: tuple[Any, list[list[Any]]] = state or (None, [[0.0, 0, 0.0], [0.0, 0, 0.0]])
        baseline, self._sums = found
        self._baseline = Baseline(boolean=self.boolean, warm_up=self.args["warm_up"], state=baseline)
        sides = self.args["sides"] or ("upper" if self.on == "error" else "both")
        self._signs = (1.0,) if sides == "upper" else (1.0, -1.0)

    def state(self) -> Any:
        """Moments, and of each side its sum, the count and total of the values since it was zero."""
        return self._baseline.state, self._sums

    def _update(self, value: float) -> Detection | None:
        baseline = self._baseline
        value = baseline.clip(value)
        if baseline.ready and baseline.deviation > 0:
            for sign, side in zip(self._signs, self._sums, strict=False):
                if self._alarms(sign, side, value):
                    found = self._describe(side)
                    self._start(None)
                    return found
        baseline.add(value)
        return None

    def _alarms(self, sign: float, side: list[Any], value: float) -> bool:
        gain, limit = self._evidence(sign, value)
        total = side[0] + gain
        side[:] = [total, side[1] + 1, side[2] + value] if total > 0 else [0.0, 0, 0.0]
        return bool(total > 0 and total >= limit)

    def _describe(self, side: list[Any]) -> Detection:
        """The change is where the sum was zero last (Page 1954)."""
        _, count, total = side
        known, mean = self._baseline.count, self._baseline.state[1]
        # The last value has not been learnt.
        others = known - (count - 1)
        learnt = total - (total / count)
        before = (mean * known - learnt) / others if others > 0 else None
        return Detection(before, total / count)

    def _evidence(self, sign: float, value: float) -> tuple[float, float]:
        """What a value adds to the sum of one side, and the sum that is an alarm."""
        run_length, shift, baseline = self.args["run_length"] * len(self._signs), self.args["shift"], self._baseline
        if self.boolean:
            rate = max(baseline.mean if sign > 0 else 1 - baseline.mean, LEAST_RATE)
            if rate > 1 - LEAST_RATE:  # nothing is left that could grow
                return -math.inf, 0.0
            wrong, right, limit = _of_rate(rate, shift, run_length)
            return (wrong if (value == 1.0) == (sign > 0) else right), limit
        slope, offset, limit = _of_skewness(sign * baseline.skewness, shift, run_length)
        # The mean of the values before errs too; with this factor each comparison has variance 1.
        n = baseline.count
        z = (value - baseline.mean) / baseline.deviation * math.sqrt((n - 1) / n)
        return slope * sign * z - offset, limit


def _of_skewness(skewness: float, shift: float, run_length: float) -> tuple[float, float, float]:
    """Slope and offset of what a standardised real value adds, and the limit.

    The tilt is the one under which the mean is ``shift``, its cumulants known to the third.
    """
    slope = 2 * shift / (1 + math.sqrt(max(1 + 2 * skewness * shift, 0.0)))
    offset = slope**2 / 2 + skewness * slope**3 / 6
    information = max(slope * shift - offset, slope * shift / 4)
    return slope, offset, _limit(run_length, information, _OVERSHOOT * slope)


def _of_rate(rate: float, shift: float, run_length: float) -> tuple[float, float, float]:
    """What an error adds and what a right answer, and the limit; ``shift`` in standard deviations."""
    after = min(rate + shift * math.sqrt(rate * (1 - rate)), (1 + rate) / 2)
    wrong, right = math.log(after / rate), math.log((1 - after) / (1 - rate))
    information = after * wrong + (1 - after) * right
    return wrong, right, _limit(run_length, information, _overshoot_of_jumps(wrong))


def _overshoot_of_jumps(jump: float) -> float:
    """Steps up are of one size, and end anywhere within it; ``-log`` of the mean of ``exp(-overshoot)``."""
    return -math.log((1 - math.exp(-jump)) / jump)


def _limit(run_length: float, information: float, overshoot: float) -> float:
    """The sum at which ``run_length = (exp(b) - b - 1) / information``, ``b`` being the sum and what is beyond it."""
    most = run_length * information
    reached = math.log(most + 1)
    for _ in range(8):
        reached = math.log(most + 1 + reached)
    return max(reached - 2 * overshoot, 0.0)
