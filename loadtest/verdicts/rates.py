"""False-alarm rates of each statistic's calibrated p-value on streams in which nothing changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np

from loadtest.verdicts.streams import NUMERIC, TEXTS
from trimtab.drift import Budget, Calibration, Measured, Nulls, Statistic, statistics
from trimtab.profiles import CategoricalProfile, NumericProfile, Reference

__all__ = ["LEVELS", "SIZES", "Rate", "rates"]

LEVELS = (0.05, 0.01)
# Values of the reference and of the window.
SIZES = ((500, 50), (2_000, 500), (20_000, 2_000), (20_000, 20_000), (100_000, 1_000_000))
WINDOWS = 8


class Rate(NamedTuple):
    """Shares of windows without drift whose p-value is at most each of the levels."""

    stream: str
    reference: int
    window: int
    statistic: str
    windows: int
    at: tuple[float, ...]


def rates(windows: int) -> Iterator[list[Rate]]:
    """All streams and sizes, about ``windows`` windows each, fewer of the largest; eight against one reference."""
    for stream, draw in {**NUMERIC, **TEXTS}.items():
        for sizes in SIZES:
            count = windows if max(sizes) < 50_000 else windows // 20
            if stream in TEXTS and max(sizes) > 100_000:
                continue
            yield _rates(stream, draw, sizes, count)


def _rates(stream: str, draw: Callable[..., Any], sizes: tuple[int, int], windows: int) -> list[Rate]:
    n, m = sizes
    rng = np.random.default_rng(crc32(f"{stream}{sizes}".encode()))
    found: dict[str, list[float]] = {}
    for number in range(max(1, windows // WINDOWS)):
        values = draw(rng, n)
        categorical = isinstance(values, list)
        made = Reference.of("r", {}, {"x": values}, {}) if categorical else Reference.of("r", {"x": values}, {}, {})
        before = made.profile.find("x")
        calibration = Calibration(Nulls(), Budget(1, 1), 1)
        for _ in range(WINDOWS):
            after: Any = (
                CategoricalProfile.of(draw(rng, m), made.known("x"))
                if categorical
                else NumericProfile.of(draw(rng, m), made.frame("x"))
            )
            for statistic in statistics("categorical" if categorical else "numeric"):
                if statistic.view is not None:
                    found.setdefault(statistic.name, []).append(_p(calibration, statistic, number, before, after))
    return [
        Rate(stream, n, m, name, len(p), tuple(float(np.mean(np.array(p) <= level)) for level in LEVELS))
        for name, p in found.items()
    ]


def _p(calibration: Calibration, statistic: Statistic, number: int, before: Any, after: Any) -> float:
    measured: Measured = statistic.function(before, after)
    p_value = calibration.calibrated(statistic, f"{number}", "x", before, after, measured).p_value
    return 1.0 if p_value is None else p_value
