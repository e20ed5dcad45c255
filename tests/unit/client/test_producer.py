"""Without a broker: nothing listens on the port, so everything waits, is refused or is dropped; nothing raises."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator, Sequence

import pytest

import trimtab
from trimtab import ModelFollower, Producer
from trimtab.client import Drop
from trimtab.client.wire import Call
from trimtab.config import Config, KafkaConfig
from trimtab.errors import ConfigError, KafkaError

BIG = {"x": "y" * 1_000_001}


@pytest.fixture
def nowhere() -> Iterator[KafkaConfig]:
    """A port that is ours and that nobody listens on."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield KafkaConfig(bootstrap_servers=f"127.0.0.1:{holder.getsockname()[1]}")


def test_every_call_is_counted(nowhere: KafkaConfig) -> None:
    drops: list[Drop] = []
    producer = Producer(nowhere, buffer_events=10, on_drop=drops.append)
    started = time.monotonic()
    for i in range(15):
        producer.feature(id=f"e{i}", time=0, features={"x": 1.0})
    producer.feature(id="nan", time=0, features={"x": float("nan")})
    producer.feature(id="", time=0, features={})
    producer.feature(id="big", time=0, features=BIG)
    producer.label(id=object(), time=object(), label=object())  # type: ignore[arg-type]
    assert time.monotonic() - started < 2
    stats = producer.stats
    assert (stats.accepted, stats.delivered, stats.pending) == (10, 0, 10)
    assert stats.dropped == {"buffer_full": 5, "invalid": 3, "too_large": 1}
    assert producer.flush(0.1) == 10
    producer.close(0.1)
    assert time.monotonic() - started < 5
    producer.label(id="late", time=0, label=1)
    stats = producer.stats
    assert stats.pending == 0
    assert stats.dropped == {"buffer_full": 5, "invalid": 3, "too_large": 1, "delivery_failed": 10, "closed": 1}
    assert len(drops) == 20
    purged = [drop for drop in drops if drop.reason == "delivery_failed"]
    assert sorted(drop.id for drop in purged) == [f"e{i}" for i in range(10)]
    assert {drop.kind for drop in purged} == {"feature"}
    assert all(drop.data for drop in purged)


def test_each_reason_is_logged_once(nowhere: KafkaConfig, caplog: pytest.LogCaptureFixture) -> None:
    with Producer(nowhere) as producer:
        for _ in range(3):
            producer.label(id="a", time=0, label=float("nan"))
    assert caplog.text.count("not finite") == 1


def test_a_failing_hook_does_not_reach_the_caller(nowhere: KafkaConfig, caplog: pytest.LogCaptureFixture) -> None:
    def hook(_: Drop) -> None:
        raise RuntimeError("mine")

    with Producer(nowhere, on_drop=hook) as producer:
        producer.label(id="a", time=0, label=None)
        assert producer.stats.dropped == {"invalid": 1}
    assert "on_drop failed" in caplog.text


def test_follower_says_that_kafka_is_away(nowhere: KafkaConfig) -> None:
    model = {
        "task": "binary",
        "features": {"x": {"type": "numeric"}},
        "factory": {"class": "river.linear_model:LogisticRegression"},
    }
    config = Config.model_validate({"kafka": nowhere, "models": {"credit": model}})
    with pytest.raises(ConfigError, match="'other' is not configured; configured: credit"):
        ModelFollower("other", config)
    follower = ModelFollower("credit", config)
    answer = follower.predict({"x": 1.0})
    assert (answer.value, answer.score, answer.name) == (None, None, None)
    started = time.monotonic()
    with pytest.raises(KafkaError, match="no Kafka broker answers"):
        follower.start(0.5)
    assert time.monotonic() - started < 5
    follower.close()


def test_without_brokers_it_says_so_when_made() -> None:
    with pytest.raises(KafkaError, match="no bootstrap servers"):
        Producer(KafkaConfig())


def test_exports() -> None:
    assert trimtab.__all__ == ["ModelFollower", "Producer", "__version__"]
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        trimtab.Nothing  # noqa: B018


class Report:
    """A delivery report: stored at an offset, or acknowledged without one."""

    def __init__(self, offset: int | None) -> None:
        self._offset = offset

    def offset(self) -> int | None:
        return self._offset

    def topic(self) -> str:
        return "trimtab.features"

    def partition(self) -> int:
        return 2

    def key(self) -> bytes | None:
        return None


def test_what_was_acknowledged_without_being_stored_is_sent_again(nowhere: KafkaConfig) -> None:
    producer = Producer(nowhere)
    calls = [Call("feature", None, f"e{i}", 0, ("x",), (1.0,), None, None, None) for i in range(20)]
    sent: list[tuple[bytes, bytes | None, int]] = []
    produce = producer._produce

    def note(calls: Sequence[Call], data: bytes, key: bytes | None, partition: int) -> None:
        sent.append((data, key, partition))
        produce(calls, data, key, partition)

    producer._produce = note  # type: ignore[method-assign]
    producer._pending += len(calls)
    producer._delivered_or_not(calls, b"columns", None, Report(None))
    assert sent == [(b"columns", None, 2)]
    assert (producer.stats.pending, producer.stats.delivered) == (20, 0)
    producer._delivered_or_not(calls, b"columns", None, Report(7))
    assert (producer.stats.pending, producer.stats.delivered) == (0, 20)
    producer.close(0.1)
