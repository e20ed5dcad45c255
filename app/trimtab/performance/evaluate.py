"""From metrics to one verdict per test."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from trimtab.config import PerformanceTest
from trimtab.performance.metrics import HIGHER_IS_BETTER

__all__ = ["PerformanceVerdict", "Status", "evaluate"]

Status = Literal["ok", "worse", "no_reference", "too_few"]

_ROUNDING = 1e-12  # 0.9 - 0.05 is a little above 0.85: a metric on its limit has not passed it


@dataclass(frozen=True, slots=True)
class PerformanceVerdict:
    """Outcome of one configured test.

    Parameters
    ----------
    status
        ``too_few``: the window does not define the metric. ``no_reference``: a drop was asked for, and
        there is nothing to drop from. ``worse``: beyond the limit.
    value, reference, limit
        The window's metric, the reference's, and the value beyond which the test fails; None when not known.
    """

    metric: str
    status: Status
    value: float | None
    reference: float | None
    limit: float | None


def evaluate(
    reference_metrics: Mapping[str, float] | None,
    current_metrics: Mapping[str, float],
    tests: Sequence[PerformanceTest],
) -> list[PerformanceVerdict]:
    """One verdict per test, in the tests' order.

    Whether a metric should be high or low is known by its name; ``max_drop`` is how much worse than the
    reference it may be, in the metric's own unit either way.

    Parameters
    ----------
    reference_metrics
        Empty or None when there is no reference.
    current_metrics
        Pass an empty mapping when the window has fewer labels than you want to judge by.

    Examples
    --------
    >>> tests = [PerformanceTest(metric="accuracy", max_drop=0.05), PerformanceTest(metric="log_loss", limit=0.5)]
    >>> for verdict in evaluate({"accuracy": 0.9}, {"accuracy": 0.84, "log_loss": 0.4}, tests):
    ...     print(verdict.metric, verdict.status)
    accuracy worse
    log_loss ok
    """
    return [_verdict(test, _finite(reference_metrics or {}), _finite(current_metrics)) for test in tests]


def _verdict(test: PerformanceTest, reference: Mapping[str, float], current: Mapping[str, float]) -> PerformanceVerdict:
    before, value = reference.get(test.metric), current.get(test.metric)
    higher = HIGHER_IS_BETTER[test.metric]
    limit = test.limit
    if test.max_drop is not None and before is not None:
        limit = before - test.max_drop if higher else before + test.max_drop
    status: Status
    if limit is None:
        status = "no_reference"
    elif value is None:
        status = "too_few"
    else:
        beyond = limit - value if higher else value - limit
        status = "worse" if beyond > _ROUNDING * max(1.0, abs(limit)) else "ok"
    return PerformanceVerdict(test.metric, status, value, before, limit)


def _finite(found: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in found.items() if math.isfinite(value)}
