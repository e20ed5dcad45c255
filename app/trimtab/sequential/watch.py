"""All detectors of one model over its examples, and the alerts that they raise and resolve: a pure state machine.

::

    example ──► each detector ──detects──► its alert fires; the detector starts anew
                     │                          │
                     └──nothing, ``quiet`` times in a row──► resolved

What is detected while the alert is firing keeps it firing. With the first example of a version newer than all before,
every detector starts anew: a version is compared with itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from trimtab.alerts import AlertState, Change, Evidence, Phase, Signal, alert_record, step
from trimtab.config import AlertSpec, ModelConfig, SequentialSpec
from trimtab.events.examples import Examples
from trimtab.sequential.detector import Detection, Detector, make_detector
from trimtab.sequential.signals import SIGNALS

__all__ = ["Alarm", "Sequential", "SequentialState", "WatchState", "alarm_record"]

KIND = "sequential"


class Place(NamedTuple):
    """Where an example is: its number among the model's examples, its log record, and its times."""

    position: int
    offset: int
    time_ms: int
    produced_ms: int
    version: int


class Alarm(NamedTuple):
    """An alert that changes.

    Parameters
    ----------
    at
        The example that changed it.
    first_ms, first_offset, examples
        What the detector rests on: the first example, and how many; of a resolved alert how many were quiet.
    """

    change: Change
    detector: str
    on: str
    at: Place
    started_ms: int
    first_ms: int
    first_offset: int
    examples: int
    found: Detection | None


@dataclass(slots=True)
class WatchState:
    """One detector between two batches.

    Parameters
    ----------
    args
        Those that made ``inner``; with others it starts anew.
    inner
        The detector's own state; None before its first example.
    count, first_ms, first_offset
        Examples since it started, and the first of them.
    """

    args: Mapping[str, Any]
    inner: Any = None
    alert: AlertState = field(default_factory=AlertState)
    count: int = 0
    first_ms: int = 0
    first_offset: int = -1


@dataclass(slots=True)
class SequentialState:
    """What a checkpoint holds: the newest version seen, and each detector by its name and what it is on."""

    version: int = 0
    watches: dict[str, WatchState] = field(default_factory=dict)


class Sequential:
    """The detectors of one model.

    Parameters
    ----------
    state
        From a checkpoint; it is brought up to date after each batch.

    Raises
    ------
    ValueError
        A detector does not fit the model's task.
    """

    def __init__(self, config: ModelConfig, state: SequentialState | None = None) -> None:
        self.state = state if state is not None else SequentialState()
        self._watches = {f"{spec.detector}/{spec.on}": _Watch(spec, config.task) for spec in config.sequential}
        for key, watch in self._watches.items():
            watch.restore(self.state.watches.setdefault(key, WatchState(watch.spec.arguments)))
        for key in self.state.watches.keys() - self._watches.keys():
            if self.state.watches[key].alert.phase is not Phase.FIRING:
                del self.state.watches[key]

    def step(self, examples: Examples, offsets: Sequence[int], position: int) -> list[Alarm]:
        """Take examples in their order; returns the alerts that change, in that order.

        Parameters
        ----------
        offsets
            The log record of each example, or its row.
        position
            Number of the first of them among the model's examples.
        """
        if not self.state.watches or not len(examples):
            return []
        places = list(
            map(
                Place,
                range(position, position + len(examples)),
                offsets,
                examples.time_ms.tolist(),
                examples.produced_ms.tolist(),
                examples.version.tolist(),
            )
        )
        alarms = list(self._left_over(places[0]))
        newer = self._newer(examples)
        values = {on: SIGNALS[on](examples).tolist() for on in {watch.spec.on for watch in self._watches.values()}}
        for watch in self._watches.values():
            alarms += watch.step(values[watch.spec.on], places, newer)
        return sorted(alarms, key=lambda alarm: alarm.at.position)

    def _newer(self, examples: Examples) -> frozenset[int]:
        """Rows whose version is newer than all before."""
        known = np.maximum.accumulate(np.concatenate(([self.state.version], examples.version)))
        self.state.version = int(known[-1])
        return frozenset(np.flatnonzero(known[1:] > known[:-1]).tolist())

    def _left_over(self, at: Place) -> Iterator[Alarm]:
        """Alerts of detectors that the configuration has no longer: nobody else would resolve them."""
        for key in sorted(self.state.watches.keys() - self._watches.keys()):
            detector, _, on = key.partition("/")
            started_ms = self.state.watches.pop(key).alert.started_ms
            yield Alarm("resolved", detector, on, at, started_ms, at.time_ms, at.offset, 0, None)


class _Watch:
    """One detector and its alert."""

    def __init__(self, spec: SequentialSpec, task: str) -> None:
        self.spec = spec
        self._task = task
        self._alerts = AlertSpec(for_windows=1, resolve_after=spec.quiet)
        self._state = WatchState(spec.arguments)
        self._detector: Detector = make_detector(spec, task)

    def restore(self, state: WatchState) -> None:
        """Go on from a state, which is kept up to date from now on; its alert stays what it is in any case."""
        self._state = state
        if state.inner is not None and state.args == self.spec.arguments:
            self._detector = make_detector(self.spec, self._task, state.inner)
        else:
            state.args = self.spec.arguments
            self._restart()

    def step(self, values: Sequence[float], places: Sequence[Place], newer: frozenset[int]) -> list[Alarm]:
        """The examples of a batch; NaN is one without a value, and is passed over."""
        state = self._state
        alarms: list[Alarm] = []
        for row, (value, at) in enumerate(zip(values, places, strict=True)):
            if row in newer:
                self._restart()
            if value != value:  # noqa: PLR0124  NaN, and faster than asking
                continue
            if state.count == 0:
                state.first_ms, state.first_offset = at.time_ms, at.offset
            state.count += 1
            found = self._detector.update(value)
            if found is not None or state.alert.phase is Phase.FIRING:
                alarms += self._alert(found, at)
            if found is not None:
                state.count = 0
        state.inner = self._detector.state()
        return alarms

    def _alert(self, found: Detection | None, at: Place) -> Iterator[Alarm]:
        state, spec = self._state, self.spec
        before = state.alert
        signal = Signal.GOOD if found is None else Signal.BAD
        state.alert, change = step(before, signal, at.time_ms, self._alerts)
        if change == "firing":
            first = state.first_ms, state.first_offset, state.count
            yield Alarm(change, spec.detector, spec.on, at, state.alert.started_ms, *first, found)
        elif change == "resolved":
            first = state.first_ms, state.first_offset, spec.quiet
            yield Alarm(change, spec.detector, spec.on, at, before.started_ms, *first, None)

    def _restart(self) -> None:
        self._detector = make_detector(self.spec, self._task)
        self._state.count = 0


def alarm_record(model: str, alarm: Alarm, partition: int, raised_ms: int) -> dict[str, Any]:
    """The alert record; ``partition`` is that of the examples, ``raised_ms`` is wall time."""
    statistics: dict[str, float] = {}
    p_values: dict[str, float] = {}
    if alarm.found is not None:
        before, after = alarm.found.before, alarm.found.after
        if before is not None and after is not None:
            statistics = {alarm.detector: after - before, "before": before, "after": after}
        if alarm.found.p_value is not None:
            p_values = {alarm.detector: alarm.found.p_value}
    evidence = Evidence(
        statistics=statistics,
        p_values=p_values,
        thresholds={},
        count=alarm.examples,
        start_ms=alarm.first_ms,
        end_ms=alarm.at.time_ms,
        last_produced_ms=alarm.at.produced_ms,
        reference=None,
        offsets={partition: (alarm.first_offset, alarm.at.offset)},
        exceeded=(alarm.detector,),
        position=alarm.at.position,
    )
    return alert_record(
        alarm.change,
        model=model,
        version=alarm.at.version,
        kind=KIND,
        feature=alarm.on,
        segment="",
        started_ms=alarm.started_ms,
        raised_ms=raised_ms,
        evidence=evidence,
        detector=alarm.detector,
    )
