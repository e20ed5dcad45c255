"""The joined stream: every label is that of a prediction of the same partition."""

from __future__ import annotations

from itertools import islice

import orjson

from loadtest.joined.command import labels, predictions
from loadtest.peers.formats import MODEL_SETTINGS
from loadtest.peers.scripts.task import MODEL
from trimtab.config import ModelConfig
from trimtab.events import Decoder


def test_events_are_valid_and_labels_lie_beside_their_predictions() -> None:
    decoder = Decoder({MODEL: ModelConfig.model_validate(MODEL_SETTINGS)}, 10_000)
    for made, said in islice(zip(predictions(5, 20), labels(5, 20, 1_000), strict=True), 20):
        event, label = decoder.prediction(made.value), decoder.label(said.value)
        assert (event.id, made.partition, made.key) == (label.id, said.partition, said.key)
        assert label.time_ms - event.time_ms == 1_000
        assert event.prediction == str(orjson.loads(said.value)["label"])
