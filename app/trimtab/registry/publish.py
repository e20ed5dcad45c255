"""Writes to the registry inside a transaction of the caller: chunks first, then the records that point at them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import orjson

from trimtab.config import KafkaConfig
from trimtab.errors import KafkaError, RegistryError
from trimtab.kafka.clients import not_stored
from trimtab.kafka.topics import Topics, partition_of
from trimtab.registry.records import (
    INDEX_PARTITION,
    ChunkRef,
    SnapshotRef,
    chunk_partition,
    is_index_key,
    split,
)
from trimtab.registry.signing import UNSIGNED, Signer

if TYPE_CHECKING:
    from confluent_kafka import Message, Producer

__all__ = ["Publication"]


# The producer holds a copy of each until it is stored.
_CHUNKS_IN_FLIGHT = 32


class Publication:
    """What one transaction writes to the registry.

    The caller begins and commits or aborts the transaction. Readers take committed records only, so they see
    the old state or the new one, whole. Write the alias last: readers act on it.

    Parameters
    ----------
    config
        Where the registry topic is.
    producer
        A transactional producer inside a transaction.
    partitions
        Partition count of the registry topic.
    timeout_s
        How long to wait for some of the chunks to be stored, in seconds.
    signer
        Signs every index record.
    """

    def __init__(
        self,
        config: KafkaConfig,
        producer: Producer,
        partitions: int,
        timeout_s: float = 30.0,
        signer: Signer = UNSIGNED,
    ) -> None:
        self._topic: str = Topics(config.topic_prefix).registry
        self._serving: str = Topics(config.topic_prefix).serving
        self._producer = producer
        self._partitions = partitions
        self._timeout_s = timeout_s
        self._signer = signer

    def snapshot(self, key_prefix: str, model: str, data: bytes) -> SnapshotRef:
        """Produce the bytes in chunks, wait until they are stored, and return where they lie.

        Parameters
        ----------
        key_prefix
            ``chunks_key(model, version)`` or ``online_key(model)``.
        model
            The model's name: all its chunks lie in one partition.
        data
            A snapshot, not empty.

        Raises
        ------
        KafkaError
            If Kafka does not take a chunk; the transaction must then be aborted.
        """
        if not data:
            raise RegistryError(f"{key_prefix}: the snapshot is empty; publish what snapshot.dump returns")
        partition = chunk_partition(model, self._partitions)
        sizes: list[int] = []
        reports: dict[int, int] = {}
        failures: list[str] = []
        for number, piece in enumerate(split(data)):
            sizes.append(len(piece))
            self._produce(f"{key_prefix}/{number}", piece, partition, _Report(number, reports, failures))
            if number % _CHUNKS_IN_FLIGHT == _CHUNKS_IN_FLIGHT - 1:
                self._stored(key_prefix, len(sizes), reports, failures)
        self._stored(key_prefix, len(sizes), reports, failures)
        chunks = tuple(ChunkRef(partition, reports[number], size) for number, size in enumerate(sizes))
        return SnapshotRef(len(data), hashlib.sha256(data).hexdigest(), chunks)

    def _stored(self, key_prefix: str, chunks: int, reports: dict[int, int], failures: list[str]) -> None:
        """Wait until so many chunks are stored; raises KafkaError."""
        left = self._producer.flush(self._timeout_s)
        if failures or len(reports) < chunks:
            why = failures[0] if failures else f"{left} records not stored within {self._timeout_s:.0f} s"
            raise KafkaError(f"{self._topic}: cannot publish {key_prefix}: {why}; abort, then publish again")

    def index(self, key: str, record: Mapping[str, Any] | None) -> None:
        """Produce an index record, signed; None removes the key."""
        self._produce(key, self._signed(key, record), INDEX_PARTITION, None)

    def serve(self, key: str, record: Mapping[str, Any] | None) -> None:
        """Likewise in the topic ``serving``, which services follow: a copy of the index records that they need."""
        home = partition_of(key.partition("/")[0], self._partitions)
        self._produce(key, self._signed(key, record), home, None, self._serving)

    def _signed(self, key: str, record: Mapping[str, Any] | None) -> bytes | None:
        if not is_index_key(key):
            raise RegistryError(f"{key!r} is no key of the registry's index; make it with trimtab.registry.records")
        return None if record is None else orjson.dumps(self._signer.signed("registry", key, record))

    def remove(self, keys: Iterable[str], model: str) -> None:
        """Let Kafka compact chunks of a model away."""
        partition = chunk_partition(model, self._partitions)
        for key in keys:
            self._produce(key, None, partition, None)

    def _produce(
        self, key: str, value: bytes | None, partition: int, report: _Report | None, topic: str | None = None
    ) -> None:
        from confluent_kafka import KafkaException

        to = topic or self._topic
        try:
            self._producer.produce(to, value, key.encode(), partition, on_delivery=report)
        except (KafkaException, BufferError) as error:
            raise KafkaError(f"{to}: cannot publish {key}: {error}; abort, then publish again") from error


class _Report:
    """Delivery report of one chunk."""

    def __init__(self, number: int, offsets: dict[int, int], failures: list[str]) -> None:
        self._number = number
        self._offsets = offsets
        self._failures = failures

    def __call__(self, error: Any, message: Message) -> None:
        failure = not_stored(error, message)
        if failure is None:
            self._offsets[self._number] = message.offset()
        else:
            self._failures.append(failure)
