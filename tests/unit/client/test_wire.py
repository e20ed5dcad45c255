from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from trimtab.client.wire import Encoder
from trimtab.config import Config, ModelConfig
from trimtab.events import Decoder, EventError

MODEL: dict[str, Any] = {
    "task": "binary",
    "features": {"x": {"type": "numeric"}, "c": {"type": "categorical"}},
    "factory": {"class": "river.linear_model:LogisticRegression"},
    "fields": {"id": "key", "time": "at", "features": "inputs", "label": "truth", "prediction": "guess"},
}
CONFIG = Config.model_validate({"models": {"credit": MODEL}})
PREDICTION: dict[str, Any] = {
    "model": "credit",
    "id": "a",
    "time": 5,
    "features": {"x": 1.5, "c": "red"},
    "prediction": 1,
    "score": 0.75,
    "served": "credit@7+12",
}


def decoder(models: dict[str, ModelConfig]) -> Decoder:
    return Decoder(models, max_bytes=1_000_000)


@pytest.mark.parametrize("own_names", [True, False])
def test_the_collector_reads_what_is_written(own_names: bool) -> None:
    models = dict(CONFIG.models)
    if not own_names:
        models["credit"] = ModelConfig.model_validate({k: v for k, v in MODEL.items() if k != "fields"})
    encoder = Encoder(CONFIG if own_names else None)
    event = decoder(models).prediction(encoder.prediction(**PREDICTION))
    assert (event.id, event.version, event.learnt_offset, event.time_ms) == ("a", 7, 12, 5)
    assert (event.features, event.prediction, event.score) == ({"x": 1.5, "c": "red"}, "1", 0.75)
    features = decoder(models).feature(
        encoder.feature(id="a", time=datetime(1970, 1, 1, tzinfo=UTC), features={"x": 1})
    )
    assert (features.id, features.time_ms, features.features) == ("a", 0, {"x": 1})
    for model in ("credit", None):
        label = decoder(models).label(encoder.label(id="a", time="1970-01-01T00:00:01Z", label=True, model=model))
        assert (label.id, label.time_ms, label.label, label.model) == ("a", 1_000, True, model)


def test_numpy_scalars_become_plain() -> None:
    features = {"x": np.float32(1.5), "c": np.int64(3)}
    event = decoder(dict(CONFIG.models)).prediction(
        Encoder(CONFIG).prediction(**PREDICTION | {"features": features, "prediction": np.bool_(True)})
    )
    assert (event.features, event.prediction) == ({"x": 1.5, "c": "3"}, "1")


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": ""},
        {"id": 7},
        {"time": None},
        {"time": float("nan")},
        {"time": "yesterday"},
        {"model": ""},
        {"model": "other"},
        {"features": [1]},
        {"features": {"x": float("nan")}},
        {"features": {"x": np.float32("inf")}},
        {"features": {"x": [1]}},
        {"features": {"x": np.array([1.0])}},
        {"features": {1: 1}},
        {"features": {"x": 2**70}},
        {"prediction": float("inf")},
        {"prediction": None},
        {"score": 1.5},
        {"score": "0.5"},
        {"score": True},
        {"served": "other@7"},
        {"served": 7},
    ],
)
def test_bad_arguments_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(EventError):
        Encoder(CONFIG).prediction(**PREDICTION | wrong)


@pytest.mark.parametrize("label", [None, float("nan"), [1]])
def test_bad_labels_are_refused(label: object) -> None:
    with pytest.raises(EventError):
        Encoder(None).label(id="a", time=0, label=label, model=None)
