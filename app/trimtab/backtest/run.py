"""Windows, verdicts and alerts of a history, by the code that the roles run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from trimtab import performance
from trimtab.backtest.history import VERSION, History
from trimtab.config import ModelConfig
from trimtab.drift import Nulls
from trimtab.drift.evaluate import LEAST_REFERENCE
from trimtab.errors import ConfigError
from trimtab.events.examples import Examples
from trimtab.profiles import PREDICTION, SCORE, Reference, segment_rows
from trimtab.profiles.groups import InputRows, PerformanceRows
from trimtab.profiles.partials import Partials
from trimtab.roles.verdicts import Verdicts
from trimtab.sequential.watch import Sequential, alarm_record
from trimtab.windows import Arrivals, Arrived, ClosedWindow, WindowState

__all__ = ["Findings", "backtest", "detected", "judged", "reference_of", "unusable"]

_END_MS = 10**18


@dataclass(frozen=True, slots=True)
class Findings:
    """What came out.

    Parameters
    ----------
    windows
        In the order in which they closed, each with its metric records.
    alerts
        Alert records, firing and resolved.
    late
        Metric records of rows that came too late.
    stream
        Metric records of the stream as a whole: refused, duplicates, volume.
    """

    windows: list[tuple[ClosedWindow, list[dict[str, Any]]]] = field(default_factory=list)
    alerts: list[dict[str, Any]] = field(default_factory=list)
    late: list[dict[str, Any]] = field(default_factory=list)
    stream: list[dict[str, Any]] = field(default_factory=list)


def reference_of(name: str, model: ModelConfig, history: History) -> Reference:
    """The reference that training on these rows makes: their profile, and the metrics that were reached on them."""
    columns = dict(zip(model.numeric, history.features.numbers, strict=True))
    if not np.isnan(history.score).all():
        columns[SCORE] = history.score
    found = dict(zip(model.categorical, history.features.categories, strict=True))
    categories = {feature: column.to_list() for feature, column in found.items()}
    if history.is_predicted:
        predicted = history.prediction
        if isinstance(predicted, np.ndarray):
            columns[PREDICTION] = predicted
        else:
            categories[PREDICTION] = predicted.to_list()
    made = Reference.of(
        f"{name}@{VERSION}",
        columns,
        categories,
        {},
        multivariate=model.drift.multivariate,
        sample=InputRows.of(history.predictions(name), model).sample(model),
        segments=segment_rows(model, found),
    )
    labelled = history.examples(model)
    if labelled is None:
        return made
    rows, own = PerformanceRows.of(labelled[0]), segment_rows(model, labelled[0].features)
    reached = {name: _reached(rows.take(at), model) for name, at in own.items()}
    parts = {name: part.profile for name, part in made.segments.items()}
    return replace(made, metrics=_reached(rows, model)).with_segments(parts, reached)


def _reached(rows: PerformanceRows, model: ModelConfig) -> dict[str, float]:
    profile = PerformanceRows.profile([rows], model, None).performance
    return {} if profile is None else dict(performance.metrics(profile, model.task))


def unusable(reference: Reference, model: ModelConfig) -> dict[str, int]:
    """Features of which nothing will be said, since the reference has too few values of them, with how many it has."""
    profiles = {name: reference.profile.find(name) for name in model.features}
    counts = {name: 0 if profile is None else profile.count for name, profile in profiles.items()}
    return {name: count for name, count in counts.items() if count < LEAST_REFERENCE}


def backtest(name: str, model: ModelConfig, reference: Reference, history: History) -> Findings:
    """Play ``history`` through windows, verdicts and sequential detectors; nothing is written anywhere.

    Raises
    ------
    ConfigError
        Sequential detectors are configured, and the table has no labels or no predictions for them.
    """
    partials = Partials(name, model, lambda _: reference)
    findings = judged(name, model, _records(partials, history, name), lambda _: reference, 1)
    detected(name, model, _labelled(model, history), 0, findings)
    return findings


def detected(
    name: str,
    model: ModelConfig,
    labelled: Iterable[tuple[Examples, Sequence[int]]],
    partition: int,
    findings: Findings,
) -> None:
    """Add the alerts of sequential detectors to those of the windows, by event time.

    Parameters
    ----------
    labelled
        Examples in their one order, each with its row or its offset in the log.
    partition
        That of the log.
    """
    if not model.sequential:
        return
    sequential, position = Sequential(model), 0
    for examples, offsets in labelled:
        for alarm in sequential.step(examples, offsets, position):
            findings.alerts.append(alarm_record(name, alarm, partition, alarm.at.time_ms))
        position += len(examples)
    findings.alerts.sort(key=lambda alert: int(alert["event_time_ms"]))


def judged(
    name: str,
    model: ModelConfig,
    records: Iterable[Mapping[str, Any]],
    reference_of: Callable[[int], Reference | None],
    partitions: int,
) -> Findings:
    """Windows and verdicts of profile records, made by whatever collects.

    Parameters
    ----------
    reference_of
        Reference of a version.
    partitions
        Source partitions; all of them were read to their end when the records end.
    """
    findings = Findings()
    windows, arrivals = WindowState(model.window, 0), Arrivals(model.window, 0)
    verdicts = Verdicts(name, model, Nulls())

    def judge(closed: Sequence[ClosedWindow]) -> None:
        for window in closed:
            metrics, alerts = verdicts.judge(window, reference_of(window.key.version), window.key.end_ms)
            findings.windows.append((window, metrics))
            findings.alerts.extend(alerts)
        findings.late.extend(verdicts.late(windows.take_late()))

    def judge_stream(closed: Sequence[ClosedWindow], arrived: Sequence[Arrived]) -> None:
        for metrics, alerts in (
            verdicts.stream.volume(closed, closed[-1].key.end_ms if closed else 0),
            *(verdicts.stream.arrived(window, window.end_ms) for window in arrived),
        ):
            findings.stream.extend(metrics)
            findings.alerts.extend(alerts)

    for offset, record in enumerate(records):
        closed = windows.step(offset, record, 0)
        judge(closed)
        judge_stream(closed, arrivals.step(offset, record, 0))
    everything = dict.fromkeys(range(partitions), _END_MS)
    judge(windows.tick(everything))
    # The data may end within the last windows, which says nothing about how much comes.
    judge_stream([], arrivals.tick(everything))
    findings.alerts.sort(key=lambda alert: alert["event_time_ms"])
    return findings


def _labelled(model: ModelConfig, history: History) -> Iterator[tuple[Examples, list[int]]]:
    if model.columns.label is None or model.columns.prediction is None:
        raise ConfigError(
            "sequential: its detectors look at labelled predictions; name the table's columns.label and "
            "columns.prediction, or leave sequential out"
        )
    for chunk in history.chunks():
        labelled = chunk.examples(model)
        if labelled is not None:
            yield labelled[0], labelled[1].offset.tolist()


def _records(partials: Partials, history: History, name: str) -> Iterator[dict[str, Any]]:
    # A refused row of before the history was never played.
    last = int(history.rows[0])
    for chunk in history.chunks():
        before, last = last, int(chunk.rows[-1])
        _refuse(partials, [ms for row, ms in history.refused_ms.items() if before < row < last])
        partials.add_predictions(chunk.predictions(name))
        labelled = chunk.examples(partials.model)
        if labelled is not None:
            partials.add_examples(*labelled)
        yield from partials.build(1)
    # A stream may end in rows of which none can be used.
    _refuse(partials, [ms for row, ms in history.refused_ms.items() if row > last])
    yield from partials.build(1)


def _refuse(partials: Partials, times_ms: list[int]) -> None:
    if times_ms:
        partials.arrive("refused", "predictions", 0, np.array(times_ms, np.int64))
