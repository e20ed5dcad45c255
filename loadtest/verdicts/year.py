"""A year in which nothing changes: how many alarms a model with many features has."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from loadtest.verdicts.streams import NUMERIC
from trimtab.config import DriftSpec
from trimtab.config.duration import parse_rate
from trimtab.drift import Budget, Calibration, Nulls, evaluate
from trimtab.profiles import NumericProfile, Reference, WindowProfile

__all__ = ["Year", "year"]

HOUR_MS = 3_600_000
# With no effect asked for, every small p-value is an alarm: the budget alone has to hold them back.
ANY_EFFECT = dict.fromkeys(DriftSpec().thresholds, 0.0)


class Year(NamedTuple):
    """What happened in a year.

    Parameters
    ----------
    allowed
        What the budget allows, on average.
    rejected
        Features whose p-value was small enough, with any effect.
    alarms
        Features that were said to have drifted, by the default thresholds.
    """

    features: int
    windows: int
    allowed: float
    rejected: int
    alarms: int


def year(features: int, hours: int, events: int, tell: Callable[[float], None], seed: int = 2026) -> Year:
    """Windows of ``hours`` with ``events`` events for 365 days, against one reference of ten times as many events."""
    draw = np.random.default_rng(seed)
    makers = [maker for name, maker in NUMERIC.items() if name != "constant"]
    names = [f"f{k}" for k in range(features)]
    columns = {name: makers[k % len(makers)](draw, 10 * events) for k, name in enumerate(names)}
    reference = Reference.of("r", columns, {}, {})
    spec, defaults = DriftSpec(thresholds=ANY_EFFECT, agree=1, missing_rate=1.0), DriftSpec()
    calibration = Calibration(Nulls(), Budget(*spec.budget), hours * HOUR_MS)
    plain = Calibration(Nulls(), Budget(*spec.budget), hours * HOUR_MS)
    windows, rejected, alarms = 365 * 24 // hours, 0, 0
    for number in range(windows):
        # Each is an alarm of its own, as if the drift before it were over: the worst case.
        numeric = {
            name: NumericProfile.of(makers[k % len(makers)](draw, events), reference.frame(name))
            for k, name in enumerate(names)
        }
        window = WindowProfile(events, numeric)
        verdicts = evaluate(reference, window, spec, 50, names, calibration)
        found = sum(verdict.status == "drift" for verdict in verdicts)
        calibration.budget.settle(found)
        rejected += found
        alarms += sum(v.status == "drift" for v in evaluate(reference, window, defaults, 50, names, plain))
        tell((number + 1) / windows)
    alarms_per, period_ms = parse_rate(spec.false_alarms)
    return Year(features, windows, alarms_per * windows * hours * HOUR_MS / period_ms, rejected, alarms)
