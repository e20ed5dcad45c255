"""False-alarm rates of each statistic's calibrated p-value, and of a feature's, on streams in which nothing changes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np

from loadtest.verdicts.streams import NUMERIC, TEXTS
from trimtab.config import DriftSpec
from trimtab.drift import Budget, Calibration, Measured, Nulls, Statistic, statistics
from trimtab.drift.combination import combined
from trimtab.profiles import CategoricalProfile, NumericProfile, Reference

__all__ = ["LEVELS", "SIZES", "TOGETHER", "Rate", "rates"]

TOGETHER = "a feature"
"""Name of the p-value that the default statistics have together."""

LEVELS = (0.05, 0.01)
# Values of the reference and of the window.
SIZES = ((500, 50), (2_000, 500), (20_000, 2_000), (20_000, 20_000), (100_000, 1_000_000))
WINDOWS = 8
"""Against one reference; one only where it is smaller than the window, since all would say the same of it."""


class Rate(NamedTuple):
    """Shares of windows without drift whose p-value is at most each of the levels."""

    stream: str
    reference: int
    window: int
    statistic: str
    windows: int
    at: tuple[float, ...]


def rates(windows: int) -> Iterator[list[Rate]]:
    """All streams and sizes, about ``windows`` windows each, a quarter of the largest."""
    wanted = [
        (stream, sizes, windows if max(sizes) < 50_000 else windows // 4)
        for stream in (*NUMERIC, *TEXTS)
        for sizes in SIZES
        if stream in NUMERIC or max(sizes) < 50_000
    ]
    with ProcessPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        yield from pool.map(_rates, *zip(*wanted, strict=True))


def _rates(stream: str, sizes: tuple[int, int], windows: int) -> list[Rate]:
    draw: Callable[..., Any] = {**NUMERIC, **TEXTS}[stream]
    n, m = sizes
    rng = np.random.default_rng(crc32(f"{stream}{sizes}".encode()))
    found: dict[str, list[float]] = {}
    each = WINDOWS if m <= n else 1
    for number in range(max(1, windows // each)):
        values = draw(rng, n)
        categorical = stream in TEXTS
        made = Reference.of("r", {}, {"x": values}, {}) if categorical else Reference.of("r", {"x": values}, {}, {})
        before = made.profile.find("x")
        calibration = Calibration(Nulls(), Budget(1, 1), 1)
        for _ in range(each):
            after: Any = (
                CategoricalProfile.of(draw(rng, m), made.known("x"))
                if categorical
                else NumericProfile.of(draw(rng, m), made.frame("x"))
            )
            for name, p_value in _of_window(calibration, number, before, after, categorical).items():
                found.setdefault(name, []).append(p_value)
    return [
        Rate(stream, n, m, name, len(p), tuple(float(np.mean(np.array(p) <= level)) for level in LEVELS))
        for name, p in found.items()
    ]


def _of_window(calibration: Calibration, number: int, before: Any, after: Any, categorical: bool) -> dict[str, float]:
    known = [s for s in statistics("categorical" if categorical else "numeric") if s.view is not None]
    found = {s.name: _p(calibration, s, number, before, after) for s in known}
    default = [s for s in known if s.name in DriftSpec().thresholds]
    return found | {TOGETHER: combined([found[s.name] for s in default], [s.weight for s in default])}


def _p(calibration: Calibration, statistic: Statistic, number: int, before: Any, after: Any) -> float:
    measured: Measured = statistic.function(before, after)
    p_value = calibration.calibrated(statistic, f"{number}", "x", before, after, measured).p_value
    return 1.0 if p_value is None else p_value
