"""Events mean the same in JSON and Avro, and every bad one has its reason."""

from __future__ import annotations

import pytest

from trimtab.config import parse_config
from trimtab.events import Decoder, EventError, encode, parse_time

CONFIG = """
models:
  credit:
    task: binary
    features: {income: {type: numeric}, region: {type: categorical}}
    factory: {class: "river.linear_model:LogisticRegression"}
"""
DECODER = Decoder(parse_config(CONFIG, source="test", environ={}).models, max_bytes=1_000)


def test_json_and_avro_are_the_same_event() -> None:
    json = (
        b'{"id":"a","model":"credit","version":"credit@7+12","time":"1970-01-01T00:00:05Z",'
        b'"features":{"income":3,"region":"n\xc3\xb6rd","more":1},"prediction":true,"score":0.5}'
    )
    record = {
        "id": "a",
        "model": "credit",
        "version": "credit@7+12",
        "time": 5_000,
        "features": {"income": 3.0, "region": "nörd"},
        "prediction": 1,
        "score": 0.5,
    }
    event = DECODER.prediction(json)
    assert event == DECODER.prediction(encode("prediction", record))
    assert (event.version, event.learnt_offset, event.time_ms) == (7, 12, 5_000)
    assert event.features == {"income": 3.0, "region": "nörd"}
    assert event.prediction == "1"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (None, "malformed"),
        (b"", "malformed"),
        (b"{", "malformed"),
        (b"[1]", "unknown_schema"),
        (b"\xc3\x01\x00\x00\x00\x00\x00\x00\x00\x00a", "unknown_schema"),
        (b'{"id":"a","model":"credit","features":{}}', "missing_field"),
        (b'{"id":"","model":"credit","time":0}', "missing_field"),
        (b'{"id":5,"model":"credit","time":0}', "wrong_type"),
        (b'{"id":"a","model":"other","time":0}', "unknown_model"),
        (b'{"id":"a","model":"credit","time":true}', "wrong_type"),
        (b'{"id":"a","model":"credit","time":0,"features":{"income":Infinity}}', "non_finite"),
        (b'{"id":"a","model":"credit","time":0,"features":{"income":"x"}}', "wrong_type"),
        (b'{"id":"a","model":"credit","time":0,"score":1.5}', "wrong_type"),
        (b'{"id":"a","model":"credit","time":0,"version":"other@1"}', "wrong_type"),
        (b'{"id":"a","model":"credit","time":0,"pad":"' + b"x" * 1_000 + b'"}', "too_large"),
    ],
)
def test_every_bad_prediction_has_its_reason(data: bytes | None, reason: str) -> None:
    with pytest.raises(EventError) as caught:
        DECODER.prediction(data)
    assert caught.value.reason == reason


def test_a_truncated_avro_body_is_malformed() -> None:
    whole = encode("label", {"id": "a", "model": None, "time": 0, "label": 1.0})
    for size in range(10, len(whole)):
        with pytest.raises(EventError, match="malformed"):
            DECODER.label(whole[:size])


def test_times_in_other_units_are_refused() -> None:
    with pytest.raises(EventError, match="not milliseconds"):
        parse_time(10**18, "time")
