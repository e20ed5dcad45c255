"""The notifier: alerts, silences and acknowledgements in, notices to receivers out.

One process acts, others stand by (:mod:`trimtab.kafka.leadership`). Again and again it

1. takes the records that came, and looks at the groups that are due;
2. writes in ONE transaction what changed: alerts, groups and notices under way, how far it has read, audit entries,
   outcomes of notices, dead letters;
3. sends the notices that are stored and due, at most ``alerting.at_once`` at a time, in threads.

A crash before 2 repeats everything from the stored offsets; one after it finds the notices and sends them, with the
ids that they had: a receiver that knows idempotency keys is told once.
"""

from __future__ import annotations

import logging
import queue
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import orjson
from confluent_kafka import Message

from trimtab import clock
from trimtab.config import Config
from trimtab.delivery import Sender, Undelivered, senders_of
from trimtab.errors import KafkaError
from trimtab.events import EventError, Reason, dead_letter
from trimtab.kafka.clients import connect
from trimtab.kafka.leadership import Leadership
from trimtab.kafka.tables import read_table
from trimtab.kafka.topics import Topics, partition_of
from trimtab.notices import Ack, Book, Desk, Notice, Silence
from trimtab.registry.audit import Chain
from trimtab.registry.audit_log import chain_of
from trimtab.registry.signing import SignatureRefused, Signer, Trust
from trimtab.roles.notifier_input import Input
from trimtab.roles.notifier_records import audit_of, concerned, given_up, notice_record, race_of
from trimtab.roles.process import StopSignal
from trimtab.roles.transactions import TransactionalOutput
from trimtab.roles.vitals import VITALS

__all__ = ["Notifier", "run"]

log = logging.getLogger("trimtab.roles.notifier")

ROLE = "notifier"
WAIT_S = 0.1
_OFFSETS = "offsets"

Done = tuple[Notice, Undelivered | None]


def run(config: Config, instance: str) -> None:
    """Stand by, and act when it is this one's turn, until SIGTERM; raises a TrimtabError when it cannot go on."""
    connect(config.kafka)
    group = f"{config.kafka.topic_prefix}{ROLE}"
    VITALS.gauge("acting", 0)
    leadership = Leadership(config.kafka, group, instance, Topics(config.kafka.topic_prefix).alerts)
    with StopSignal() as stop:
        try:
            while not stop.is_set():
                if leadership.poll(WAIT_S):
                    act(config, lambda: not stop.is_set() and leadership.poll(0))
        finally:
            leadership.close()


def act(config: Config, go_on: Callable[[], bool]) -> None:
    """Be the notifier for as long as ``go_on()`` says so; raises KafkaError."""
    log.info("this process tells of alerts now")
    VITALS.gauge("acting", 1)
    notifier = Notifier(config, senders_of(config.alerting))
    try:
        while go_on():
            notifier.turn(WAIT_S)
    finally:
        VITALS.gauge("acting", 0)
        notifier.close()


class Notifier:
    """One that acts.

    Parameters
    ----------
    senders
        By ``RECEIVER/PROTOCOL``.
    """

    def __init__(self, config: Config, senders: Mapping[str, Sender]) -> None:
        self._config = config
        self._senders = senders
        self._topics = Topics(config.kafka.topic_prefix)
        self._trust, self._signer = Trust.of(config), Signer.of(config)
        self._output = TransactionalOutput(config.kafka, f"{config.kafka.topic_prefix}{ROLE}")
        self._output.fence()
        stored = read_table(config.kafka, self._topics.state, 0)
        own = {key: orjson.loads(value) for key, value in stored.items() if key.startswith(f"{ROLE}/")}
        wire = {key.removeprefix(f"{ROLE}/"): value for key, value in own.items()}
        self._offsets: dict[str, int] = wire.pop(_OFFSETS, {})
        self._read = dict(self._offsets)
        self._book = Book(wire)
        self._desk = Desk(config.alerting, self._book)
        self._input = Input(config, self._offsets)
        self._chains: dict[str, Chain] = {}
        self._records: list[tuple[str, str, bytes, int]] = []
        self._pool = ThreadPoolExecutor(config.alerting.at_once, thread_name_prefix="notice")
        self._under_way: set[str] = set()
        self._done: queue.SimpleQueue[Done] = queue.SimpleQueue()

    def turn(self, wait_s: float) -> None:
        """Take what came, decide, write, send; raises KafkaError, after which it is of no more use."""
        now_ms = clock.now_ms()
        for topic, message in self._input.read(wait_s):
            self._take(topic, message, now_ms)
        while not self._done.empty():
            self._settle(*self._done.get())
        # Before all is read, an alert that was resolved long ago may seem to fire.
        if not self._input.behind:
            self._desk.tick(clock.now_ms())
        self._commit()
        if not self._input.behind:
            self._send()

    def close(self) -> None:
        """End; notices on their way are waited for. Those not known to arrive are sent again by who comes next."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        try:
            while not self._done.empty():
                self._settle(*self._done.get())
            self._commit()
        except KafkaError as error:
            log.warning("%s", error)
        finally:
            self._input.close()
            self._output.close()

    def _take(self, topic: str, message: Message, now_ms: int) -> None:
        VITALS.count("records")
        partition, offset = message.partition(), message.offset()
        place = f"{topic}/{partition}"
        new = offset >= self._offsets.get(place, 0)
        self._read[place] = max(offset + 1, self._read.get(place, 0))
        key, value = (message.key() or b"").decode("utf-8", "replace"), message.value()
        try:
            record = None if not value else _object(value)
            if topic == "silences":
                self._attend(key, record, new, message.timestamp()[1])
            elif topic == "alerts" and record is not None:
                self._desk.alert(record, now_ms)
            elif record is not None and (running := race_of(record)) is not None:
                self._desk.race(str(record["model"]), running, int(record["time_ms"]))
        except (ValueError, KeyError, TypeError, SignatureRefused) as error:
            untrusted = isinstance(error, SignatureRefused)
            log.error("%s[%d] offset %d is left out: %s", topic, partition, offset, error)
            if new:
                refused = EventError(Reason.UNTRUSTED if untrusted else Reason.MALFORMED, str(error))
                self._bury(refused, topic, message)

    def _attend(self, key: str, record: Mapping[str, Any] | None, new: bool, time_ms: int) -> None:
        """A silence or an acknowledgement."""
        kind, _, id = key.partition("/")
        if record is not None:
            self._trust.check("silences", key, record)
        if kind == "silence":
            silence = None if record is None else Silence.from_wire(record)
            self._desk.silence(silence, id)
            if silence is not None and new:
                for model in concerned(silence, self._config.models):
                    self._audit(audit_of(model, silence, time_ms))
        elif kind == "ack":
            ack = None if record is None else Ack.from_wire(record)
            self._desk.ack(ack, id)
            if ack is not None and new:
                self._audit(audit_of(ack.model, ack, time_ms))
        else:
            raise ValueError(f"key {key!r}: it begins with silence/ or ack/")

    def _settle(self, notice: Notice, error: Undelivered | None) -> None:
        """A notice arrived, or did not."""
        now_ms = clock.now_ms()
        self._under_way.discard(notice.id)
        if error is None:
            VITALS.count("notices")
            record = notice_record(self._desk.sent(notice.id), "sent", None, now_ms)
            log.info("%s was told: %s, %d alerts", notice.target, notice.reason, len(notice.alerts))
        else:
            lost = self._desk.failed(notice.id, now_ms, final=error.final, after_ms=error.after_ms)
            VITALS.count("notice_retries" if lost is None else "notices_lost")
            if lost is None:
                log.warning("%s was not told, tried again: %s", notice.target, error)
                return
            log.error("%s was not told, given up: %s", notice.target, error)
            record = notice_record(lost, "failed", str(error), now_ms)
        model = str(notice.alerts[0]["model"])
        partition = partition_of(model, self._config.kafka.partitions)
        self._records.append((self._topics.notices, notice.id, orjson.dumps(record), partition))
        if error is not None:
            letter = given_up(record, self._topics.notices, partition, now_ms)
            self._records.append((self._topics.dead_letters, self._topics.notices, letter, -1))

    def _audit(self, entry: Mapping[str, Any]) -> None:
        model = str(entry["model"])
        if model not in self._chains:
            self._chains[model] = chain_of(self._config.kafka, model, ROLE)
        sealed = self._chains[model].sealed(entry, self._signer)
        where = partition_of(model, self._config.kafka.partitions)
        self._records.append((self._topics.audit, model, orjson.dumps(sealed), where))

    def _bury(self, error: EventError, topic: str, message: Message) -> None:
        source = self._topics.prefix + topic
        letter = dead_letter(
            error,
            topic=source,
            partition=message.partition(),
            offset=message.offset(),
            timestamp_ms=message.timestamp()[1],
            key=message.key(),
            value=message.value() or b"",
        )
        self._records.append((self._topics.dead_letters, source, letter, -1))

    def _commit(self) -> None:
        changed = self._book.take()
        if not (changed or self._records or self._read != self._offsets):
            return
        self._output.begin()
        for key, wire in changed.items():
            self._output.produce(self._topics.state, f"{ROLE}/{key}", None if wire is None else orjson.dumps(wire), 0)
        self._output.produce(self._topics.state, f"{ROLE}/{_OFFSETS}", orjson.dumps(self._read), 0)
        for topic, key, value, partition in self._records:
            self._output.produce(topic, key, value, None if partition < 0 else partition)
        self._output.store()
        VITALS.count("transactions")
        self._records.clear()
        self._offsets = dict(self._read)

    def _send(self) -> None:
        for notice in self._desk.ready(clock.now_ms(), self._under_way):
            if len(self._under_way) >= self._config.alerting.at_once:
                return
            self._under_way.add(notice.id)
            self._pool.submit(self._deliver, notice)

    def _deliver(self, notice: Notice) -> None:
        """In a thread."""
        error = None
        try:
            self._senders[notice.target].send(notice)
        except Undelivered as undelivered:
            error = undelivered
        except Exception as fault:
            log.exception("%s: a fault of trimtab, please report it", notice.target)
            error = Undelivered(f"{type(fault).__name__}: {fault}")
        self._done.put((notice, error))


def _object(value: bytes) -> dict[str, Any]:
    record = orjson.loads(value)
    if not isinstance(record, dict):
        raise TypeError("it is no JSON object")
    return record
