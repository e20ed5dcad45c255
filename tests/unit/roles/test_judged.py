"""What is written of one judged window."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from trimtab.config import ModelConfig
from trimtab.drift import Nulls
from trimtab.profiles import NumericProfile, Reference, WindowProfile
from trimtab.roles.verdicts import Verdicts
from trimtab.windows import ClosedWindow, WindowKey

HOUR_MS = 3_600_000
DRAW = np.random.default_rng(11)
BASE = Reference.of("m@1", {"x": DRAW.normal(size=2_000), "y": DRAW.normal(size=2_000)}, {}, {})
MODEL = ModelConfig.model_validate(
    {
        "task": "binary",
        "features": {"x": {"type": "numeric"}, "y": {"type": "numeric"}},
        "window": {"size": HOUR_MS, "min_count": 10},
        "factory": {"class": "river.linear_model:LogisticRegression"},
    }
)


def judged(by: float) -> tuple[dict[tuple[str, str], dict[str, Any]], list[dict[str, Any]]]:
    values = {"x": DRAW.normal(by, size=500), "y": DRAW.normal(size=500)}
    profile = WindowProfile(500, {name: NumericProfile.of(of, BASE.frame(name)) for name, of in values.items()})
    window = ClosedWindow(WindowKey("inputs", 1, "m@1", "", 0, HOUR_MS), profile, 0, {})
    metrics, alerts = Verdicts("m", MODEL, Nulls(200)).judge(window, BASE, 0)
    return {(m["feature"], m["statistic"]): m for m in metrics if m["feature"]}, alerts


def test_the_p_value_of_a_feature_is_a_metric_and_evidence_where_there_is_an_effect() -> None:
    metrics, [alert] = judged(1.0)
    [(feature, _)] = [key for key in metrics if key[1] == "combined_p"]
    found = metrics["x", "combined_p"]
    assert (feature, found["value"], found["status"]) == ("x", found["p_value"], "drift")
    assert alert["evidence"]["p_values"]["combined_p"] == found["value"]
    assert found["value"] >= min(alert["evidence"]["p_values"].values())
    assert "combined_p" not in alert["evidence"]["statistics"]


def test_there_is_none_without_an_effect() -> None:
    metrics, alerts = judged(0.0)
    assert alerts == []
    assert {statistic for _, statistic in metrics} & {"combined_p"} == set()
    assert metrics["x", "ks"]["p_value"] == pytest.approx(0.5, abs=0.5)


def test_one_failure_does_not_hide_another() -> None:
    """Each check of a feature has an alert of its own."""
    verdicts, base = Verdicts("m", MODEL, Nulls(200)), DRAW.normal(100.0, 5.0, size=2_000)
    reference = Reference.of("m@1", {"x": base, "y": base}, {}, {})

    def window(k: int, x: Any) -> list[tuple[str, str, str | None]]:
        profile = WindowProfile(x.size, {"x": NumericProfile.of(x, reference.frame("x"))})
        closed = ClosedWindow(WindowKey("inputs", 1, "m@1", "", k * HOUR_MS, (k + 1) * HOUR_MS), profile, 0, {})
        return [
            (alert["state"], alert["detector"], alert["incident"])
            for alert in verdicts.judge(closed, reference, 0)[1]
            if alert["kind"] == "quality"
        ]

    good = base[:500]
    [corrupt] = window(0, np.append(good, 1e6))
    assert corrupt[:2] == ("firing", "corrupt")
    [unit] = window(1, np.append(good * 1_000, 1e12))
    assert unit[:2] == ("firing", "unit_change")
    assert unit[2] != corrupt[2]
    assert window(2, good) == []
    assert sorted(window(3, good)) == [("resolved", "corrupt", corrupt[2]), ("resolved", "unit_change", unit[2])]
