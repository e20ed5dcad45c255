"""Metrics and alerts about whole rows: where they come, and what silences them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import orjson
import pytest

from trimtab.config import ModelConfig
from trimtab.drift import AUC, DOMAIN, Healthy, Nulls
from trimtab.events.columns import FloatArray
from trimtab.profiles import Reference, RowSample, WindowProfile
from trimtab.profiles.groups import InputRows
from trimtab.roles.moving import Moving
from trimtab.roles.verdicts import Verdicts
from trimtab.windows import ClosedWindow, WindowKey

HOUR_MS = 3_600_000
NULLS = Nulls(100)


def model(**other: Any) -> ModelConfig:
    return ModelConfig.model_validate(
        {
            "task": "regression",
            "features": {"x": {"type": "numeric"}, "y": {"type": "numeric"}},
            "window": {"size": HOUR_MS, "min_count": 50},
            "alerts": {"for_windows": 1},
            "factory": {"class": "river.linear_model:LinearRegression"},
            "drift": {"domain_classifier": True, "false_alarms": "1 per 1d"},
            **other,
        }
    )


def values(seed: int, rows: int, correlation: float) -> FloatArray:
    found = np.random.default_rng(seed).normal(size=(2, rows))
    found[1] = correlation * found[0] + np.sqrt(1 - correlation**2) * found[1]
    return found


def reference(seed: int = 1) -> Reference:
    made = values(seed, 2_000, 0.8)
    columns = dict(zip(("x", "y"), made, strict=True))
    return Reference.of("m@1", columns, {}, {}, sample=RowSample.of(512, np.arange(2_000), columns, {}))


def profile(of: FloatArray, start_ms: int, spec: ModelConfig, base: Reference) -> WindowProfile:
    rows = of.shape[1]
    part = InputRows(of, (), np.zeros(rows), np.full(rows, np.nan), start_ms + np.arange(rows))
    return InputRows.profile([part], spec, base)


def key(k: int) -> WindowKey:
    return WindowKey("inputs", 1, "m@1", "", k * HOUR_MS, (k + 1) * HOUR_MS)


def judged(
    verdicts: Verdicts, k: int, of: FloatArray, spec: ModelConfig, base: Reference
) -> tuple[list[dict[str, Any]], list[str]]:
    window = ClosedWindow(key(k), profile(of, k * HOUR_MS, spec, base), 0, {})
    metrics, alerts = verdicts.judge(window, base, 0)
    about = [f"{alert['state']} {alert['kind']} {alert['feature']}" for alert in alerts]
    return [m for m in metrics if m["feature"] == DOMAIN], about


def test_rows_that_are_told_apart_are_an_alert_and_go_again() -> None:
    spec, base = model(), reference()
    verdicts = Verdicts("m", spec, NULLS)
    [metric], alerts = judged(verdicts, 0, values(2, 500, 0.0), spec, base)
    assert alerts == [f"firing drift {DOMAIN}"]
    assert (metric["statistic"], metric["status"], metric["count"]) == (AUC, "drift", 500)
    assert metric["value"] > 0.1
    assert metric["p_value"] < 1e-4
    found = [judged(verdicts, k, values(2 + k, 500, 0.8), spec, base)[1] for k in (1, 2, 3)]
    assert [alert for alerts in found for alert in alerts] == [f"resolved drift {DOMAIN}"]


def test_the_evidence_has_the_threshold() -> None:
    spec, base = model(), reference()
    window = ClosedWindow(key(0), profile(values(2, 500, 0.0), 0, spec, base), 0, {})
    [alert] = Verdicts("m", spec, NULLS).judge(window, base, 0)[1]
    assert alert["evidence"]["thresholds"] == {AUC: 0.1}
    assert list(alert["evidence"]["statistics"]) == [AUC]


@pytest.mark.parametrize("spoil", ["constant", "missing"])
def test_a_feature_that_is_no_measurement_silences_it(spoil: str) -> None:
    spec, base = model(), reference()
    of = values(2, 500, 0.8)
    of[1] = 0.0 if spoil == "constant" else np.nan
    [metric], alerts = judged(Verdicts("m", spec, NULLS), 0, of, spec, base)
    assert metric["status"] == "drift"
    assert len(alerts) == 1
    assert DOMAIN not in alerts[0]


def test_without_rows_there_is_nothing_and_with_few_nothing_is_said() -> None:
    spec, base = model(), reference()
    off = model(drift={"false_alarms": "1 per 1d"})
    old = replace(base, profile=replace(base.profile, sample=None))
    assert judged(Verdicts("m", off, NULLS), 0, values(2, 500, 0.0), off, base) == ([], [])
    assert judged(Verdicts("m", spec, NULLS), 0, values(2, 500, 0.0), spec, old) == ([], [])
    [metric], alerts = judged(Verdicts("m", spec, NULLS), 0, values(2, 55, 0.0), spec, base)
    assert (metric["statistic"], metric["value"], metric["status"], alerts) == ("values", 55, "too_few", [])


MOVING = {"reference": {"from": "moving", "windows": 6, "least": 3}}


def test_a_moving_reference_has_the_rows_of_healthy_windows() -> None:
    spec, base = model(**MOVING), reference()
    verdicts = Verdicts("m", spec, NULLS)
    # Its own correlation is another than that of the training data, which is no drift.
    calm = [judged(verdicts, k, values(10 + k, 300, -0.5), spec, base) for k in range(12)]
    assert [alert for _, alerts in calm for alert in alerts] == []
    assert [m["status"] for m, *_ in (metrics for metrics, _ in calm if metrics)][-1] == "ok"
    records = {name: orjson.loads(made) for name, made in verdicts.take_records().items() if made is not None}
    again = Verdicts("m", spec, NULLS, verdicts.snapshot(), records)
    for each in (verdicts, again):
        [metric], alerts = judged(each, 12, values(30, 300, 0.9), spec, base)
        assert (metric["status"], alerts) == ("drift", [f"firing drift {DOMAIN}"])
        # What goes on is not learnt.
        for k in range(13, 25):
            [metric], alerts = judged(each, k, values(30 + k, 300, 0.9), spec, base)
            assert (metric["status"], alerts) == ("drift", [])


def test_rows_of_a_window_with_something_wrong_are_not_kept() -> None:
    spec, base = model(**MOVING), reference()
    whole = profile(values(1, 60, 0.8), 0, spec, base)
    assert whole.without(set()).sample == whole.sample
    assert whole.without({"x"}).sample is None
    moving = Moving("m", spec)
    for k in range(12):
        of = profile(values(k, 60, 0.8), k * HOUR_MS, spec, base)
        moving.add(key(k), of if k < 6 else of.without({"x"}), {})
    stand_ins = [window.profile.sample for window in moving.before(key(20))._windows]
    assert [None if of is None else int(of.time_ms.min() // HOUR_MS) for of in stand_ins] == [0, 1, 2, 3, 4, 5]
    for k in range(12, 18):
        moving.add(key(k), profile(values(k, 60, 0.8), k * HOUR_MS, spec, base), {})
    kept: list[Healthy] = list(moving.before(key(20))._windows)
    assert [None if of.profile.sample is None else len(of.profile.sample) for of in kept] == [60] * 6
