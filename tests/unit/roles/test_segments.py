"""Segments are compared with the same segment of the reference: what differs between them has not drifted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from trimtab.config import ModelConfig
from trimtab.drift import Nulls
from trimtab.events.columns import Categories
from trimtab.profiles import (
    CategoricalProfile,
    NumericProfile,
    PerformanceProfile,
    Reference,
    WindowProfile,
    segment_rows,
)
from trimtab.roles.verdicts import Verdicts
from trimtab.windows import ClosedWindow, WindowKey

HOUR_MS = 3_600_000
MODEL = ModelConfig.model_validate(
    {
        "task": "binary",
        "features": {"income": {"type": "numeric"}, "group": {"type": "categorical", "values": ["young", "old"]}},
        "segments": ["group"],
        "window": {"size": HOUR_MS, "min_count": 30},
        "performance": [{"metric": "accuracy", "max_drop": 0.05}],
        "factory": {"class": "river.linear_model:LogisticRegression"},
    }
)
MEANS = {"young": 0.0, "old": 5.0, None: 2.0, "robot": -3.0}
SEGMENTS = ("", "group=(missing)", "group=(other)", "group=old", "group=young")


def rows(count: int, seed: int, shift: Mapping[str | None, float] | None = None) -> tuple[Any, list[str | None]]:
    """Incomes that differ by group; ``shift`` moves those of a group."""
    draw = np.random.default_rng(seed)
    means = {name: mean + (shift or {}).get(name, 0.0) for name, mean in MEANS.items()}
    groups = [list(MEANS)[k] for k in draw.choice(4, size=count, p=[0.5, 0.3, 0.1, 0.1])]
    return draw.normal([means[group] for group in groups]), groups


def reference(rows_: int = 6_000) -> Reference:
    incomes, groups = rows(rows_, 1)
    of = segment_rows(MODEL, {"group": Categories.of(groups)})
    return Reference.of("m@1", {"income": incomes}, {"group": groups}, {}, segments=of)


def judged(
    verdicts: Verdicts, against: Reference, k: int, shift: Mapping[str | None, float] | None = None
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The window of all rows and those of the segments, each profiled as a collector does."""
    incomes, groups = rows(2_000, 100 + k, shift)
    of = {"": np.ones(len(groups), np.bool_), **segment_rows(MODEL, {"group": Categories.of(groups)})}
    metrics, alerts = [], []
    for segment in SEGMENTS:
        chosen = np.flatnonzero(of[segment])
        numeric = {"income": NumericProfile.of(incomes[chosen], against.frame("income"))}
        texts = CategoricalProfile.of([groups[row] for row in chosen], against.known("group"))
        key = WindowKey("inputs", 1, against.id, segment, k * HOUR_MS, (k + 1) * HOUR_MS)
        window = ClosedWindow(key, WindowProfile(len(chosen), numeric, {"group": texts}), 0, {})
        found = verdicts.judge(window, against, 0)
        metrics += found[0]
        alerts += found[1]
    return metrics, alerts


def test_what_differs_between_segments_has_not_drifted() -> None:
    verdicts, against = Verdicts("m", MODEL, Nulls(200)), reference()
    found = [judged(verdicts, against, k) for k in range(12)]
    # That robots are outside the domain is said once, of all rows.
    assert [(alert["segment"], alert["kind"]) for _, alerts in found for alert in alerts] == [("", "quality")]
    said = {(m["segment"], m["status"]) for metrics, _ in found for m in metrics if m["feature"] == "income"}
    assert said == {(segment, "ok") for segment in SEGMENTS}


def test_drift_of_one_segment_is_that_segments() -> None:
    verdicts, against = Verdicts("m", MODEL, Nulls(200)), reference()
    fired = [alert for k in range(3) for alert in judged(verdicts, against, k, {"robot": 2.0})[1]]
    assert [(alert["segment"], alert["feature"], alert["kind"]) for alert in fired] == [
        ("", "group", "quality"),
        ("group=(other)", "income", "drift"),
    ]
    assert fired[1]["evidence"]["reference"] == "m@1/group=(other)"


def test_nothing_is_said_of_a_segment_that_the_reference_lacks() -> None:
    """A reference of an earlier release, or a segment without rows: all rows would be the wrong comparison."""
    against = reference().with_segments({})
    metrics, alerts = judged(Verdicts("m", MODEL, Nulls(200)), against, 0, {"young": 4.0})
    assert {alert["segment"] for alert in alerts} == {""}
    of_segment = [m for m in metrics if m["segment"] == "group=young" and m["feature"] == "income"]
    assert [(m["statistic"], m["status"]) for m in of_segment] == [("values", "no_reference")]


def test_performance_is_that_segments() -> None:
    """One at which the model was never good is no worse than it was."""
    whole = reference()
    parts = {name: part.profile for name, part in whole.segments.items()}
    reached = {"group=young": {"accuracy": 0.95}, "group=old": {"accuracy": 0.6}}
    against = Reference("m@1", whole.profile, {"accuracy": 0.9}).with_segments(parts, reached)
    confusion = {("1", "1"): 620, ("1", "0"): 380}
    for segment, wanted in (("group=old", "ok"), ("group=young", "worse"), ("group=(other)", "no_reference")):
        key = WindowKey("performance", 1, None, segment, 0, HOUR_MS)
        window = ClosedWindow(key, WindowProfile(1_000, {}, {}, PerformanceProfile(1_000, confusion)), 0, {})
        metrics, _ = Verdicts("m", MODEL, Nulls(200)).judge(window, against, 0)
        assert {m["status"] for m in metrics if m["statistic"] == "accuracy"} == {wanted}
