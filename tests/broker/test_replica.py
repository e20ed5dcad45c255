"""A replica is the trainer's model, bit by bit, and its name changes with it; on a real Kafka."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from river import compose, forest, linear_model, preprocessing

from tests.broker.publishing import MODEL, Trainer, config_of
from trimtab import ModelFollower
from trimtab.config import KafkaConfig, ModelConfig
from trimtab.events import Example
from trimtab.events.examples import Examples, encode_examples
from trimtab.kafka.clients import producer
from trimtab.kafka.topics import Topics, partition_of
from trimtab.registry.digest import state_diff
from trimtab.registry.snapshot import dump, load
from trimtab.training import model_input, read_batch
from trimtab.training.task import make_task

TASK = make_task("binary")
FEATURES = {"x": {"type": "numeric"}, "y": {"type": "numeric"}}
PROBES: list[dict[str, object]] = [{"x": 1.0, "y": -2.0}, {"x": -0.5, "y": None}, {"x": 3.0, "y": 0.25}]
MAX_BYTES = 10_000_000

Answer = tuple[object, float | None]


def scaled() -> Any:
    return compose.Pipeline(preprocessing.StandardScaler(), linear_model.LogisticRegression())


def trees() -> Any:
    return forest.ARFClassifier(n_models=3, grace_period=10, seed=7)


def example(rng: random.Random, number: int) -> dict[str, Any]:
    x, y = rng.gauss(0, 1), rng.choice([None, rng.gauss(2, 5)])
    return {
        "id": f"e{number}",
        "time_ms": number,
        "label_time_ms": number + 1,
        "features": {"x": x, "y": y},
        "label": "1" if x + (y or 0.0) > rng.gauss(1, 1) else "0",
        "prediction": None,
        "score": None,
        "version": 0,
        "learnt_offset": None,
        "produced_ms": number,
    }


def batches(count: int, size: int, seed: int = 1) -> list[bytes]:
    rng = random.Random(seed)
    config = ModelConfig.model_validate({"task": "binary", "features": FEATURES, "factory": {"function": "a:b"}})
    return [
        encode_examples(MODEL, Examples.of([Example(**example(rng, n * size + i)) for i in range(size)], config))
        for n in range(count)
    ]


class Log:
    """The examples log of the model."""

    def __init__(self, kafka: KafkaConfig) -> None:
        self._topic = Topics(kafka.topic_prefix).examples
        self._partition = partition_of(MODEL, kafka.partitions)
        self._producer = producer(kafka, "test-collector")

    def append(self, value: bytes, key: str = MODEL) -> int:
        """Produce one record; its offset."""
        offsets: list[int] = []
        self._producer.produce(
            self._topic, value, key.encode(), self._partition, on_delivery=lambda _, m: offsets.append(m.offset())
        )
        assert self._producer.flush(10) == 0
        return offsets[0]


class Own:
    """The trainer's model, kept by the test."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def learn(self, offset: int, value: bytes) -> None:
        for one in read_batch(offset, value).examples:
            x = model_input(one.features)
            TASK.predict(self.model, x)
            TASK.learn(self.model, x, one.label)

    def answers(self) -> list[Answer]:
        said = [TASK.predict(self.model, {k: v for k, v in probe.items() if v is not None}) for probe in PROBES]
        return [(answer.value, answer.score) for answer in said]


def copy(data: bytes) -> Any:
    return load(data, max_bytes=MAX_BYTES)


def until(condition: Callable[[], bool], timeout_s: float = 20.0) -> bool:
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def serves(follower: ModelFollower, name: str) -> bool:
    return until(lambda: follower.served is not None and follower.served.name == name)


def difference(follower: ModelFollower, own: Own) -> str | None:
    """Where the replica's state and ours differ; the log must stand still."""
    assert follower.served is not None
    return state_diff(follower.served.model, own.model)


@pytest.fixture
def log(kafka: KafkaConfig) -> Log:
    return Log(kafka)


@pytest.fixture
def trainer(kafka: KafkaConfig) -> Trainer:
    return Trainer(kafka)


def follow(kafka: KafkaConfig) -> ModelFollower:
    return ModelFollower(MODEL, config_of(kafka, "online", features=FEATURES), replica=True)


@pytest.mark.parametrize("make", [scaled, trees])
def test_a_replica_equals_the_trainer_at_every_offset(
    kafka: KafkaConfig, log: Log, trainer: Trainer, make: Callable[[], Any]
) -> None:
    own = Own(make())
    values = batches(9, 15)
    for value in values[:3]:
        last = log.append(value)
        own.learn(last, value)
    first = dump(own.model)
    own.model = copy(first)
    trainer.version(1, first, last_offset=last)
    with follow(kafka) as follower:
        assert serves(follower, f"{MODEL}@1")
        for value in values[3:]:
            offset = log.append(value)
            own.learn(offset, value)
            assert serves(follower, f"{MODEL}@1+{offset}")
            assert difference(follower, own) is None


def test_what_stands_in_the_log_already_is_learnt(kafka: KafkaConfig, log: Log, trainer: Trainer) -> None:
    data = dump(scaled())
    own = Own(copy(data))
    trainer.version(1, data, last_offset=-1)
    for value in batches(6, 10):
        last = log.append(value)
        own.learn(last, value)
        log.append(value, key="another")
    with follow(kafka) as follower:
        assert serves(follower, f"{MODEL}@1+{last}")
        assert difference(follower, own) is None


def test_a_new_version_is_continued_from_where_it_had_learnt(kafka: KafkaConfig, log: Log, trainer: Trainer) -> None:
    values = batches(8, 10)
    trainer.version(1, dump(scaled()), last_offset=-1)
    reset = Own(scaled())
    with follow(kafka) as follower:
        offsets = [log.append(value) for value in values]
        assert serves(follower, f"{MODEL}@1+{offsets[-1]}")
        # The winner of a race learnt only some of the log, and not its end.
        for offset, value in zip(offsets[2:5], values[2:5], strict=True):
            reset.learn(offset, value)
        data = dump(reset.model)
        trainer.version(2, data, last_offset=offsets[4])
        reset.model = copy(data)
        for offset, value in zip(offsets[5:], values[5:], strict=True):
            reset.learn(offset, value)
        assert serves(follower, f"{MODEL}@2+{offsets[-1]}")
        assert difference(follower, reset) is None


def test_asking_a_replica_does_not_change_what_it_learns(kafka: KafkaConfig, log: Log, trainer: Trainer) -> None:
    data = dump(scaled())
    own = Own(copy(data))
    trainer.version(1, data, last_offset=-1)
    with follow(kafka) as follower, asking(follower) as seen:
        for value in batches(10, 20):
            last = log.append(value)
            own.learn(last, value)
        assert serves(follower, f"{MODEL}@1+{last}")
    assert seen
    assert difference(follower, own) is None


@pytest.mark.parametrize("make", [scaled, trees])
def test_the_name_is_that_of_the_state_that_answered(
    kafka: KafkaConfig, log: Log, trainer: Trainer, make: Callable[[], Any]
) -> None:
    data = dump(make())
    own = Own(copy(data))
    trainer.version(1, data, last_offset=-1)
    expected = {f"{MODEL}@1": own.answers()}
    with follow(kafka) as follower, asking(follower) as seen:
        for value in batches(40, 40):
            last = log.append(value)
            own.learn(last, value)
            expected[f"{MODEL}@1+{last}"] = own.answers()
        assert serves(follower, f"{MODEL}@1+{last}")
        time.sleep(0.05)
    assert len({name for name, _, _ in seen}) > 10
    assert f"{MODEL}@1+{last}" in {name for name, _, _ in seen}
    wrong = [(name, probe) for name, probe, answer in seen if answer != expected[name][probe]]
    assert wrong == []


class asking:
    """Asks a follower from several threads while the block runs; gives name, number of the probe and answer."""

    def __init__(self, follower: ModelFollower, threads: int = 3) -> None:
        self._follower = follower
        self._stop = threading.Event()
        self._seen: set[tuple[str, int, Answer]] = set()
        self._threads = [threading.Thread(target=self._ask) for _ in range(threads)]

    def __enter__(self) -> set[tuple[str, int, Answer]]:
        assert self._follower.wait_for_model(10)
        for thread in self._threads:
            thread.start()
        return self._seen

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        while not self._stop.is_set():
            for number, probe in enumerate(PROBES):
                answer = self._follower.predict(probe)
                assert answer.name is not None
                self._seen.add((answer.name, number, (answer.value, answer.score)))
