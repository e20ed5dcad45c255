"""What is refused is counted for the model that it belongs to, in the window in which it came."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
import pytest

from trimtab.config import Config, KafkaConfig, ModelConfig
from trimtab.events import EventError, Reason, decode, encode
from trimtab.events.batch import EventBatch, encode_batch
from trimtab.events.columns import Texts
from trimtab.roles.collected import Collected

MODEL = ModelConfig.model_validate(
    {
        "task": "binary",
        "features": {"x": {"type": "numeric"}},
        "window": {"size": "1m"},
        "factory": {"class": "river.linear_model:LogisticRegression"},
    }
)
WRONG = EventError(Reason.WRONG_TYPE, "x: text")


def config(*models: str) -> Config:
    return Config(kafka=KafkaConfig(partitions=2), models=dict.fromkeys(models, MODEL))


def arrivals(collected: Collected) -> dict[str, list[dict[str, Any]]]:
    records = [decode("profile", output.value) for output in collected.profiles(2)]
    return {record["model"]: record["arrivals"] for record in records}


def refuse(collected: Collected, value: bytes, error: EventError = WRONG, ms: int = 61_000, **more: Any) -> None:
    collected.refuse(error, topic="predictions", partition=1, offset=3, timestamp_ms=ms, key=None, value=value, **more)


def batch() -> bytes:
    zero = np.zeros(1, np.int64)
    none = np.zeros(1, np.int32)
    return encode_batch(EventBatch("label", "b", Texts.of(["a"]), zero, none, zero - 1, label=np.array([1.0])))


def avro() -> bytes:
    more = {"version": None, "prediction": None, "score": None}
    return encode("prediction", {"id": "a", "model": "b", "time": 0, "features": {"x": float("nan")}, **more})


@pytest.mark.parametrize(
    "value",
    [
        orjson.dumps({"features": {"model": "a"}, "model": "b", "time": "never"}),
        b'{"time": 0, "model" : "b", "featu',
        batch(),
        avro(),
    ],
)
def test_the_model_is_read_from_whatever_can_be_read(value: bytes) -> None:
    collected = Collected(config("a", "b"), lambda *_: None)
    refuse(collected, value)
    refuse(collected, value, ms=62_000)
    row = {"topic": "predictions", "partition": 1, "start_ms": 60_000, "latest_ms": 62_000}
    assert arrivals(collected) == {"b": [row | {"used": 0, "refused": 2, "duplicates": 0}]}
    assert len(list(collected.outputs())) == 2


@pytest.mark.parametrize("value", [b"", b"\xc3\x01" + b"\0" * 30, b"[1]", b'{"model": "c"}', b'{"model": 7}'])
def test_what_belongs_to_no_model_is_in_dead_letters_only(value: bytes) -> None:
    collected = Collected(config("a", "b"), lambda *_: None)
    refuse(collected, value)
    assert arrivals(collected) == {}
    assert len(list(collected.outputs())) == 1


def test_an_only_model_has_what_names_none_but_not_what_names_another() -> None:
    collected = Collected(config("a"), lambda *_: None)
    refuse(collected, b"gibberish")
    refuse(collected, b'{"model": "c"}')
    assert [row["refused"] for row in arrivals(collected)["a"]] == [1]


def test_duplicates_are_told_apart_and_lonely_parts_are_not_counted() -> None:
    collected = Collected(config("a", "b"), lambda *_: None)
    refuse(collected, b"", EventError(Reason.DUPLICATE, "again"), model="b")
    refuse(collected, b"", EventError(Reason.LABEL_WITHOUT_PREDICTION, "alone"), model="b")
    [row] = arrivals(collected)["b"]
    assert (row["used"], row["refused"], row["duplicates"]) == (0, 0, 1)


def test_what_is_cleared_is_forgotten() -> None:
    collected = Collected(config("a"), lambda *_: None)
    refuse(collected, b"gibberish")
    collected.clear()
    assert arrivals(collected) == {}
