"""Samples of one model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

from trimtab.dashboard.exporter.sheet import Sample
from trimtab.dashboard.views.fleet import Health, fleet
from trimtab.dashboard.views.model import RACES
from trimtab.dashboard.views.world import World

__all__ = ["lasting", "passing"]

# Inputs and performance of a time close apart: a number may be missing in the newest window.
_WINDOWS = 24
# What runs is told each second.
_LIVE_MS = 15_000
_DRIFTS = ("drift", "missing")


def lasting(world: World, model: str) -> list[Sample]:
    """What is so until a record about the model comes."""
    return [*_standing(world, model), *_registry(world, model), *_incidents(world, model), *_windows(world, model)]


def passing(world: World, model: str) -> Iterator[Sample]:
    """What ends by time alone: races that run."""
    newest = {
        (n.segment, n.statistic): n.value for n in world.queries.live(model, RACES, from_ms=world.now_ms - _LIVE_MS)
    }
    for (segment, statistic), value in newest.items():
        yield Sample("trimtab_live_number", value, (model, segment, statistic))


def _standing(world: World, model: str) -> Iterator[Sample]:
    spec = world.config.models[model]
    yield Sample("trimtab_model_info", 1, (model, spec.mode, spec.task))
    [row] = fleet(world, [model])["models"]
    for word in get_args(Health):
        yield Sample("trimtab_model_health", word == row["health"], (model, word))
    if row["coverage"] is not None:
        yield Sample("trimtab_model_label_coverage_ratio", row["coverage"], (model,))
    yield Sample("trimtab_model_drifted_features", row["drifted"], (model,))


def _registry(world: World, model: str) -> Iterator[Sample]:
    champion, manifests = world.registry.champion(model), world.registry.versions(model)
    if champion is not None:
        yield Sample("trimtab_model_version", int(champion["version"]), (model,))
    yield Sample("trimtab_model_versions", len(manifests), (model,))
    size = sum(int(manifest["snapshot"]["size_bytes"]) for manifest in manifests)
    yield Sample("trimtab_model_snapshot_bytes", size, (model,))
    for statistic, value in world.reference_metrics(model).items():
        yield Sample("trimtab_model_reference", value, (model, statistic))


def _incidents(world: World, model: str) -> Iterator[Sample]:
    counts = dict.fromkeys(("critical", "warning", "info"), 0)
    for incident in world.queries.incidents(model, "firing", most=10_000):
        severity = str(incident.get("severity", "warning"))
        counts[severity] = counts.get(severity, 0) + 1
    for severity, count in counts.items():
        yield Sample("trimtab_incidents_firing", count, (model, severity))


def _windows(world: World, model: str) -> Iterator[Sample]:
    for segment in ("", *world.queries.segments(model)):
        windows = world.queries.windows("numbers", model, segment, most=_WINDOWS)
        if windows:
            yield Sample("trimtab_window_end_timestamp_seconds", windows[-1].end_ms / 1_000, (model, segment))
        newest = {statistic: number for window in windows for statistic, number in window.data.items()}
        for statistic, number in newest.items():
            labels = (model, segment, statistic)
            yield Sample("trimtab_window_number", number["value"], labels)
            yield Sample("trimtab_window_worse", number["status"] == "worse", labels)
        for window in world.queries.windows("drifts", model, segment, most=1):
            for feature, verdict in window.data.items():
                yield Sample("trimtab_feature_effect", verdict["effect"], (model, segment, feature))
                yield Sample("trimtab_feature_drifted", verdict["status"] in _DRIFTS, (model, segment, feature))
