"""A collector that has let rows go starts again from its store, and joins what is left."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.broker.running import START_MS, Results, running, wait_until, write_config
from trimtab import Producer
from trimtab.config import KafkaConfig, load_config

# The horizon is two minutes of event time: all but the last rows go.
ROWS, EARLY, STEP_MS = 16_000, 4_000, 25
X = {"x": 1.0, "y": 2.0}


def send(producer: Producer, first: int, last: int) -> None:
    for i in range(first, last):
        time_ms = START_MS + i * STEP_MS
        producer.prediction(model="credit", id=f"r{i}", time=time_ms, features=X, prediction=1, score=0.5)
    # Labels tell how far their side has come; this one's prediction never comes.
    producer.label(id=f"none-{last}", time=START_MS + last * STEP_MS, label=1)
    assert producer.flush(30) == 0


@pytest.mark.timeout(120)
def test_what_is_left_is_joined_after_a_restart(kafka: KafkaConfig, tmp_path: Path) -> None:
    path = write_config(kafka, tmp_path, {"credit": "online"})
    config = load_config(path)
    results = Results(config)
    with Producer(config) as producer:
        with running(path, ["collector"]):
            send(producer, 0, EARLY)
            assert wait_until(lambda: results.profiled()["credit"] >= EARLY, 40)
            send(producer, EARLY, ROWS)
            assert wait_until(lambda: results.profiled()["credit"] >= ROWS, 40)
            # Rows are let go of once a second.
            assert wait_until(lambda: len(results.dead_letters()) >= 1, 40)
        with running(path, ["collector"]) as [collector]:
            for i in range(ROWS - 2_000, ROWS):
                producer.label(id=f"r{i}", time=START_MS + ROWS * STEP_MS, label=1)
            assert producer.flush(30) == 0
            assert wait_until(lambda: len(results.examples()) == 2_000, 40)
            assert collector.poll() is None
    assert {example.id for _, _, example in results.examples()} == {f"r{i}" for i in range(ROWS - 2_000, ROWS)}
