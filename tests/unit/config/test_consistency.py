"""Settings that contradict each other, or could never have an effect, are refused with what to do."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from trimtab.config import ModelConfig

BASE: dict[str, Any] = {
    "task": "binary",
    "features": {
        "x": {"type": "numeric"},
        "y": {"type": "numeric"},
        "c": {"type": "categorical", "values": ["a", "b"]},
        "open": {"type": "categorical"},
    },
    "factory": {"class": "a:B"},
}
NUMERIC = {"x": {"type": "numeric"}}
CATEGORICAL = {"c": {"type": "categorical", "values": ["a"]}}


def refused(**settings: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        ModelConfig.model_validate({**BASE, **settings})
    [error] = caught.value.errors()
    return str(error["msg"])


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"features": {"x": {"type": "numeric", "min": 9, "max": 3}}}, "min 9 is above max 3"),
        ({"features": {"(refused)": {"type": "numeric"}}}, "'(refused)' is a name that Trimtab gives"),
        ({"features": {"__score__": {"type": "numeric"}}}, "'__score__' is a name that Trimtab gives"),
        ({"features": {"": {"type": "numeric"}}}, "'' is a name"),
        ({"segments": ["open"]}, "features.open has no values"),
        ({"segments": ["x"]}, "'x' is not a categorical feature"),
        ({"segments": ["c", "c"]}, "named twice"),
        ({"absence": {"predictions": 0}}, "greater than 0"),
        ({"absence": {"labels": -1}}, "greater than 0"),
        ({"labels": False, "absence": {"labels": 60_000}}, "absence.labels: it needs labels"),
        ({"labels": False, "performance": [{"metric": "accuracy", "limit": 0.5}]}, "performance: it needs labels"),
        ({"drift": {"thresholds": {"ks": 0.2}}, "features": CATEGORICAL}, "none of ks measures a feature"),
        ({"drift": {"thresholds": {"chi2": 0.2}}, "features": NUMERIC}, "none of chi2 measures a feature"),
        ({"drift": {"multivariate": True}, "features": NUMERIC}, "2 to 50 numeric features, and there are 1"),
        ({"window": {"size": 60_000, "count": 99}}, "window.count: 99 is below window.min_count, 100"),
    ],
)
def test_it_is_refused(settings: dict[str, Any], said: str) -> None:
    assert said in refused(**settings)


@pytest.mark.parametrize(
    "settings",
    [
        {"features": {"x": {"type": "numeric", "min": 3, "max": 3}}},
        {"features": {"__x": {"type": "numeric"}, "x(1)": {"type": "numeric"}}},
        {"segments": ["c"]},
        {"labels": False},
        # Drift is off; data quality and performance are not.
        {"drift": {"thresholds": {}}},
        {"drift": {"thresholds": {"psi": 0.2}}, "features": CATEGORICAL},
        {"drift": {"multivariate": True}},
        {"window": {"size": 60_000, "count": 100}},
    ],
)
def test_it_is_taken(settings: dict[str, Any]) -> None:
    ModelConfig.model_validate({**BASE, **settings})
