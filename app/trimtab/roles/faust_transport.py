"""Faust's aiokafka transport, made to read committed records only and to acknowledge them exactly.

Faust 0.15 leaves four things to mend for agents that hold records and read transactional topics:

- the isolation level follows its own exactly-once mode only, and is not a setting;
- it assigns partitions round robin, so that same-numbered partitions of two topics part;
- a fetch waits up to 1,500 ms for *any* partition. While one waits, a partition whose records were just
  consumed cannot be asked for again, so a busy partition waits for a quiet one;
- offsets missing for transaction markers are taken as acknowledged together with the record after the gap,
  and the first acknowledgement after an assignment commits past older records that are still held.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import aiokafka
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from trimtab.roles.in_flight import InFlight

__all__ = ["CommittedConsumer", "CommittedTransport"]

FETCH_WAIT_MS = 20
"""How long a fetch without records waits at the broker: at most this is added to a record's latency."""

_FETCH_BYTES = 4_194_304


class CommittedThread(driver.AIOKafkaConsumerThread):  # type: ignore[misc]
    """The thread that owns the aiokafka consumer."""

    def _create_worker_consumer(self, transport: Any) -> aiokafka.AIOKafkaConsumer:
        conf = self.app.conf
        self._assignor = RangePartitionAssignor
        return aiokafka.AIOKafkaConsumer(
            client_id=conf.broker_client_id,
            group_id=conf.id,
            group_instance_id=conf.consumer_group_instance_id,
            bootstrap_servers=driver.server_list(transport.url, transport.default_port),
            partition_assignment_strategy=[RangePartitionAssignor],
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_poll_records=conf.broker_max_poll_records,
            max_poll_interval_ms=int(conf.broker_max_poll_interval * 1000),
            max_partition_fetch_bytes=_FETCH_BYTES,
            fetch_max_wait_ms=FETCH_WAIT_MS,
            request_timeout_ms=int(conf.broker_request_timeout * 1000),
            session_timeout_ms=int(conf.broker_session_timeout * 1000),
            rebalance_timeout_ms=int(conf.broker_rebalance_timeout * 1000),
            heartbeat_interval_ms=int(conf.broker_heartbeat_interval * 1000),
            **driver.credentials_to_aiokafka_auth(conf.broker_credentials, conf.ssl_context),
        )

    def fetched(self, tp: TP) -> int:
        """Position of a partition: records below it were taken from here; -1 when unknown."""
        assignment = self._ensure_consumer()._fetcher._subscriptions.subscription.assignment
        state = None if assignment is None else assignment.state_value(tp)
        return int(state.position) if state is not None and state.has_valid_position else -1

    def behind(self) -> dict[TP, int]:
        """Position of every assigned partition that has committed records which were not taken yet."""
        assignment = self._ensure_consumer()._fetcher._subscriptions.subscription.assignment
        if assignment is None:
            return {}
        found = {}
        for tp in assignment.tps:
            state = assignment.state_value(tp)
            if state is not None and state.has_valid_position and state.lso is not None and state.position < state.lso:
                found[TP(tp.topic, tp.partition)] = int(state.position)
        return found


class CommittedConsumer(driver.Consumer):  # type: ignore[misc]
    """Commits up to the oldest record in flight, never past it, whatever the gaps."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._in_flight: dict[TP, InFlight] = {}
        super().__init__(*args, **kwargs)

    def _new_consumer_thread(self) -> CommittedThread:
        return CommittedThread(self, loop=self.loop, beacon=self.beacon)

    def deliver(self, tp: TP, offset: int) -> None:
        """A record goes to an agent; its offset, and later ones, are committed only after its acknowledgement."""
        self._in_flight.setdefault(tp, InFlight()).deliver(offset)

    def ack(self, message: Any) -> bool:
        """What a record fed is durable (called by ``event.ack()``)."""
        message.acked = True
        return self.acknowledge(message.tp, (message.offset,))

    def acknowledge(self, tp: TP, offsets: Iterable[int]) -> bool:
        """Like :meth:`ack`, by offset, so that a record held for an hour costs an integer and not its bytes."""
        in_flight = self._in_flight.get(tp)
        if in_flight is None:
            return False
        for offset in offsets:
            in_flight.acknowledge(offset)
        return True

    def held(self, tp: TP) -> int:
        """Records in flight."""
        in_flight = self._in_flight.get(tp)
        return 0 if in_flight is None else len(in_flight)

    def _new_offset(self, tp: TP) -> int | None:
        in_flight = self._in_flight.get(tp)
        return None if in_flight is None else in_flight.committable

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterator[TP]:
        return (tp for tp in list(self._in_flight) if topics is None or tp in topics or tp.topic in topics)

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Gaps need no bookkeeping: only delivered records are waited for."""

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Forget after Faust's own last commit."""
        await super().on_partitions_revoked(revoked)
        for tp in revoked:
            self._in_flight.pop(tp, None)

    async def perform_seek(self) -> None:
        """Back to the committed offsets: everything after them is delivered again."""
        self._in_flight.clear()
        await super().perform_seek()

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Holding records for a whole window is our normal state; ``run_app`` watches progress instead."""

    def fetched(self, tp: TP) -> int:
        """Position of a partition: records below it were taken by Faust, if not yet by an agent; -1 when unknown."""
        return int(self._thread.fetched(tp))

    def behind(self) -> Mapping[TP, int]:
        """Position of every assigned partition that has committed records which were not taken yet."""
        found: Mapping[TP, int] = self._thread.behind()
        return found


class CommittedTransport(driver.Transport):  # type: ignore[misc]
    """The transport with the consumer above."""

    Consumer = CommittedConsumer
