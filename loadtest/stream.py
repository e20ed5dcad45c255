"""The stream that is measured: prediction events of one model with numeric features."""

from __future__ import annotations

import random
from collections.abc import Iterator

import orjson

from trimtab.config import KafkaConfig
from trimtab.kafka.clients import producer

__all__ = ["FEATURES", "MODEL", "events", "fill"]

MODEL = "bench"
FEATURES = tuple(f"feature_{k}" for k in range(10))
START_MS = 1_700_000_000_000
# 1,000 events are one second of event time.
EVENTS_A_SECOND = 1_000


def events(count: int, seed: int = 0) -> Iterator[tuple[bytes, bytes]]:
    """Key and JSON value of ``count`` predictions, the same for the same seed.

    Examples
    --------
    >>> [(key, orjson.loads(value)["model"]) for key, value in events(2)]
    [(b'e0', 'bench'), (b'e1', 'bench')]
    """
    rng = random.Random(seed)
    for i in range(count):
        features = {name: round(rng.gauss(0, 1), 6) for name in FEATURES}
        event = {
            "id": f"e{i}",
            "model": MODEL,
            "time": START_MS + i * 1_000 // EVENTS_A_SECOND,
            "features": features,
            "prediction": int(features["feature_0"] > 0),
            "score": round(rng.random(), 6),
        }
        yield event["id"].encode(), orjson.dumps(event)  # type: ignore[attr-defined]


def fill(config: KafkaConfig, topic: str, count: int) -> int:
    """Produce the stream; returns its bytes."""
    sender, size = producer(config, "loadtest-fill", linger_ms=50, queue_buffering_max_messages=1_000_000), 0
    for key, value in events(count):
        sender.produce(topic, value, key)
        size += len(value)
        if len(value) % 64 == 0:
            sender.poll(0)
    if sender.flush(120.0):
        raise SystemExit("loadtest: the broker did not take the stream within 120 s")
    return size
