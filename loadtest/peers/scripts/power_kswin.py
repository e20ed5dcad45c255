"""river's KSWIN for each column: the score is minus the logarithm of the smallest p-value of its tests.

With ``alpha=0`` it never starts anew, so up to the first alarm it is what it is at any other. SciPy finds each p-value
anew in a millisecond, though two samples of 30 can have 31 distances only: they are remembered.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from typing import Any, NamedTuple

import numpy as np
from river.drift import KSWIN, kswin
from scipy import stats

from loadtest.peers.scripts.power_task import BLOCK, WARM_UP, blocks, by_column, write

_P_VALUES: dict[int, float] = {}


class _Tested(NamedTuple):
    statistic: float
    pvalue: float


def ks_2samp(first: list[float], second: list[float], method: str) -> _Tested:
    """SciPy's test of two samples of one size, its p-value remembered by distance."""
    low, high = sorted(first), sorted(second)
    steps = max(abs(bisect_right(low, value) - bisect_right(high, value)) for value in (*low, *high))
    if steps not in _P_VALUES:
        truth = stats.ks_2samp(first, second, method=method)
        if round(truth.statistic * len(first)) != steps:
            raise SystemExit(f"KS of two samples: {truth.statistic} by SciPy, {steps} steps of {len(first)} here")
        _P_VALUES[steps] = float(truth.pvalue)
    return _Tested(steps / len(first), _P_VALUES[steps])


class _Stats:
    ks_2samp = staticmethod(ks_2samp)


def score(name: str, reference: Any, streams: Any) -> dict[str, Any]:
    """Of each 50 events."""
    found = []
    for number, stream in enumerate(streams):
        detector = KSWIN(alpha=0.0, seed=number)
        for value in stream[WARM_UP - detector.window_size : WARM_UP].tolist():
            detector.update(value)
        own = []
        for piece in stream[WARM_UP:].reshape(-1, BLOCK).tolist():
            least = 1.0
            for value in piece:
                detector.update(value)
                least = min(least, detector.p_value)
            own.append(-math.log10(max(least, 1e-300)))
        found.append(own)
    return {"kswin": np.array(found)}


def main() -> None:
    """Score every block."""
    # The two samples come from one window, so they never change in size.
    kswin.stats = _Stats
    for number, data in blocks():
        write("kswin", number, by_column(data, score, lambda key: key.startswith("correlation")))


if __name__ == "__main__":
    main()
