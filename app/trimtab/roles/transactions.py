"""Output of one partition of a role, in Kafka transactions.

The transactional id names role and partition, so that starting it fences whoever wrote for that partition before:
what a zombie still tries to commit is refused, and it ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from confluent_kafka import KafkaError as RawError
from confluent_kafka import KafkaException, Message, Producer

from trimtab.config import KafkaConfig
from trimtab.errors import KafkaError
from trimtab.kafka.clients import message_of, not_stored, producer

__all__ = ["TransactionalOutput"]

TIMEOUT_S = 10.0

T = TypeVar("T")


class TransactionalOutput:
    """Transactions of one ``transactional_id``, one at a time; every failure raises KafkaError and is final.

    After a failure nobody knows whether the transaction was committed, so the object is of no more use: the
    process ends, and its successor reads the committed state.

    Parameters
    ----------
    config
        Kafka.
    transactional_id
        Such as ``trimtab.monitor-3``.
    """

    def __init__(self, config: KafkaConfig, transactional_id: str) -> None:
        self.transactional_id = transactional_id
        self.producer: Producer = producer(
            config,
            transactional_id,
            transactional_id=transactional_id,
            transaction_timeout_ms=int(TIMEOUT_S * 1000),
            # Records of a transaction leave with its commit, so waiting for company only costs time.
            linger_ms=0,
            on_delivery=self._delivered,
        )
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=transactional_id)
        self._refused: str | None = None

    async def start(self) -> None:
        """Fence predecessors and wait until what they left open is resolved."""
        await self.call(lambda: self.producer.init_transactions(TIMEOUT_S))

    def fence(self) -> None:
        """The same, blocking."""
        self._checked(lambda: self.producer.init_transactions(TIMEOUT_S))

    def begin(self) -> None:
        """Begin a transaction (local, does not block)."""
        self._checked(self.producer.begin_transaction)

    def produce(self, topic: str, key: str, value: bytes | None, partition: int | None = None) -> None:
        """Add a record; without ``partition`` its key decides."""
        where = {} if partition is None else {"partition": partition}
        self._checked(lambda: self.producer.produce(topic, value, key.encode(), **where))

    async def commit(self) -> None:
        """Make the records visible, all or none."""
        await self.call(self.commit_now)

    def commit_now(self) -> None:
        """The same in the thread of :meth:`call`; only once each record is known to be stored."""
        self.producer.flush(TIMEOUT_S)
        self._require_stored()
        self.producer.commit_transaction(TIMEOUT_S)

    def store(self) -> None:
        """Likewise, blocking."""
        self._checked(self.commit_now)

    async def abort(self) -> None:
        """Drop the records; flushed first, since an abort right after a produce can be refused as invalid."""

        def flush_and_abort() -> None:
            self.producer.flush(TIMEOUT_S)
            self.producer.abort_transaction(TIMEOUT_S)

        await self.call(flush_and_abort)

    async def call(self, function: Callable[[], T]) -> T:
        """Run something that blocks on the producer in this output's own thread."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._checked, function)

    def close(self) -> None:
        """Let the thread end; an open transaction is aborted by whoever comes next, or by the broker."""
        self._executor.shutdown(wait=False)

    def _checked(self, function: Callable[[], T]) -> T:
        try:
            result = function()
        except (KafkaException, BufferError, SystemError) as error:
            # Of a fenced producer confluent-kafka 2.16 raises both at once while it reports what was not delivered.
            first = error.__cause__ if isinstance(error, SystemError) else error
            if not isinstance(first, KafkaException | BufferError):
                raise
            cause = message_of(first) if isinstance(first, KafkaException) else str(first)
            raise KafkaError(f"transaction of {self.transactional_id}: {cause}; the process starts again") from error
        self._require_stored()
        return result

    def _require_stored(self) -> None:
        if self._refused is not None:
            raise KafkaError(f"transaction of {self.transactional_id}: {self._refused}; the process starts again")

    def _delivered(self, error: RawError | None, message: Message) -> None:
        self._refused = self._refused or not_stored(error, message)
