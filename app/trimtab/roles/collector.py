"""The collector: decodes each event once, joins and profiles it, and commits what came of it exactly once.

A flush is one Kafka transaction, in numbered steps (docs/guarantees.md has the same steps and what a crash at
each of them does)::

    1 begin          the transaction
    2 produce        examples, dead letters and profiles of everything read since the last flush
    3 send offsets   of the inputs, under this member's group generation (fences a zombie); meanwhile profiles are made
    4 commit         Kafka shows outputs and offsets together, or neither; meanwhile records are read and decoded ahead
    5 store          pending ids and the same offsets go to RocksDB in one write batch; what was read ahead is joined
"""

from __future__ import annotations

import gc
import logging
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait

from confluent_kafka import Consumer, KafkaException, Message, Producer, TopicPartition
from confluent_kafka import KafkaError as RawError

from trimtab.config import Config
from trimtab.errors import KafkaError
from trimtab.events import EventError
from trimtab.events.chunks import ChunkDecoder
from trimtab.joining import Refused
from trimtab.kafka.clients import connect, consumer, message_of, producer
from trimtab.kafka.progress import Place
from trimtab.kafka.topics import Topics
from trimtab.registry.index import RegistryIndex
from trimtab.registry.signing import Trust
from trimtab.roles.collected import Collected, Output
from trimtab.roles.collected_partition import CollectedPartition, Decoded, catch_up
from trimtab.roles.gathering import Gathering
from trimtab.roles.process import StopSignal, data_dir
from trimtab.roles.references import References
from trimtab.roles.vitals import VITALS

__all__ = ["Collector", "run"]

log = logging.getLogger("trimtab.collector")

BUSY_FLUSH_S = 0.5
# Events, or records, of one turn from which on the collector counts as busy: a flush costs as much as some thousand.
BUSY_EVENTS = 1_000
# A profile costs some 0.2 ms, however few events are in it: with many models flushes become rarer.
FLUSH_S_A_PROFILE = 0.002
LONGEST_FLUSH_S = 2.0
IDLE_WAIT_S = 0.05
EXPIRE_EVERY_S = 1.0
COLLECT_GARBAGE_EVERY_S = 60.0
TRANSACTION_TIMEOUT_S = 30.0
# Events that may be decoded ahead of a commit; then it is waited for.
MAX_AHEAD = 500_000

Rebalance = Callable[[Consumer, list[TopicPartition]], None]


class Collector:
    """One collector process.

    Parameters
    ----------
    config
        The configuration.
    instance
        Name of this process among the collectors; names its place in the group and its data folder.
    """

    def __init__(self, config: Config, instance: str) -> None:
        self._config = config
        self._instance = instance
        self._topics = Topics(config.kafka.topic_prefix)
        self._decoder = ChunkDecoder(config.models, config.collector.max_event_bytes)
        self._folder = data_dir(config) / f"collector-{instance}" / (config.kafka.topic_prefix.strip(".") or "default")
        self._index = RegistryIndex(config.kafka, f"trimtab-collector-{instance}", Trust.of(config))
        self._collected = Collected(config, References(self._index).get)
        self._partitions: dict[int, CollectedPartition] = {}
        self._consumer: Consumer = consumer(
            config.kafka,
            f"trimtab-collector-{instance}",
            group_id=f"{config.kafka.topic_prefix}collector",
            group_instance_id=f"collector-{instance}",
            session_timeout_ms=6_000,
            enable_partition_eof=True,
        )
        # Two in turns: right after a commit the broker refuses that producer's next transaction until the markers
        # of the last one are written, and librdkafka waits before it asks again (docs/decisions/0007).
        self._producers = deque(self._new_producer(turn) for turn in ("a", "b"))
        self._gathering = Gathering(self._ended)
        self._ends: dict[Place, int] = {}
        self._dirty = 0
        self._commit: Future[None] | None = None
        self._ahead: list[tuple[int, Decoded, Sequence[Message]]] = []
        self._last_flush = self._last_expiry = self._last_garbage = time.monotonic()
        self._profiles = 0
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="commit")
        self._fault: Exception | None = None

    def run(self, stop: StopSignal) -> None:
        """Collect until ``stop`` is set."""
        # Messages and rows are freed by their counts; the cycle collector, which is set off by their number, would
        # look at them again and again, at a tenth of a busy collector's time.
        gc.disable()
        self._index.start()
        self._consumer.subscribe(
            list(self._topics.inputs),
            on_assign=self._guarded(self._assigned),
            on_revoke=self._guarded(self._revoked),
            on_lost=self._guarded(self._lost),
        )
        try:
            while not stop.is_set():
                self._turn()
            self._flush()
            self._settle()
        finally:
            self._close()

    def _turn(self) -> None:
        """Read what is there and flush when it is time: at once when quiet, in larger pieces when busy."""
        size = self._config.collector.batch_size
        quiet = not self._dirty and not self._gathering and self._commit is None
        first = self._consumer.poll(IDLE_WAIT_S if quiet else 0.001)
        messages = ([first] if first is not None else []) + self._consumer.consume(size - 1, timeout=0.0)
        if self._fault is not None:
            raise self._fault
        # Before the commit is settled: when it failed, they are read again with all the others.
        self._gathering.add(messages)
        if self._commit is not None and self._commit.done():
            self._settle()
        events = sum([self._take(place, chunk) for place, chunk in self._gathering.due()])
        if sum([decoded.events for _, decoded, _ in self._ahead]) >= MAX_AHEAD:
            self._settle()
        now = time.monotonic()
        if now - self._last_expiry >= EXPIRE_EVERY_S and self._commit is None:
            self._last_expiry = now
            self._expire()
        if now - self._last_garbage >= COLLECT_GARBAGE_EVERY_S:
            self._last_garbage = now
            gc.collect()
        busy = max(events, len(messages)) >= BUSY_EVENTS
        if now - self._last_flush >= self._flush_interval(busy=busy) and (self._commit is None or busy):
            self._flush()

    def _flush_interval(self, *, busy: bool) -> float:
        shortest = BUSY_FLUSH_S if busy else self._config.collector.flush_interval / 1000
        return max(shortest, min(LONGEST_FLUSH_S, FLUSH_S_A_PROFILE * self._profiles))

    def _ended(self, message: Message) -> None:
        """A message that is none: the end of a partition, or an error."""
        topic, number, error = str(message.topic()), message.partition(), message.error()
        if error is None or error.code() != RawError._PARTITION_EOF:
            raise KafkaError(f"cannot read {topic}[{number}]: {error.str() if error is not None else 'no error'}")
        self._ends[topic, number] = message.offset()

    def _take(self, place: Place, chunk: Sequence[Message]) -> int:
        """Decode a chunk, and join it unless a commit is under way; returns its events."""
        topic, number = place
        partition = self._partitions.get(number)
        if partition is None:  # revoked while the messages were on their way
            return 0
        decoded = partition.decode(topic, chunk)
        self._gathering.learn(place, len(decoded.tables), decoded.events)
        VITALS.count("records", len(chunk))
        VITALS.count("events", decoded.events)
        if self._commit is None:
            self._join(number, decoded, chunk)
        else:
            self._ahead.append((number, decoded, chunk))
        return decoded.events

    def _join(self, number: int, decoded: Decoded, chunk: Sequence[Message]) -> None:
        self._dirty += len(chunk)
        taken = self._partitions[number].take(decoded)
        for table in taken.direct:
            self._collected.profile(table)
        self._collected.add(taken.outcomes)
        VITALS.count("examples", sum([len(joined.examples) for joined in taken.outcomes.joined]))
        for row, error in decoded.refused:
            self._refuse(error, chunk[row], decoded.topic, number)
        if taken.outcomes.refused:
            at_hand = {message.offset(): message for message in chunk}
            self._refuse_joined(taken.outcomes.refused, at_hand, decoded.topic)

    def _refuse(self, error: EventError, message: Message, topic: str, number: int) -> None:
        VITALS.count("refused")
        self._collected.refuse(
            error,
            topic=topic,
            partition=number,
            offset=message.offset(),
            timestamp_ms=message.timestamp()[1],
            key=message.key(),
            value=message.value() or b"",
        )

    def _refuse_joined(self, refused: Sequence[Refused], at_hand: Mapping[int, Message], topic: str) -> None:
        """Refusals of the join; the bytes of a record that came before are at hand no more."""
        VITALS.count("refused", len(refused))
        for one in refused:
            of = self._topics.prefix + one.topic
            message = at_hand.get(one.offset) if of == topic else None
            self._collected.refuse(
                one.error,
                topic=of,
                partition=one.partition,
                offset=one.offset,
                timestamp_ms=one.timestamp_ms,
                key=one.event_id.encode(),
                value=(message.value() or b"") if message is not None else b"",
                model=one.model,
            )

    def _expire(self) -> None:
        VITALS.gauge("pending", sum(partition.pending for partition in self._partitions.values()))
        for number, partition in self._partitions.items():
            outcomes = partition.expire([topic for topic in self._topics.inputs if self._is_behind(topic, number)])
            if outcomes:
                self._dirty += 1
                self._collected.add(outcomes)
                self._refuse_joined(outcomes.refused, {}, "")

    def _is_behind(self, topic: str, number: int) -> bool:
        """Whether a partition has records that were not joined: its end was not seen, or has moved since."""
        end = self._ends.get((topic, number))
        if end is None or (topic, number) in self._gathering:
            return True
        # What the client's own thread learnt from its last fetch; it goes on fetching while we are slow.
        _, high = self._consumer.get_watermark_offsets(TopicPartition(topic, number), cached=True)
        return bool(high > end)

    def _flush(self) -> None:
        """Begin one transaction's commit: see the module's steps. Its end comes in :meth:`_settle`."""
        self._settle()
        self._last_flush = time.monotonic()
        for place, chunk in self._gathering.all():
            self._take(place, chunk)
        self._dirty += sum(self._advance(place, end) for place, end in self._ends.items())
        if not self._dirty:
            return
        self._profiles = self._collected.profile_count
        sender = self._producers[0]
        try:
            sender.begin_transaction()
            for output in self._collected.outputs():
                _produce(sender, output)
            # The consumer's handle takes one thread at a time, so it is asked here: another thread might wait forever.
            group = self._consumer.consumer_group_metadata()
            sent = self._executor.submit(
                sender.send_offsets_to_transaction, self._offsets(), group, TRANSACTION_TIMEOUT_S
            )
            for output in self._collected.profiles(self._config.kafka.partitions):
                _produce(sender, output)
        except KafkaException as error:
            self._rewind(error)
            return
        self._commit = self._executor.submit(_commit, sender, sent)

    def _settle(self) -> None:
        """Wait for the commit under way, if any, and join what was read meanwhile.

        When it failed, everything since the one before is read again.
        """
        if self._commit is None:
            return
        wait([self._commit])
        error, self._commit = self._commit.exception(), None
        if isinstance(error, KafkaException):
            self._rewind(error)
            return
        if error is not None:
            raise error
        self._committed_at_kafka()
        ahead, self._ahead = self._ahead, []
        for one in ahead:
            self._join(*one)

    def _committed_at_kafka(self) -> None:
        VITALS.count("transactions")
        self._producers.rotate()
        self._forget()
        for partition in self._partitions.values():
            partition.commit()

    def _forget(self) -> None:
        """Drop what was gathered, which is committed or will be read again."""
        self._collected.clear()
        self._dirty = 0

    def _advance(self, place: Place, end: int) -> bool:
        partition = self._partitions.get(place[1])
        return partition is not None and partition.advance(place[0], end)

    def _offsets(self) -> list[TopicPartition]:
        return [
            TopicPartition(topic, number, offset)
            for number, partition in self._partitions.items()
            for topic, offset in partition.offsets.items()
        ]

    def _rewind(self, error: KafkaException) -> None:
        """Throw the producers away, forget what was gathered, and read again from the committed offsets."""
        log.warning("transaction failed, reading again from the last commit: %s", message_of(error))
        VITALS.count("transaction_retries")
        self._forget()
        self._ahead = []
        self._gathering.clear()
        self._ends.clear()
        self._producers = deque(self._new_producer(turn) for turn in ("a", "b"))
        for partition in self._partitions.values():
            partition.rollback()
        if self._partitions:
            for position in self._committed(self._partitions):
                self._consumer.seek(position)

    def _new_producer(self, turn: str) -> Producer:
        made = producer(
            self._config.kafka,
            f"trimtab-collector-{self._instance}",
            transactional_id=f"{self._config.kafka.topic_prefix}collector-{self._instance}-{turn}",
            transaction_timeout_ms=15_000,
            # Records are on their way while the next ones are being made.
            linger_ms=0,
        )
        try:
            made.init_transactions(TRANSACTION_TIMEOUT_S)
        except KafkaException as error:
            raise KafkaError(f"cannot start transactions: {message_of(error)}") from error
        return made

    def _committed(self, numbers: dict[int, CollectedPartition]) -> list[TopicPartition]:
        """Where to read on: the committed offset of every input partition, or its beginning."""
        wanted = [TopicPartition(topic, number) for number in numbers for topic in self._topics.inputs]
        try:
            found = self._consumer.committed(wanted, timeout=TRANSACTION_TIMEOUT_S)
        except KafkaException as error:
            raise KafkaError(f"cannot ask for the committed offsets: {message_of(error)}; is Kafka up?") from error
        # A negative offset means that nothing was committed; -2 is the beginning.
        return [TopicPartition(p.topic, p.partition, p.offset if p.offset >= 0 else -2) for p in found]

    def _guarded(self, react: Rebalance) -> Rebalance:
        """What a callback raises, confluent-kafka 2.16 turns into a SystemError that says nothing; so it is kept."""

        def call(member: Consumer, positions: list[TopicPartition]) -> None:
            try:
                react(member, positions)
            except Exception as error:
                self._fault = error

        return call

    def _assigned(self, member: Consumer, positions: list[TopicPartition]) -> None:
        for number in sorted({position.partition for position in positions}):
            partition = CollectedPartition(number, self._folder / f"p{number}", self._config, self._decoder)
            self._partitions[number] = partition
            committed = {p.topic: p.offset for p in self._committed({number: partition}) if p.offset >= 0}
            count = catch_up(partition, committed, self._reader)
            log.info("partition %d assigned, %d events read again", number, count)
        member.assign(self._committed(self._partitions))

    def _revoked(self, member: Consumer, positions: list[TopicPartition]) -> None:
        self._flush()
        self._settle()
        self._drop(positions)

    def _lost(self, member: Consumer, positions: list[TopicPartition]) -> None:
        """The group gave our partitions to others: nothing of ours may be committed any more."""
        if self._commit is not None:
            wait([self._commit])
            if self._commit.exception() is None:
                self._committed_at_kafka()
            self._commit = None
        self._forget()
        self._ahead = []
        self._drop(positions)

    def _drop(self, positions: list[TopicPartition]) -> None:
        numbers = {position.partition for position in positions}
        self._gathering.drop(numbers)
        for number in numbers:
            partition = self._partitions.pop(number, None)
            if partition is not None:
                partition.close()
        self._ends.clear()

    def _reader(self) -> Consumer:
        return consumer(self._config.kafka, f"trimtab-collector-{self._instance}-again", enable_partition_eof=True)

    def _close(self) -> None:
        self._consumer.close()
        if self._fault is not None:
            log.error("while partitions were given back: %s", self._fault)
        self._executor.shutdown()
        for partition in self._partitions.values():
            partition.close()
        self._index.close()


def _commit(sender: Producer, sent: Future[None]) -> None:
    sent.result()
    sender.commit_transaction(TRANSACTION_TIMEOUT_S)


def _produce(sender: Producer, output: Output) -> None:
    while True:
        try:
            sender.produce(output.topic, output.value, output.key, output.partition)
            return
        except BufferError:  # the queue is full: let deliveries make room
            sender.poll(0.1)


def run(config: Config, instance: str) -> None:
    """Run one collector until SIGTERM."""
    connect(config.kafka)
    with StopSignal() as stop:
        Collector(config, instance).run(stop)
