"""A follower's own learner: it reads the examples log and learns what the trainer learns.

Learning is deterministic, so from a published state on the replica is, at every offset of the log, the same model
as the trainer's, to the bit, with no snapshot to wait for.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition

from trimtab.config import KafkaConfig
from trimtab.kafka import clients
from trimtab.kafka.topics import Topics, partition_of
from trimtab.training import read_batch
from trimtab.training.task import Task

__all__ = ["Replica"]

log = logging.getLogger("trimtab.client")

_WAIT_S = 0.2
_LEADERS_S = 5.0


class Replica:
    """Learns from the examples log, in a thread of its own.

    Parameters
    ----------
    config, model, task
        Kafka, the model's name, and how its task learns.
    on_learnt
        Called with the version and the offset learnt up to after each record of the log.
    """

    def __init__(self, config: KafkaConfig, model: str, task: Task, on_learnt: Callable[[int, int], None]) -> None:
        self._topic = Topics(config.topic_prefix).examples
        self._partition = partition_of(model, config.partitions)
        self._key = model.encode()
        self._task = task
        self._on_learnt = on_learnt
        self.lock = threading.RLock()
        self._model: Any = None
        self._version = 0
        self._offset = -1
        self._moved = False
        self._stop = threading.Event()
        self._consumer: Consumer = clients.consumer(config, f"trimtab-replica-{model}")
        self._thread = threading.Thread(target=self._run, name=f"trimtab-replica-{model}", daemon=True)

    @property
    def position(self) -> tuple[int, int]:
        """Version and examples offset learnt up to."""
        with self.lock:
            return self._version, self._offset

    def start(self) -> None:
        """Begin to learn once there is a state to learn from."""
        self._thread.start()

    def close(self) -> None:
        """Stop learning."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        self._consumer.close()

    def rebase(self, model: Any, version: int, offset: int) -> None:
        """Go on from a published state that has learnt up to ``offset``."""
        with self.lock:
            self._model, self._version, self._offset, self._moved = model, version, offset, True

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._turn()
            except Exception:
                log.exception("%s: the replica cannot learn; published states are served", self._key.decode())
                return

    def _turn(self) -> None:
        with self.lock:
            moved, self._moved, start = self._moved, False, self._offset + 1
        if moved:
            with suppress(KafkaException):
                # librdkafka, which knows no leader yet, would look for one only after half a second.
                self._consumer.list_topics(self._topic, timeout=_LEADERS_S)
            self._consumer.assign([TopicPartition(self._topic, self._partition, start)])
        message = self._consumer.poll(_WAIT_S)
        if message is None or message.error() is not None or message.key() != self._key:
            return
        batch = read_batch(message.offset(), message.value() or b"")
        xs, targets = batch.examples.inputs(), self._task.targets(batch.examples.labels())
        with self.lock:
            if self._moved or batch.offset <= self._offset:
                return
            for x in xs:
                self._task.ask(self._model, x)  # the trainer asks it before each record too
            for x, y in zip(xs, targets, strict=True):
                self._model.learn_one(x, y)
            self._offset = batch.offset
            # Within the lock: whoever predicts sees the model and its name change together.
            self._on_learnt(self._version, batch.offset)
