"""One of several processes acts, the others stand by: whoever the group gave the topic's partition 0.

A static member that comes back keeps its place; another one takes over ``SESSION_MS`` after it was last heard of.
Two may think so for a moment, so whoever acts writes in transactions that fence its predecessor.
"""

from __future__ import annotations

from typing import Any, Final

from confluent_kafka import KafkaError as RawError
from confluent_kafka import KafkaException

from trimtab.config import KafkaConfig
from trimtab.errors import KafkaError
from trimtab.kafka.clients import consumer, message_of

__all__ = ["Leadership"]

SESSION_MS: Final = 10_000


class Leadership:
    """A place in a group that is there to be had by one.

    Parameters
    ----------
    group, instance
        The group, and this member's name in it.
    topic
        Any topic that is there; it is not read.
    """

    def __init__(self, config: KafkaConfig, group: str, instance: str, topic: str) -> None:
        self.leading = False
        self._consumer = consumer(
            config,
            f"{group}-{instance}",
            group_id=group,
            group_instance_id=f"{group}-{instance}",
            session_timeout_ms=SESSION_MS,
        )
        self._consumer.subscribe([topic], on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._revoked)

    def poll(self, timeout_s: float) -> bool:
        """Whether this one acts; to be called at least every few seconds.

        Raises
        ------
        KafkaError
            If another process took this member's name.
        """
        try:
            message = self._consumer.poll(timeout_s)
        except KafkaException as error:
            raise KafkaError(f"standing by: {message_of(error)}") from error
        wrong = None if message is None else message.error()
        if wrong is not None and (wrong.fatal() or wrong.code() == RawError.FENCED_INSTANCE_ID):
            raise KafkaError(f"standing by: {wrong.str()}; is another process of this --instance running?")
        return self.leading

    def close(self) -> None:
        """Leave the group."""
        self._consumer.close()

    def _assigned(self, consumer: Any, partitions: list[Any]) -> None:
        consumer.assign(partitions)
        if partitions:
            consumer.pause(partitions)
        self.leading = any(place.partition == 0 for place in partitions)

    def _revoked(self, _consumer: Any, _partitions: list[Any]) -> None:
        self.leading = False
