"""Orders from the commands topic: each id is carried out once, wherever and however often it was written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.broker.running import Results, running, wait_until, write_config
from trimtab.config import KafkaConfig, load_config
from trimtab.kafka.clients import producer
from trimtab.kafka.topics import Topics, partition_of


def order(command_id: str, **other: Any) -> bytes:
    record = {"id": command_id, "model": "credit", "command": "rollback", "actor": "ann", "reason": "", "time_ms": 0}
    return orjson.dumps(record | other)


@pytest.mark.timeout(90)
def test_a_repeated_order_is_carried_out_once(kafka: KafkaConfig, tmp_path: Path) -> None:
    path = write_config(kafka, tmp_path, {"credit": "online"})
    topics, results = Topics(kafka.topic_prefix), Results(load_config(path))
    home = partition_of("credit", kafka.partitions)
    elsewhere = (home + 1) % kafka.partitions
    sender = producer(kafka, "orders")

    def say(value: bytes, partition: int) -> None:
        sender.produce(topics.commands, value, b"credit", partition)

    def audit() -> list[str]:
        return [entry["actor"] for entry in results.json(topics.audit)]

    with running(path, ["trainer"]):
        for value, partition in [(order("a"), home), (order("a"), home), (order("a"), elsewhere)]:
            say(value, partition)
        say(order("b", actor="bob"), elsewhere)
        say(b"{", home)
        say(order(""), home)
        assert sender.flush(20) == 0
        assert wait_until(lambda: sorted(audit()) == ["ann", "bob"], 40.0), audit()
        assert wait_until(lambda: len(results.dead_letters()) == 2, 20.0)
    # A restarted trainer still knows the id.
    with running(path, ["trainer"]):
        say(order("a"), home)
        say(order("c", actor="cid"), home)
        assert sender.flush(20) == 0
        assert wait_until(lambda: "cid" in audit(), 40.0)
    assert sorted(audit()) == ["ann", "bob", "cid"]
    # Dead letters of bad orders come at least once (docs/guarantees.md).
    assert {letter["reason"] for letter in results.dead_letters()} == {"malformed", "missing_field"}
