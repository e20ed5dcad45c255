"""What changes, in how many streams, and what is measured: laid down before any result was seen.

Data. A reference of 5,000 events and streams of 10 windows of 500 events, after 500 events as the reference's. Ten
numbers, ``f0`` to ``f9``, each N(0, 1); ``f0`` to ``f4`` are correlated, 0.5 for each pair. Two categoricals: ``c0``
with shares 0.40, 0.30, 0.15, 0.10 and 0.05, ``c1`` with ten equal ones. There are four references, and a quarter of the
streams against each.

Shifts. One thing changes, where the first window begins (sudden) or linearly over the ten windows (gradual):

- the mean of ``f7`` by 0.15, 0.25 or 0.5 standard deviations; its scale by 1.3; its tail, N(0, 1) to Student's t with 3
  degrees of freedom and the same variance (gradual: by a growing share of the values);
- the mix of ``c0``: 8 of 100 events move from its first category to its second;
- the correlation of ``f0`` to ``f4`` from 0.5 to 0, with each one's distribution unchanged;
- the mean of ``f7`` by 0.5 while one value in each window is 1e6. Thresholds are found on streams which have that one
  value too, and no shift: what fires at the value alone has not found the shift;
- the mean of ``h``, which stands in for ``f7`` and is Student's t with 2 degrees of freedom, by 0.5 (of its variance,
  which is infinite, no tool may make use; its interquartile range is 1.63).

Measure. Each tool gives a score for each window (those that read event by event, and hopping windows: for each 50 or
100 events), the largest over all columns, each in units of the tool's own rule. Its threshold is what 1 % of the
windows of the calibration streams exceed; what it exceeds in other streams without a shift is reported. Power is the
share of shifted streams with a score above the threshold in the first window, and in any of the ten; delay is the
median of the events until then, over all streams, so infinite when fewer than half are found. Beside it each tool by
its own defaults, with the false alarms that it then has.

Trimtab holds when its power within ten windows is at least 95 % of the best tool's, or nearer to it than two standard
errors of the difference.

A shift touches one column, and every tool but those that see columns together looks at each by itself: so a stream and
its shifted versions share all other columns, whose scores are found once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = [
    "BASES",
    "EVENTS",
    "NUMERIC",
    "PACES",
    "REFERENCE",
    "SCENARIOS",
    "TEXTS",
    "WARM_UP",
    "WINDOW",
    "WINDOWS",
    "Scenario",
    "block",
]

Array = npt.NDArray[np.float64]

REFERENCE = 5_000
WINDOW = 500
WINDOWS = 10
WARM_UP = 500
EVENTS = WARM_UP + WINDOW * WINDOWS
NUMERIC = tuple(f"f{number}" for number in range(10))
TEXTS = ("c0", "c1")
PACES = ("sudden", "gradual")
_TOGETHER = NUMERIC[:5]
_CORRELATION = 0.5
_SHARES = np.array([0.40, 0.30, 0.15, 0.10, 0.05])
_EQUAL = np.full(10, 0.1)
_MOVED = 0.08
_OUTLIER = 1e6
_HEAVY = 2.0
_TAIL = 3.0

BASES: Mapping[str, tuple[str, ...]] = {
    "plain": (*NUMERIC, *TEXTS),
    "outlier": (*(name for name in NUMERIC if name != "f7"), "f7!", *TEXTS),
    "heavy": (*(name for name in NUMERIC if name != "f7"), "h", *TEXTS),
}
"""Columns that streams have before anything shifts; ``f7!`` is ``f7`` with one value of 1e6 in each window."""

Change = Callable[[np.random.Generator, Array, Array], Array]
"""From values, shape ``(streams, events)``, and how much of the shift has come at each event, to shifted values."""


class Scenario(NamedTuple):
    """One shift.

    Parameters
    ----------
    base
        Key of :data:`BASES`.
    columns
        Those that change.
    change
        How one of them does; None when they change together.
    """

    name: str
    base: str
    columns: tuple[str, ...]
    change: Change | None


def _mean(by: float) -> Change:
    return lambda draw, values, come: np.asarray(values + by * come)


def _scale(draw: np.random.Generator, values: Array, come: Array) -> Array:
    return np.asarray(values * (1 + 0.3 * come))


def _tail(draw: np.random.Generator, values: Array, come: Array) -> Array:
    heavy = draw.standard_t(_TAIL, size=values.shape) / (_TAIL / (_TAIL - 2)) ** 0.5
    return np.where(draw.random(values.shape) < come, heavy, values)


def _mix(draw: np.random.Generator, values: Array, come: Array) -> Array:
    moved = (values == 0) & (draw.random(values.shape) < come * _MOVED / _SHARES[0])
    return np.where(moved, 1.0, values)


def _mean_with_outlier(draw: np.random.Generator, values: Array, come: Array) -> Array:
    return with_outlier(draw, np.asarray(values + 0.5 * come))


def with_outlier(draw: np.random.Generator, values: Array) -> Array:
    """One value of each window is 1e6."""
    streams, events = values.shape
    found = values.copy()
    for start in range(0, events, WINDOW):
        found[np.arange(streams), start + draw.integers(0, WINDOW, streams)] = _OUTLIER
    return found


SCENARIOS = (
    Scenario("mean 0.15", "plain", ("f7",), _mean(0.15)),
    Scenario("mean 0.25", "plain", ("f7",), _mean(0.25)),
    Scenario("mean 0.5", "plain", ("f7",), _mean(0.5)),
    Scenario("scale 1.3", "plain", ("f7",), _scale),
    Scenario("tail t3", "plain", ("f7",), _tail),
    Scenario("category mix", "plain", ("c0",), _mix),
    Scenario("correlation", "plain", _TOGETHER, None),
    Scenario("mean 0.5, outlier", "outlier", ("f7!",), _mean_with_outlier),
    Scenario("heavy tail, mean 0.5", "heavy", ("h",), _mean(0.5)),
)


def come(pace: str) -> Array:
    """How much of the shift has come at each event, 0 to 1, shape ``(EVENTS,)``.

    Examples
    --------
    >>> [float(come(pace)[at]) for pace in PACES for at in (0, WARM_UP, EVENTS - 1)]
    [0.0, 1.0, 1.0, 0.0, 0.0002, 1.0]
    """
    after = np.ones(EVENTS - WARM_UP) if pace == "sudden" else np.arange(1, EVENTS - WARM_UP + 1) / (EVENTS - WARM_UP)
    return np.concatenate((np.zeros(WARM_UP), after))


def block(number: int, streams: int) -> dict[str, Array]:
    """One reference, ``streams`` calibration streams and as many test streams with their shifted versions.

    Returns
    -------
    Keys are ``ref/COLUMN``, shape ``(REFERENCE,)``; ``cal/COLUMN``, ``test/COLUMN`` and ``SCENARIO, PACE/COLUMN``,
    shape ``(streams, EVENTS)``. Categories are whole numbers.
    """
    draw = np.random.default_rng((2026, number))
    found = {f"ref/{name}": values[0] for name, values in _null(draw, 1, REFERENCE).items()}
    for part in ("cal", "test"):
        null = _null(draw, streams, EVENTS)
        found |= {f"{part}/{name}": values for name, values in null.items()}
        found[f"{part}/f7!"] = with_outlier(draw, null["f7"])
    for scenario, pace in _each():
        name = f"{scenario.name}, {pace}"
        if scenario.change is None:
            found |= {f"{name}/{column}": v for column, v in _loosened(draw, found, come(pace)).items()}
            continue
        for column in scenario.columns:
            before = found[f"test/{column.rstrip('!')}"]
            found[f"{name}/{column}"] = scenario.change(draw, before, come(pace))
    return found


def _each() -> Iterator[tuple[Scenario, str]]:
    return ((scenario, pace) for scenario in SCENARIOS for pace in PACES)


def _null(draw: np.random.Generator, streams: int, events: int) -> dict[str, Array]:
    """Columns in which nothing changes, shape ``(streams, events)``."""
    shape = (streams, events)
    numeric = {name: draw.normal(size=shape) for name in NUMERIC}
    common = draw.normal(size=shape)
    for name in _TOGETHER:
        numeric[name] = _CORRELATION**0.5 * common + (1 - _CORRELATION) ** 0.5 * numeric[name]
    numeric["h"] = draw.standard_t(_HEAVY, size=shape)
    codes = {
        name: draw.choice(shares.size, p=shares, size=shape).astype(np.float64)
        for name, shares in zip(TEXTS, (_SHARES, _EQUAL), strict=True)
    }
    return numeric | codes


def _loosened(draw: np.random.Generator, found: Mapping[str, Array], at: Array) -> dict[str, Array]:
    """The correlated columns as their correlation goes: at each moment jointly normal, with variances of 1."""
    shape = found["test/f0"].shape
    rho = _CORRELATION * (1 - at)
    common = draw.normal(size=shape)
    changed = {name: np.sqrt(rho) * common + np.sqrt(1 - rho) * draw.normal(size=shape) for name in _TOGETHER}
    return {name: np.where(at > 0, values, found[f"test/{name}"]) for name, values in changed.items()}
