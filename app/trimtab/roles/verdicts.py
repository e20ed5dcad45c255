"""From closed windows of one model to metric records, alert records and the state that goes with them; pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from trimtab import drift, performance
from trimtab.alerts import Evidence, Signal, effect_of
from trimtab.config import ModelConfig, PerformanceTest
from trimtab.drift import AUC, DOMAIN, Budget, Calibration, FeatureVerdict, Nulls
from trimtab.performance import PerformanceVerdict
from trimtab.profiles import RECONSTRUCTION, Reference, WindowProfile
from trimtab.profiles.segments import others
from trimtab.quality import CHECKS, problems
from trimtab.roles.first_windows import FirstWindows
from trimtab.roles.moving import Moving
from trimtab.roles.ranking import FEATURES, Ranking, ranked
from trimtab.roles.records import Finding, Records
from trimtab.roles.stream_verdicts import StreamVerdicts
from trimtab.windows import ClosedWindow, LateEvents, WindowKey

__all__ = ["Verdicts"]

_DRIFT = {"drift": Signal.BAD, "ok": Signal.GOOD}
# A feature that drifts is there: for the missing alert that is good news.
_MISSING = {"missing": Signal.BAD, "drift": Signal.GOOD, "ok": Signal.GOOD}
# These concern all values of a feature, the others some.
_SPOILING = frozenset({"constant", "unit_change"})
_OF_WHOLE_ROWS = frozenset({RECONSTRUCTION, DOMAIN})
_PERFORMANCE = {"worse": Signal.BAD, "ok": Signal.GOOD}
MISSING_RATE = "missing_rate"
COMBINED = "combined_p"


class Verdicts:
    """Judges the windows of one model, one after the other.

    Parameters
    ----------
    name, model
        The model and its configuration.
    nulls
        Null distributions, shared by all models of a process.
    state
        What :meth:`snapshot` gave, to go on from there.
    earlier
        Likewise, the records of :class:`Moving`.
    """

    def __init__(
        self,
        name: str,
        model: ModelConfig,
        nulls: Nulls,
        state: Mapping[str, Any] | None = None,
        earlier: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        wire = state or {}
        kind = model.reference.from_
        self._moving = Moving(name, model, earlier) if kind == "moving" else None
        self._first = FirstWindows(name, model, wire.get("first")) if kind != "training" else None
        self._name = name
        self._model = model
        self._calibration: Calibration | None = None
        level = model.drift.alpha
        if model.drift.method == "calibrated":
            budget = Budget(*model.drift.budget, earned=float(wire.get("earned", 0.0)))
            # Each segment is a window of its own.
            segments = sum(len(getattr(model.features[name], "values", ())) + 2 for name in model.segments)
            wanted = frozenset(model.drift.thresholds)
            self._calibration = Calibration(nulls, budget, model.window.pane, 1 / (1 + segments), wanted)
            level = min(1.0, budget.per_ms * model.window.size)
        self._records = Records(name, model.alerts, wire.get("alerts"))
        self._metric = self._records.metric
        self._ranking = Ranking()
        self.stream = StreamVerdicts(model, self._records, level, wire)

    def snapshot(self) -> dict[str, Any]:
        """Alerts that are pending or firing, the budget's state, first windows that were gathered; plain types."""
        return {
            "alerts": self._records.snapshot(),
            "earned": 0.0 if self._calibration is None else self._calibration.budget.earned,
            **self.stream.snapshot(),
            "first": {} if self._first is None else self._first.snapshot(),
        }

    def take_records(self) -> dict[str, bytes | None]:
        """Further state records that were not written yet, values None for what is to be deleted."""
        return {} if self._moving is None else self._moving.take_records()

    def take_references(self) -> list[tuple[int, Reference]]:
        """Versions and their references that are to be published, each once."""
        return [] if self._first is None else self._first.take_references()

    def judge(
        self, window: ClosedWindow, reference: Reference | None, now_ms: int
    ) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Metric records and alert records of one window; ``now_ms`` is wall time.

        A segment's window is compared with the same segment of the reference.
        """
        if self._calibration is not None:
            to_next_ms = self._model.window.hop or window.key.end_ms - window.key.start_ms
            self._calibration = replace(self._calibration, window_ms=to_next_ms)
        if window.key.kind == "performance":
            own = None if reference is None else reference.segment(window.key.segment)
            metrics, findings = self._performance(window, own)
        else:
            metrics, findings = self._inputs(window, reference)
        alerts = [alert for finding in findings for alert in self._records.apply(window.key, finding, now_ms)]
        if self._calibration is not None:
            began = [alert for alert in alerts if alert["state"] == "firing" and alert["kind"] in ("drift", "missing")]
            self._calibration.budget.settle(len(began))
        return metrics, alerts

    def late(self, late: Iterable[LateEvents]) -> list[dict[str, Any]]:
        """Metric records of what came too late."""
        statistic = {"inputs": "late_events", "performance": "late_labelled"}
        return [
            self._metric(event.key, None, statistic[event.key.kind], float(event.count), event.count, "ok")
            for event in late
        ]

    def _inputs(self, window: ClosedWindow, reference: Reference | None) -> tuple[list[dict[str, Any]], list[Finding]]:
        key, count = window.key, window.profile.count
        status = "no_reference" if reference is None else "too_few" if count < self._model.window.min_count else "ok"
        metrics = [self._metric(key, None, "events", float(count), count, status)]
        if reference is None:
            self._remember(window, None, [], [])
            return metrics, []
        own = reference.segment(key.segment)
        if own is not None and (value := performance.estimated_accuracy(window.profile, own)) is not None:
            metrics.append(self._metric(key, None, performance.ESTIMATED, value, count, status))
        against, verdicts = self._drifted(window, reference, own)
        # One that only says in which frames to profile has no values.
        known = own if own is not None and own.profile.count else against
        if self._calibration is not None:
            budget = self._calibration.budget
            for name, value in (("false_alarm_level", budget.last_level), ("false_alarms_spent", budget.spent)):
                metrics.append(self._metric(key, None, name, value, count, status))
        findings: list[Finding] = []
        spoilt = False
        measured = [self._measured(window, verdict, against, metrics) for verdict in verdicts]
        ranking = self._ranked(key, verdicts, measured)
        for verdict, found in zip(verdicts, measured, strict=True):
            evidence = self._shown(window, verdict, found, ranking, known, metrics)
            wrong = known is not None and self._quality(key, verdict, window, known, findings, metrics)
            spoilt = spoilt or wrong or verdict.status == "missing"
            wrong = wrong or (spoilt and verdict.feature in _OF_WHOLE_ROWS)
            for kind, signals in (("missing", _MISSING), ("drift", _DRIFT)):
                # What is no measurement cannot have drifted.
                signal = Signal.NOTHING if wrong else signals.get(verdict.status, Signal.NOTHING)
                findings.append(Finding(kind, verdict.feature, signal, evidence))
        self._remember(window, reference, verdicts, findings)
        return metrics, findings

    def _measured(
        self, window: ClosedWindow, verdict: FeatureVerdict, against: Reference | None, metrics: list[dict[str, Any]]
    ) -> Evidence:
        """Add the metrics of one feature's statistics; returns them as evidence."""
        key, count, spec = window.key, window.profile.count, self._model.drift
        limits = {**spec.thresholds, MISSING_RATE: spec.missing_rate, AUC: spec.domain_threshold}
        measured = {name: m for name, m in verdict.measured.items() if math.isfinite(m.value)}
        if not measured:
            # That nothing was said of it is to be seen too.
            values = _usable(window.profile, verdict.feature)
            metrics.append(self._metric(key, verdict.feature, "values", values, count, verdict.status))
        for name, m in sorted(measured.items()):
            metrics.append(self._metric(key, verdict.feature, name, m.value, count, verdict.status, m.p_value))
        together = {} if verdict.p_value is None else {COMBINED: verdict.p_value}
        for name, value in together.items():
            metrics.append(self._metric(key, verdict.feature, name, value, count, verdict.status, value))
        return _evidence(
            window,
            against,
            {name: m.value for name, m in measured.items()},
            {name: m.p_value for name, m in measured.items() if m.p_value is not None} | together,
            {name: limits[name] for name in measured if name in limits},
            verdict.exceeded,
        )

    def _ranked(
        self, key: WindowKey, verdicts: Sequence[FeatureVerdict], measured: Sequence[Evidence]
    ) -> list[dict[str, Any]]:
        """Features of a window, the one that moved most first."""
        pairs = zip(verdicts, measured, strict=True)
        effects = {verdict.feature: effect_of(one.statistics, one.thresholds) for verdict, one in pairs}
        self._ranking.note(key, effects)
        return ranked(effects, FEATURES)

    def _shown(
        self,
        window: ClosedWindow,
        verdict: FeatureVerdict,
        evidence: Evidence,
        ranking: Sequence[Mapping[str, Any]],
        reference: Reference | None,
        metrics: list[dict[str, Any]],
    ) -> Evidence:
        """The evidence with what people look at; adds the histogram's metric, but for segments."""
        key, feature = window.key, verdict.feature
        before = None if reference is None else reference.profile.find(feature)
        after = window.profile.find(feature)
        histogram = None
        if not key.segment and before is not None and after is not None:
            histogram = drift.histogram_of(before, after)
        if histogram is not None and after is not None:
            values, count = float(after.count), window.profile.count
            metrics.append(self._metric(key, feature, "histogram", values, count, verdict.status, histogram=histogram))
        segments = self._ranking.segments(key, feature)
        return replace(evidence, histogram=histogram, ranking=ranking, segments=segments)

    def _remember(
        self,
        window: ClosedWindow,
        reference: Reference | None,
        verdicts: Iterable[FeatureVerdict],
        findings: Iterable[Finding],
    ) -> None:
        """Take what is healthy of a window for what later ones are compared with."""
        key, profile = window.key, window.profile
        if profile.count < self._model.window.min_count:
            return
        wrong_with = {f.feature for f in findings if f.feature is not None and f.signal is Signal.BAD}
        if self._moving is not None and reference is not None:
            healthy = [verdict for verdict in verdicts if verdict.feature not in wrong_with]
            self._moving.add(key, profile.without(wrong_with), _values(healthy))
        if self._first is not None and not wrong_with:
            self._first.add(key, profile, reference)

    def _drifted(
        self, window: ClosedWindow, reference: Reference, own: Reference | None
    ) -> tuple[Reference | None, list[FeatureVerdict]]:
        """What the window is compared with and the verdicts: with its ``own`` reference, that of its segment, or, where
        references move, with earlier windows in the frames of the whole ``reference``."""
        spec, least = self._model.drift, self._model.window.min_count
        features = others(self._model, window.key.segment)
        history = None if self._moving is None else self._moving.before(window.key)
        if history is None:
            return own, drift.evaluate(own, window.profile, spec, least, features, self._calibration)
        calibration = None if self._calibration is None else replace(self._calibration, history=history)
        against: Reference | None = history.reference(reference) if history else reference
        found = drift.evaluate(against, window.profile, spec, least, features, calibration)
        if not history:
            against, found = own, [replace(verdict, measured={}) for verdict in found]
        if len(history) < self._model.reference.least:
            found = [replace(v, status="too_few", exceeded=()) if v.status in _DRIFT else v for v in found]
        return against, found

    def _quality(
        self,
        key: WindowKey,
        verdict: FeatureVerdict,
        window: ClosedWindow,
        reference: Reference,
        findings: list[Finding],
        metrics: list[dict[str, Any]],
    ) -> bool:
        """Add what the checks say of one feature; returns whether its values are no measurements as a whole."""
        feature = self._model.features.get(verdict.feature)
        if feature is None or verdict.status in ("no_reference", "too_few"):
            return False
        before, after = (profile.find(verdict.feature) for profile in (reference.profile, window.profile))
        if before is None or after is None:
            return False
        found = {problem.check: problem for problem in problems(before, after, feature, self._model.quality)}
        for check in CHECKS:
            problem = found.get(check)
            values = {} if problem is None else {check: problem.value}
            limits = {} if problem is None else {check: problem.limit}
            if problem is not None:
                metrics.append(
                    self._metric(key, verdict.feature, check, problem.value, window.profile.count, "quality")
                )
            evidence = _evidence(window, reference, values, {}, limits, tuple(values))
            signal = Signal.GOOD if problem is None else Signal.BAD
            # One failure does not hide another.
            findings.append(Finding("quality", verdict.feature, signal, evidence, check))
        return not _SPOILING.isdisjoint(found)

    def _performance(
        self, window: ClosedWindow, reference: Reference | None
    ) -> tuple[list[dict[str, Any]], list[Finding]]:
        key, count, profile = window.key, window.profile.count, window.profile.performance
        enough = count >= self._model.window.min_count
        metrics = [self._metric(key, None, "labelled", float(count), count, "ok" if enough else "too_few")]
        found = {} if profile is None else performance.metrics(profile, self._model.task)
        before = None if reference is None else reference.metrics
        tests = self._model.performance
        judged = performance.evaluate(before, found if enough else {}, tests)
        verdicts = [self._sure(one, test, window, reference) for one, test in zip(judged, tests, strict=True)]
        # Two tests of one metric: the worse word is the one that is shown.
        status: dict[str, str] = {}
        for verdict in verdicts:
            if status.get(verdict.metric) != "worse":
                status[verdict.metric] = verdict.status
        untested = "ok" if enough else "too_few"
        for name, value in sorted(found.items()):
            if math.isfinite(value):
                metrics.append(self._metric(key, None, name, value, count, status.get(name, untested)))
        findings = []
        for metric in dict.fromkeys(verdict.metric for verdict in verdicts):
            own = [verdict for verdict in verdicts if verdict.metric == metric]
            shown = next((verdict for verdict in own if verdict.status == "worse"), own[0])
            limits = {} if shown.limit is None else {metric: shown.limit}
            values = {} if shown.value is None else {metric: shown.value}
            signal = _PERFORMANCE.get(status[metric], Signal.NOTHING)
            exceeded = (metric,) if signal is Signal.BAD else ()
            evidence = _evidence(window, reference, values, {}, limits, exceeded)
            self._ranking.note(key, {metric: _beyond(metric, shown)})
            evidence = replace(evidence, segments=self._ranking.segments(key, metric))
            findings.append(Finding("performance", metric, signal, evidence))
        return metrics, findings

    def _sure(
        self, verdict: PerformanceVerdict, test: PerformanceTest, window: ClosedWindow, reference: Reference | None
    ) -> PerformanceVerdict:
        """The verdict, but that a drop which may be chance is none: performance has a budget as drift has."""
        profile = window.profile.performance
        drop = verdict.status == "worse" and test.max_drop is not None and verdict.reference is not None
        if self._calibration is None or not drop or profile is None or reference is None:
            return verdict
        before = reference.profile.count
        p_value = performance.p_value_of_drop(verdict.metric, profile, verdict.reference or 0.0, before)
        allowed = self._calibration.allowance / len(self._model.performance)
        return verdict if p_value is None or p_value <= allowed else replace(verdict, status="ok")


def _usable(profile: WindowProfile, feature: str) -> float:
    """Values, or whole rows, that there are to judge."""
    if feature == DOMAIN:
        return 0.0 if profile.sample is None else float(len(profile.sample))
    found = profile.find(feature)
    return 0.0 if found is None else float(found.count)


def _beyond(metric: str, verdict: PerformanceVerdict) -> float:
    """How bad a metric is, where 1 is its limit; 0 when that cannot be said."""
    if verdict.value is None or not verdict.limit or verdict.value <= 0 or verdict.limit <= 0:
        return 0.0
    return verdict.limit / verdict.value if performance.HIGHER_IS_BETTER[metric] else verdict.value / verdict.limit


def _values(verdicts: Iterable[FeatureVerdict]) -> dict[str, dict[str, float]]:
    return {v.feature: {name: m.value for name, m in v.measured.items()} for v in verdicts if v.measured}


def _evidence(
    window: ClosedWindow,
    reference: Reference | None,
    statistics: Mapping[str, float],
    p_values: Mapping[str, float],
    thresholds: Mapping[str, float],
    exceeded: tuple[str, ...],
) -> Evidence:
    return Evidence(
        statistics=statistics,
        p_values=p_values,
        thresholds=thresholds,
        count=window.profile.count,
        start_ms=window.key.start_ms,
        end_ms=window.key.end_ms,
        last_produced_ms=window.last_produced_ms,
        reference=None if reference is None else reference.id,
        offsets=window.offsets,
        exceeded=exceeded,
    )
