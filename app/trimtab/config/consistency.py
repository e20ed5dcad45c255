"""What must fit together among the settings of one model; each message names the setting and says what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trimtab.config.duration import format_ms
from trimtab.config.statistics import CATEGORICAL_STATISTICS, NUMERIC_STATISTICS

if TYPE_CHECKING:
    from trimtab.config.model import ModelConfig

__all__ = ["require_consistent"]

# A reference is one record of Kafka's, at most 4 MB; a profile may take 3 kB.
_MOST_SEGMENT_PROFILES = 1_000
_MOST_IN_A_BASIS = 50


def require_consistent(model: ModelConfig) -> None:
    """Raise ``ValueError`` where two settings contradict each other, or one could never have an effect."""
    _names(model)
    _segments(model)
    _drift(model)
    _season(model)
    _labels(model)
    _performance(model)
    _sequential(model)
    _gates(model)
    count, least = model.window.count, model.window.min_count
    if count is not None and count < least:
        raise ValueError(
            f"window.count: {count} is below window.min_count, {least}, under which nothing is said of a window; lower "
            "min_count, or raise count"
        )
    if model.quality.volume is not None and model.window.count is not None:
        raise ValueError("quality.volume: windows by count all have the same number of events; leave one of them out")


def _names(model: ModelConfig) -> None:
    for name in model.features:
        # Verdicts of what is no feature go by such names.
        if not name or name.startswith("(") or (name.startswith("__") and name.endswith("__")):
            raise ValueError(
                f"features: {name!r} is a name that Trimtab gives to what is no feature, such as (refused) and "
                "__score__; rename the feature"
            )


def _segments(model: ModelConfig) -> None:
    if len(set(model.segments)) < len(model.segments):
        raise ValueError("segments: a feature is named twice; remove one")
    number = 0
    for name in model.segments:
        if name not in model.categorical:
            raise ValueError(f"segments: {name!r} is not a categorical feature of this model")
        values = getattr(model.features[name], "values", ())
        if not values:
            raise ValueError(
                f"segments: features.{name} has no values, so that all its segments were one; "
                f"list the values that are to be looked at apart, such as features.{name}.values: [a, b]"
            )
        number += len(values) + 2
    if number * len(model.features) > _MOST_SEGMENT_PROFILES:
        raise ValueError(
            f"segments: {number} of {len(model.features)} features are over {_MOST_SEGMENT_PROFILES:,} profiles, "
            "too many for one reference; name fewer segments, or fewer of their values"
        )


def _drift(model: ModelConfig) -> None:
    drift, numbers = model.drift, len(model.numeric)
    for name in drift.ignore:
        if name not in model.features:
            raise ValueError(f"drift.ignore: {name!r} is not a feature of this model")
    usable = {*(NUMERIC_STATISTICS if model.numeric else ()), *(CATEGORICAL_STATISTICS if model.categorical else ())}
    if drift.thresholds and usable.isdisjoint(drift.thresholds):
        raise ValueError(
            f"drift.thresholds: none of {', '.join(drift.thresholds)} measures a feature of this model; "
            f"there are {', '.join(sorted(usable))}"
        )
    if drift.multivariate and not 2 <= numbers <= _MOST_IN_A_BASIS:
        raise ValueError(
            f"drift.multivariate: it is of 2 to {_MOST_IN_A_BASIS} numeric features, and there are {numbers}; leave it "
            "out (drift.domain_classifier takes any)"
        )


def _season(model: ModelConfig) -> None:
    season, window = model.reference.season, model.window
    if season is None:
        return
    if window.count is not None:
        raise ValueError("reference.season: a window by count is at no fixed time of a season; leave out window.count")
    if season < window.size or season % window.pane:
        raise ValueError(
            f"reference.season: {format_ms(season)} must hold a whole number of windows of {format_ms(window.size)}"
        )


def _labels(model: ModelConfig) -> None:
    if model.labels:
        return
    wanted = {"absence.labels": model.absence.labels, "performance": model.performance}
    for name, value in wanted.items():
        if value:
            raise ValueError(f"{name}: it needs labels, and labels is false; leave one of them out")
    if model.sequential:
        raise ValueError("sequential: its detectors look at labelled examples, and labels is false; leave one out")


def _performance(model: ModelConfig) -> None:
    for test in model.performance:
        if (test.metric in ("mae", "rmse")) != (model.task == "regression"):
            raise ValueError(f"performance: {test.metric} does not fit task {model.task}")


def _sequential(model: ModelConfig) -> None:
    seen: set[tuple[str, str]] = set()
    for spec in model.sequential:
        spec.check_task(model.task)
        if (spec.detector, spec.on) in seen:
            raise ValueError(f"sequential: {spec.detector} on {spec.on} is there twice; remove one of them")
        seen.add((spec.detector, spec.on))


def _gates(model: ModelConfig) -> None:
    for gate in model.gates.quality:
        fits = gate.metric in (("mae", "rmse") if model.task == "regression" else ("accuracy", "f1", "log_loss"))
        if not fits or (gate.metric == "log_loss" and model.task != "binary"):
            raise ValueError(f"gates.quality: {gate.metric} does not fit task {model.task}")
    if model.race.loss == "brier" and model.task != "binary":
        raise ValueError(f"race.loss: brier is of the probabilities of a binary model, and task is {model.task}")
    if model.gates.max_calibration_error is not None and model.task == "regression":
        raise ValueError("gates.max_calibration_error: a regression predicts no probabilities; leave it out")
    for protected in model.gates.protected:
        if protected.segment not in model.categorical:
            raise ValueError(f"gates.protected: {protected.segment!r} is not a categorical feature of this model")
        if not getattr(model.features[protected.segment], "values", ()):
            raise ValueError(
                f"gates.protected: features.{protected.segment} has no values; list those that are protected"
            )
    names = [shadow.name for shadow in model.shadows]
    if len(set(names)) < len(names):
        raise ValueError(f"shadows: two have one name: {', '.join(names)}; rename one")
