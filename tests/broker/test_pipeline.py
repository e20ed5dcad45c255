"""Bad input on the real broker: each bad event ends in dead letters with its reason, and the rest flows on."""

from __future__ import annotations

import time
from base64 import b64decode
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.broker.running import FIRST_VERSION, Results, play, rows, running, wait_until, write_config
from trimtab.config import KafkaConfig, load_config
from trimtab.events import encode
from trimtab.kafka.clients import producer
from trimtab.kafka.topics import Topics

DAY_MS = 86_400_000
AHEAD_MS = time.time_ns() // 1_000_000 + 2 * 3_600_000


def prediction(model: str, event_id: str, features: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": event_id, "model": model, "time": 0, "features": features, **more}


@pytest.mark.timeout(200)
def test_bad_input_is_refused_and_the_rest_flows_on(kafka: KafkaConfig, tmp_path: Path) -> None:
    path = write_config(kafka, tmp_path, {"credit": "online"})
    config = load_config(path)
    topics = Topics(kafka.topic_prefix)
    stream = rows(FIRST_VERSION + 300, seed=5, turn=10_000)
    names = list(stream[0].features)
    good = dict.fromkeys(names, 0.5)
    raw = producer(kafka, "bad-input")

    def avro(event_id: str, value: float) -> bytes:
        record = {"version": None, "prediction": None, "score": None}
        return encode("prediction", record | prediction("credit", event_id, dict.fromkeys(names, value)))

    bad: list[tuple[str, bytes, str]] = [
        (topics.predictions, b'{"id": "broken', "malformed"),
        (topics.predictions, b"\xc3\x01" + b"\x00" * 30, "unknown_schema"),
        (topics.predictions, b"\x00\x00\x00\x00\x01abc", "unknown_schema"),
        (topics.predictions, b'{"model": "credit", "time": 0, "features": {}}', "missing_field"),
        (topics.predictions, orjson.dumps(prediction("credit", "w", {names[0]: "text"})), "wrong_type"),
        (topics.predictions, b'{"id": "n", "model": "credit", "time": 0, "features": {"a": NaN}}', "non_finite"),
        (topics.predictions, avro("avro-nan", float("nan")), "non_finite"),
        (topics.predictions, orjson.dumps(prediction("nobody", "u", good)), "unknown_model"),
        (topics.predictions, orjson.dumps(prediction("credit", "big", good, pad="x" * 2_000_000)), "too_large"),
        (topics.predictions, orjson.dumps(prediction("credit", "soon", good, time=AHEAD_MS)), "from_the_future"),
        (topics.labels, b'{"id": "l", "time": 0, "label": {"a": 1}}', "wrong_type"),
        (topics.labels, b'{"id": "stray", "time": 0, "label": 1}', "label_without_prediction"),
    ]
    at: dict[tuple[str, int, int], str] = {}
    results = Results(config)

    def delivered(reason: str) -> Any:
        def report(error: object, message: Any) -> None:
            assert error is None, error
            at[message.topic(), message.partition(), message.offset()] = reason

        return report

    def letters() -> dict[tuple[str, int, int], str]:
        return {(d["topic"], d["partition"], d["offset"]): d["reason"] for d in results.dead_letters()}

    with running(path):
        for topic, value, reason in bad:
            key = b"stray" if reason == "label_without_prediction" else b"bad"
            raw.produce(topic, value, key, on_delivery=delivered(reason))
        same = orjson.dumps(prediction("credit", "twice", good))
        raw.produce(topics.predictions, same, b"twice")
        raw.produce(topics.predictions, same, b"twice", on_delivery=delivered("duplicate"))
        raw.produce(topics.predictions, avro("avro-good", 0.5), b"avro-good")
        assert raw.flush(20) == 0
        play(config, stream, 300.0)
        # Both sides' event time must pass the horizon before a stray label is given up.
        horizon = config.models["credit"].label_horizon
        late = stream[-1].time_ms + horizon + DAY_MS
        for partition in range(kafka.partitions):
            end = prediction("credit", f"end-{partition}", good) | {"time": late}
            raw.produce(topics.predictions, orjson.dumps(end), b"end", partition)
            label = {"id": f"end-{partition}", "time": late, "label": 1}
            raw.produce(topics.labels, orjson.dumps(label), b"end", partition)
        assert raw.flush(20) == 0
        assert wait_until(lambda: letters() == at, 40.0), set(letters().items()) ^ set(at.items())
        wanted = {("credit", row.id) for row in stream}
        assert wait_until(lambda: wanted <= {(m, e.id) for m, _, e in results.examples()}, 30.0)
        time.sleep(0.5)
    (repeated,) = [letter for letter in results.dead_letters() if letter["reason"] == "duplicate"]
    assert b64decode(repeated["value"]) == same
    examples = results.examples()
    assert len({(m, e.id) for m, _, e in examples}) == len(examples), "an example is in the log twice"
    looked_ahead = [e.id for _, offset, e in examples if e.learnt_offset is not None and e.learnt_offset >= offset]
    assert any(e.learnt_offset is not None for _, _, e in examples)
    assert looked_ahead == [], "an example was learnt before its prediction was made"
