"""A live view of the registry's index, or of what services need of it, kept up to date by a thread."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import orjson

from trimtab.config import KafkaConfig
from trimtab.errors import KafkaError, RegistryError
from trimtab.kafka.clients import consumer, message_of
from trimtab.kafka.topics import Topics, partition_of
from trimtab.profiles import Reference
from trimtab.registry.records import (
    INDEX_PARTITION,
    alias_key,
    is_index_key,
    online_key,
    reference_key,
    version_key,
)
from trimtab.registry.signing import TRUSTING, SignatureRefused, Trust
from trimtab.registry.trusted import TrustedRecords

if TYPE_CHECKING:
    from confluent_kafka import Consumer, Message

__all__ = ["Callback", "RegistryIndex"]

log = logging.getLogger("trimtab.registry")

Record = dict[str, Any]
Callback = Callable[[str, Record | None], None]

_POLL_S = 0.1
_RETRY_S = 0.05
_BATCH = 500


class RegistryIndex:
    """The registry's index as it is now; safe to use from any thread.

    Parameters
    ----------
    config
        Where the registry topic is.
    client_id
        Name shown in the brokers' logs. No consumer group is joined and nothing is committed.
    trust
        Which signatures are believed; of what is not, the index goes on with the last that was.
    serving
        A model: follow only what services need of it, from the topic ``serving``: the aliases, the manifests that they
        name, and the online state. However many versions there were, that is little.
    references
        Whether to keep references, which are large; who only tells of versions has no use for them.
    """

    def __init__(
        self,
        config: KafkaConfig,
        client_id: str,
        trust: Trust = TRUSTING,
        *,
        serving: str | None = None,
        references: bool = True,
    ) -> None:
        self._config = config
        self._client_id = client_id
        topics = Topics(config.topic_prefix)
        self._topic: str = topics.registry if serving is None else topics.serving
        self._partition = INDEX_PARTITION if serving is None else partition_of(serving, config.partitions)
        self._records = TrustedRecords(trust)
        self._keeps_references = references
        # References as they were parsed, with the record each was parsed from.
        self._references: dict[str, tuple[Record, Reference]] = {}
        self._callbacks: list[Callback] = []
        self._position = 0
        self._moved = threading.Condition()
        self._reached_end = threading.Event()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._consumer: Consumer | None = None
        # confluent-kafka 2.16 hangs when one thread asks a consumer for offsets while another polls it.
        self._asker: Consumer | None = None
        self._asking = threading.Lock()

    def start(self, timeout_s: float = 10.0) -> None:
        """Read the index to its end, then follow it.

        Raises
        ------
        KafkaError
            If there is no broker or no such topic, or the end is not reached within ``timeout_s`` seconds.
        """
        from confluent_kafka import OFFSET_BEGINNING, TopicPartition

        deadline = time.monotonic() + timeout_s
        self._consumer = consumer(self._config, self._client_id, enable_partition_eof=True)
        # A commit is acknowledged before its markers are written, so the end counts what is not yet marked.
        self._asker = consumer(self._config, f"{self._client_id}-end", isolation_level="read_uncommitted")
        try:
            self._require_topic(self._consumer, timeout_s)
            self._consumer.assign([TopicPartition(self._topic, self._partition, OFFSET_BEGINNING)])
            self._thread = threading.Thread(
                target=self._run, args=(self._consumer,), name="trimtab-registry-index", daemon=True
            )
            self._thread.start()
            self._catch_up(max(0.1, deadline - time.monotonic()))
        except BaseException:
            self.close()
            raise

    def _catch_up(self, timeout_s: float) -> None:
        """Wait for the end; an open transaction of a dead trainer only delays the start."""
        try:
            self.refresh(timeout_s)
        except KafkaError as error:
            if not self._reached_end.is_set():
                raise
            log.warning("%s; going on with what is committed", error)

    def close(self) -> None:
        """Stop following; what was read stays readable."""
        self._stop.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None
        with self._asking:
            if self._asker is not None:
                self._asker.close()
                self._asker = None

    def refresh(self, timeout_s: float = 5.0) -> None:
        """Wait until everything is read that was committed before this call.

        Raises
        ------
        KafkaError
            If that takes longer than ``timeout_s`` seconds.
        """
        deadline = time.monotonic() + timeout_s
        end = self._end(deadline, timeout_s)
        with self._moved:
            if not self._moved.wait_for(lambda: self._position >= end, max(0.0, deadline - time.monotonic())):
                raise KafkaError(
                    f"{self._topic}: the index is read up to {self._position} of {end} after {timeout_s:.0f} s; "
                    "is Kafka slow, or a transaction of a dead trainer still open? try again"
                )

    def subscribe(self, callback: Callback) -> None:
        """Call ``callback(key, record)`` for each record read from now on; None when the key was removed.

        The record is as it was read, whoever wrote it: ask the index what is to be believed of its key.

        It runs in the reading thread, so it must be quick. Subscribe before :meth:`start` to be called for
        everything that stands in the index.
        """
        self._callbacks.append(callback)

    def champion(self, model: str) -> Record | None:
        """The alias record of the champion; None before the first version."""
        return self.alias(model, "champion")

    def alias(self, model: str, name: str) -> Record | None:
        """The record of an alias, ``champion`` or ``canary``."""
        return self._get(alias_key(model, name))

    def manifest(self, model: str, version: int) -> Record | None:
        """The manifest of a version."""
        return self._get(version_key(model, version))

    def versions(self, model: str) -> list[Record]:
        """All manifests of a model, the oldest version first."""
        prefix = f"{model}/versions/"
        with self._moved:
            found = [record for _, record in self._records.items(prefix)]
        return sorted(found, key=lambda manifest: int(manifest["version"]))

    def pinned(self, model: str) -> set[int]:
        """The versions that are kept until they are unpinned."""
        prefix = f"{model}/pins/"
        with self._moved:
            found = [key for key, _ in self._records.items(prefix)]
        return {int(key.removeprefix(prefix)) for key in found}

    def staged(self, model: str, order: str) -> dict[str, Record]:
        """What an importer wrote for an order, by key."""
        with self._moved:
            return dict(self._records.items(f"{model}/imports/{order}-"))

    def online(self, model: str) -> Record | None:
        """The record of the latest online state."""
        return self._get(online_key(model))

    def reference(self, model: str, version: int) -> Reference | None:
        """The reference made with a version; raises RegistryError if it is damaged."""
        key = reference_key(model, version)
        wire = self._get(key)
        if wire is None:
            return None
        known = self._references.get(key)
        if known is not None and known[0] is wire:
            return known[1]
        try:
            reference = Reference.from_wire(wire)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise RegistryError(
                f"{self._topic}: {key} is damaged ({type(error).__name__}: {error}); publish the version again"
            ) from error
        self._references[key] = (wire, reference)
        return reference

    def record(self, key: str) -> Record | None:
        """What stands under a key, for who carries it elsewhere."""
        return self._get(key)

    def refusal(self, key: str) -> SignatureRefused | None:
        """Why the newest record of a key is not believed; None when it is, or there is none."""
        with self._moved:
            return self._records.refusal(key)

    def _get(self, key: str) -> Record | None:
        with self._moved:
            return self._records.get(key)

    def _require_topic(self, reader: Consumer, timeout_s: float) -> None:
        """Raise KafkaError unless a broker answers and has the topic."""
        from confluent_kafka import KafkaException

        try:
            # Of the reader itself: librdkafka then knows the leaders, and else asks for them after half a second.
            topics = reader.list_topics(self._topic, timeout=timeout_s).topics
        except KafkaException as error:
            raise KafkaError(
                f"no Kafka broker answers at {self._config.bootstrap_servers} within {timeout_s:.0f} s; "
                f"check kafka.bootstrap_servers and the network ({message_of(error)})"
            ) from error
        if not topics[self._topic].partitions:
            raise KafkaError(f"topic {self._topic} does not exist; create it with: trimtab topics create")

    def _end(self, deadline: float, timeout_s: float) -> int:
        """Offset behind the last record, that of an open transaction included."""
        from confluent_kafka import KafkaException, TopicPartition

        partition = TopicPartition(self._topic, self._partition)
        why = f"no answer within {timeout_s:.0f} s"
        while (left_s := deadline - time.monotonic()) > 0:
            try:
                with self._asking:
                    marks = self._open().get_watermark_offsets(partition, timeout=left_s)
                if marks is not None:
                    return int(marks[1])
            except KafkaException as error:
                # A new topic has no leader for a moment, and a moved one another.
                why = message_of(error)
                time.sleep(min(_RETRY_S, left_s))
        raise KafkaError(f"{self._topic}: cannot ask for its end: {why}; is Kafka up?")

    def _open(self) -> Consumer:
        if self._asker is None:
            raise KafkaError("the registry index is closed; call start() first")
        return self._asker

    def _run(self, source: Consumer) -> None:
        while not self._stop.is_set():
            message = source.poll(_POLL_S)
            if message is None:
                continue
            # consume() would wait for a full batch, so it only takes what is there already.
            for one in (message, *source.consume(_BATCH, timeout=0)):
                self._take(one)

    def _take(self, message: Message) -> None:
        from confluent_kafka import KafkaError as RawError

        error = message.error()
        if error is not None:
            if error.code() == RawError._PARTITION_EOF:
                self._reached_end.set()
                self._move(message.offset())
            else:
                log.warning("registry index %s: %s", self._topic, error.str())
            return
        try:
            change = _parse(message)
        except ValueError as why:
            log.error("%s: record at offset %d is damaged (%s); it is skipped", self._topic, message.offset(), why)
            change = None
        if change is not None:
            self._apply(*change)
        self._move(message.offset() + 1)

    def _apply(self, key: str, record: Record | None) -> None:
        with self._moved:
            if self._keeps_references or "/references/" not in key:
                self._records.put(key, record)
            if record is None:
                self._references.pop(key, None)
        for callback in self._callbacks:
            try:
                callback(key, record)
            except Exception:
                log.exception("a subscriber to the registry index failed on %s", key)

    def _move(self, position: int) -> None:
        """Note that everything before ``position`` is read; markers of transactions leave gaps, so EOF counts."""
        with self._moved:
            self._position = max(self._position, position)
            self._moved.notify_all()


def _parse(message: Message) -> tuple[str, Record | None] | None:
    """Key and record; None for what is no index record. Raises ValueError."""
    key = (message.key() or b"").decode()
    if not is_index_key(key):
        return None
    data = message.value()
    if data is None:
        return key, None
    record = orjson.loads(data)
    if not isinstance(record, dict):
        raise ValueError("it is no JSON object")
    return key, record
