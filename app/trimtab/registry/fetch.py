"""Reads the bytes of one snapshot from the registry, exactly where its reference says they are."""

from __future__ import annotations

import hashlib
import io
import threading
import time
from collections.abc import Iterator, Sequence
from itertools import groupby

from trimtab.config import KafkaConfig
from trimtab.errors import KafkaError, RegistryError
from trimtab.kafka.clients import consumer
from trimtab.kafka.topics import Topics
from trimtab.registry.records import ChunkRef, SnapshotRef

__all__ = ["ChunkReader", "SnapshotGone"]


# A large snapshot may take longer than the caller's limit, which is for a small one.
_LEAST_BYTES_PER_S = 10_000_000


class SnapshotGone(RegistryError):
    """A chunk was compacted away or deleted."""


class ChunkReader:
    """Fetches snapshots; safe to use from any thread, one read at a time.

    It reads uncommitted records as well: a reference was itself committed in the transaction of its chunks,
    and the digest proves the bytes. So another model's open transaction in the same partition cannot delay a reload.

    Parameters
    ----------
    config
        Where the registry topic is.
    client_id
        Name shown in the brokers' logs.
    """

    def __init__(self, config: KafkaConfig, client_id: str) -> None:
        self._topic: str = Topics(config.topic_prefix).registry
        self._lock = threading.Lock()
        self._consumer = consumer(
            config,
            client_id,
            isolation_level="read_uncommitted",
            auto_offset_reset="error",
            enable_partition_eof=True,
            check_crcs=True,
            # The next read can only be sent when the last fetch, which waits behind the end, has come back.
            fetch_wait_max_ms=1,
        )

    def read(self, ref: SnapshotRef, timeout_s: float = 5.0) -> bytes:
        """The bytes of a snapshot.

        Raises
        ------
        SnapshotGone
            If compaction or deletion has removed a chunk.
        RegistryError
            If the bytes are not the ones that were published.
        KafkaError
            If Kafka does not deliver them within ``timeout_s`` seconds, and one more for each 10 MB.
        """
        # Gives its bytes out without a copy: a model may be as large as half the memory.
        data = io.BytesIO()
        for piece in self.pieces(ref, timeout_s):
            data.write(piece)
        return data.getvalue()

    def pieces(self, ref: SnapshotRef, timeout_s: float = 5.0) -> Iterator[bytes]:
        """The bytes of a snapshot, chunk by chunk; what :meth:`read` raises may come with the last of them."""
        timeout_s += ref.size_bytes / _LEAST_BYTES_PER_S
        deadline, digests = time.monotonic() + timeout_s, hashlib.sha256()
        with self._lock:
            for partition, chunks in groupby(ref.chunks, key=lambda chunk: chunk.partition):
                for piece in self._partition(partition, list(chunks), deadline, timeout_s):
                    digests.update(piece)
                    yield piece
        digest = digests.hexdigest()
        if digest != ref.sha256.lower():
            raise RegistryError(
                f"{self._topic}: the snapshot's SHA-256 is {digest[:16]}…, its record says {ref.sha256[:16]}…; "
                "the bytes are damaged: publish the version again"
            )

    def close(self) -> None:
        """Leave Kafka; the reader cannot be used afterwards."""
        with self._lock:
            self._consumer.close()

    def _partition(
        self, partition: int, chunks: Sequence[ChunkRef], deadline: float, timeout_s: float
    ) -> Iterator[bytes]:
        """Chunks of one partition, whose offsets ascend, by one pass from the first to the last."""
        from confluent_kafka import TopicPartition

        self._consumer.assign([TopicPartition(self._topic, partition, chunks[0].offset)])
        try:
            for chunk in chunks:
                yield self._chunk(chunk, deadline, timeout_s)
        finally:
            self._consumer.unassign()

    def _chunk(self, chunk: ChunkRef, deadline: float, timeout_s: float) -> bytes:
        from confluent_kafka import KafkaError as RawError

        while (left_s := deadline - time.monotonic()) > 0:
            message = self._consumer.poll(left_s)
            if message is None:
                continue
            error = message.error()
            if error is None:
                if message.offset() < chunk.offset:
                    continue  # another model's chunk between ours
                if message.offset() > chunk.offset:
                    raise self._gone(chunk)
                return self._checked(chunk, message.value() or b"")
            code = error.code()
            past = code == RawError._PARTITION_EOF and message.offset() > chunk.offset
            if past or code in (RawError._AUTO_OFFSET_RESET, RawError.OFFSET_OUT_OF_RANGE):
                raise self._gone(chunk)
            if code in (RawError._BAD_MSG, RawError._BAD_COMPRESSION):
                raise RegistryError(
                    f"{self._topic}: partition {chunk.partition} offset {chunk.offset} is damaged on the broker's disk "
                    f"({error.str()}): publish the version again"
                )
        raise KafkaError(
            f"{self._topic}: partition {chunk.partition} did not deliver offset {chunk.offset} within "
            f"{timeout_s:.0f} s; is Kafka up?"
        )

    def _checked(self, chunk: ChunkRef, data: bytes) -> bytes:
        if len(data) != chunk.size_bytes:
            raise RegistryError(
                f"{self._topic}: partition {chunk.partition} offset {chunk.offset} holds {len(data)} bytes, its record "
                f"says {chunk.size_bytes}; the bytes are damaged: publish the version again"
            )
        return data

    def _gone(self, chunk: ChunkRef) -> SnapshotGone:
        return SnapshotGone(
            f"{self._topic}: partition {chunk.partition} offset {chunk.offset} is gone (compacted or deleted), so the "
            "snapshot cannot be read; take a newer state, or publish the version again"
        )
