"""False alarms and delays of one detector with its default arguments."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from trimtab.config import SequentialSpec
from trimtab.profiles.cells import FloatArray
from trimtab.sequential import make_detector

__all__ = ["DELAYS", "LENGTH", "STREAMS", "Delay", "Rate", "delays", "rates"]

LENGTH = 20_000
"""Examples of one stream; then a new one begins."""

_CHANGE_AT = 5_000
_PATIENCE = 5_000


class Stream(NamedTuple):
    """What is drawn, what it is to the detector, and of which task."""

    draw: Callable[[np.random.Generator, int], FloatArray]
    on: str
    task: str


class Rate(NamedTuple):
    """Alarms where nothing changes."""

    detector: str
    stream: str
    examples: int
    alarms: int

    @property
    def per_10_000(self) -> float:
        """False alarms in 10,000 examples."""
        return 10_000 * self.alarms / self.examples


class Delay(NamedTuple):
    """Examples from a change to its detection; ``early`` runs had an alarm before, and are not among the others."""

    detector: str
    change: str
    runs: int
    early: int
    found: int
    median: float | None


def _errors(rate: float) -> Stream:
    return Stream(lambda draw, n: (draw.random(n) < rate).astype(np.float64), "error", "binary")


STREAMS: Mapping[str, Stream] = {
    "errors, 1 in 10": _errors(0.1),
    "errors, 3 in 10": _errors(0.3),
    "errors, 1 in 100": _errors(0.01),
    "uniform score": Stream(lambda draw, n: draw.random(n), "score", "binary"),
    "absolute normal error": Stream(lambda draw, n: np.abs(draw.normal(size=n)), "error", "regression"),
    "exponential error": Stream(lambda draw, n: draw.exponential(size=n), "error", "regression"),
}
DELAYS = ((0.1, 0.15), (0.1, 0.2), (0.3, 0.4), (0.3, 0.5))
"""Rates of errors before and after."""


def rates(detector: str, examples: int, args: Mapping[str, Any]) -> Iterator[Rate]:
    """The detector on each stream that it takes."""
    for name, stream in STREAMS.items():
        draw, alarms, played = np.random.default_rng(1), 0, 0
        try:
            while played < examples:
                made = make_detector(_spec(detector, stream.on, args), stream.task)
                alarms += sum(made.update(value) is not None for value in stream.draw(draw, LENGTH).tolist())
                played += LENGTH
        except ValueError:  # it takes right and wrong only
            continue
        yield Rate(detector, name, played, alarms)


def delays(detector: str, runs: int, args: Mapping[str, Any]) -> Iterator[Delay]:
    """The detector on rates of errors that jump."""
    for before, after in DELAYS:
        draw, early, found = np.random.default_rng(2), 0, []
        for _ in range(runs):
            made = make_detector(_spec(detector, "error", args), "binary")
            healthy, changed = ((draw.random(n) < rate) * 1.0 for n, rate in ((_CHANGE_AT, before), (_PATIENCE, after)))
            # Not any(): all of them are taken, as live.
            if [value for value in healthy.tolist() if made.update(value)]:
                early += 1
                continue
            at = next((i for i, value in enumerate(changed.tolist(), 1) if made.update(value)), None)
            found += [] if at is None else [at]
        median = float(np.median(found)) if found else None
        yield Delay(detector, f"{before:g} to {after:g}", runs, early, len(found), median)


def _spec(detector: str, on: str, args: Mapping[str, Any]) -> SequentialSpec:
    return SequentialSpec.model_validate({"detector": detector, "on": on, "args": dict(args)})
