"""How soon a label counts in a replica's predictions: from its sending to a served model that has learnt it."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from confluent_kafka import OFFSET_BEGINNING, TopicPartition

from loadtest.processes import Role
from loadtest.registry.versions import FIRST, configured
from trimtab import ModelFollower, Producer
from trimtab.config import Config
from trimtab.events.examples import decode_examples
from trimtab.kafka.clients import consumer
from trimtab.kafka.topics import Topics, partition_of

__all__ = ["replica"]

MODEL = "m"
_WARM_S = 3.0


def replica(bootstrap: str, folder: Path, rate: int, seconds: float, tell: Callable[[str], None]) -> dict[str, Any]:
    """Labels at a rate through collector, trainer and a replica, all on this machine."""
    config = configured(bootstrap, folder, [MODEL], prefix="replica.", mode="online", first_version_after=FIRST)
    path = folder / "replica.yaml"
    with Role("collector", path) as collector, Role("trainer", path) as trainer, Producer(config) as producer:
        _send(producer, 0, FIRST + 50, 500)
        with ModelFollower(MODEL, config, replica=True) as follower, _Learnt(config, follower) as learnt:
            if not follower.wait_for_model(60):
                raise SystemExit(f"loadtest: no first version:\n{trainer.log_tail}\n{collector.log_tail}")
            tell("replica: serves")
            sent = _send(producer, 10_000, int(rate * (seconds + _WARM_S)), rate)
            time.sleep(1.0)
            took = [learnt.at[id] - at for id, at in sent.items() if id in learnt.at][int(rate * _WARM_S) :]
    if len(took) < 0.9 * rate * seconds:
        raise SystemExit(f"loadtest: {len(took)} labels of {rate * seconds:.0f} were learnt")
    p50, p99 = (float(np.percentile(took, q)) * 1_000 for q in (50, 99))
    return {"labels_per_s": rate, "labels": len(took), "p50_ms": p50, "p99_ms": p99, "goal": {"p99_ms": 100.0}}


def _send(producer: Producer, first: int, count: int, rate: int) -> dict[str, float]:
    """Predictions and, a moment later, their labels; returns when each label was sent."""
    rng, sent, began = random.Random(first), dict[str, float](), time.monotonic()
    for number in range(count):
        time.sleep(max(0.0, began + number / rate - time.monotonic()))
        id, at = f"e{first + number}", 1_700_000_000_000 + (first + number) * 10
        x = {"x": rng.gauss(0, 1), "y": rng.gauss(0, 1)}
        producer.prediction(model=MODEL, id=id, time=at, features=x, prediction="1", score=0.5, served=None)
        sent[id] = time.monotonic()
        producer.label(id=id, time=at + 1, label=str(int(x["x"] > 0)))
    producer.flush(10)
    return sent


class _Learnt:
    """When a served model first had learnt each example."""

    def __init__(self, config: Config, follower: ModelFollower) -> None:
        self._config = config
        self._follower = follower
        self._waiting: list[tuple[int, list[str]]] = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=one, daemon=True) for one in (self._read, self._watch)]
        self.at: dict[str, float] = {}

    def __enter__(self) -> _Learnt:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _read(self) -> None:
        """Which ids are in which record of the examples log."""
        reader = consumer(self._config.kafka, "loadtest-heard", fetch_wait_max_ms=5)
        home = partition_of(MODEL, self._config.kafka.partitions)
        reader.assign([TopicPartition(Topics(self._config.kafka.topic_prefix).examples, home, OFFSET_BEGINNING)])
        while not self._stop.is_set():
            message = reader.poll(0.05)
            if message is not None and message.error() is None:
                self._waiting.append((message.offset(), decode_examples(message.value() or b"").ids.to_list()))
        reader.close()

    def _watch(self) -> None:
        """Every millisecond, what the served model has learnt."""
        heard: list[tuple[float, int]] = []
        while not self._stop.is_set():
            served = self._follower.served
            offset = -1 if served is None or served.learnt_offset is None else served.learnt_offset
            if not heard or offset > heard[-1][1]:
                heard.append((time.monotonic(), offset))
            # What is read after it was learnt was learnt when the model first had it.
            while self._waiting and self._waiting[0][0] <= heard[-1][1]:
                record, ids = self._waiting.pop(0)
                when = next(at for at, learnt in heard if learnt >= record)
                self.at |= dict.fromkeys(ids, when)
            time.sleep(0.001)
