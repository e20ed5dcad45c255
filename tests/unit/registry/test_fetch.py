"""What a reader of chunks says when Kafka has something else, or nothing, where the reference points."""

from __future__ import annotations

import hashlib

import pytest
from confluent_kafka import KafkaError as RawError

from trimtab.config import KafkaConfig
from trimtab.errors import KafkaError, RegistryError
from trimtab.registry import fetch
from trimtab.registry.records import ChunkRef, SnapshotRef

DATA = b"a snapshot"
REF = SnapshotRef(len(DATA), hashlib.sha256(DATA).hexdigest(), (ChunkRef(2, 7, len(DATA)),))


class Message:
    def __init__(self, offset: int, value: bytes | None = None, error: int | None = None) -> None:
        self._offset, self._value = offset, value
        self._error = None if error is None else RawError(error)

    def offset(self) -> int:
        return self._offset

    def value(self) -> bytes | None:
        return self._value

    def error(self) -> RawError | None:
        return self._error


class Consumer:
    """Delivers these messages, then nothing."""

    def __init__(self, messages: list[Message]) -> None:
        self.messages = list(messages)

    def assign(self, _partitions: object) -> None: ...

    def unassign(self) -> None: ...

    def poll(self, _timeout_s: float) -> Message | None:
        return self.messages.pop(0) if self.messages else None


def read(monkeypatch: pytest.MonkeyPatch, *messages: Message) -> bytes:
    monkeypatch.setattr(fetch, "consumer", lambda *_, **__: Consumer(list(messages)))
    return fetch.ChunkReader(KafkaConfig(topic_prefix="t."), "test").read(REF, timeout_s=0.05)


def test_records_before_the_chunk_are_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read(monkeypatch, Message(5, b"x"), Message(6, b"y"), Message(7, DATA)) == DATA


@pytest.mark.parametrize(
    "message",
    [
        Message(8, DATA),
        Message(8, error=RawError._PARTITION_EOF),
        Message(7, error=RawError._AUTO_OFFSET_RESET),
        Message(7, error=RawError.OFFSET_OUT_OF_RANGE),
    ],
    ids=["compacted", "end of the partition", "before the first offset", "out of range"],
)
def test_a_chunk_that_is_gone_is_said(monkeypatch: pytest.MonkeyPatch, message: Message) -> None:
    with pytest.raises(RegistryError, match=r"registry: partition 2 offset 7 is gone \(compacted or deleted\)"):
        read(monkeypatch, message)


def test_a_chunk_that_is_late_is_not_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(KafkaError, match="did not deliver offset 7"):
        read(monkeypatch, Message(7, error=RawError._PARTITION_EOF))


@pytest.mark.parametrize(("value", "what"), [(b"short", "holds 5 bytes"), (b"A SNAPSHOT", "SHA-256"), (None, "holds")])
def test_other_bytes_are_damage(monkeypatch: pytest.MonkeyPatch, value: bytes | None, what: str) -> None:
    with pytest.raises(RegistryError, match=f"{what}.*damaged"):
        read(monkeypatch, Message(7, value))
