"""Records that a follower writes about itself: best effort, since a service goes on predicting without them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import orjson

from trimtab.config import KafkaConfig
from trimtab.kafka import clients

if TYPE_CHECKING:
    from confluent_kafka import KafkaError as RawError
    from confluent_kafka import Message, Producer

__all__ = ["Writer"]

log = logging.getLogger("trimtab.client")

_FLUSH_S = 2.0


class Writer:
    """A producer that is made with the first record; what fails is logged, of each topic once as a warning."""

    def __init__(self, config: KafkaConfig, client_id: str) -> None:
        self._config = config
        self._client_id = client_id
        self._producer: Producer | None = None
        self._making = threading.Lock()
        self._failed: set[str] = set()

    def write(self, topic: str, key: str, record: Mapping[str, Any] | None, partition: int = -1) -> None:
        """Send a record, or with None remove its key; -1 takes the partition of the key."""
        try:
            with self._making:
                if self._producer is None:
                    self._producer = clients.producer(self._config, self._client_id)
            value = None if record is None else orjson.dumps(record)
            self._producer.produce(topic, value, key.encode(), partition, on_delivery=self._delivered)
            self._producer.poll(0)
        except Exception as error:
            self._warn(topic, str(error))

    def close(self) -> None:
        """Wait a moment for what was written."""
        if self._producer is not None:
            self._producer.flush(_FLUSH_S)

    def _delivered(self, error: RawError | None, message: Message) -> None:
        if error is not None:
            self._warn(message.topic() or "", error.str())

    def _warn(self, topic: str, why: str) -> None:
        level = logging.DEBUG if topic in self._failed else logging.WARNING
        self._failed.add(topic)
        log.log(level, "%s: a record was not written (%s); may this service write to the topic?", topic, why)
