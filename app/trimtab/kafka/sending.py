"""Writing a few records and knowing that they are stored."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from trimtab.config import KafkaConfig
from trimtab.errors import KafkaError
from trimtab.kafka.clients import not_stored, producer

__all__ = ["send"]


def send(
    config: KafkaConfig,
    records: Iterable[tuple[str, bytes | None, bytes, int | None]],
    what: str,
    client_id: str = "trimtab-cli",
) -> None:
    """Write records (topic, key, value, partition; None for that of the key).

    Raises
    ------
    KafkaError
        Not all are delivered; ``what`` says of what.
    """
    failures: list[str] = []

    def delivered(error: Any, message: Any) -> None:
        failures.extend(filter(None, [not_stored(error, message)]))

    sender = producer(config, client_id, on_delivery=delivered)
    for topic, key, value, partition in records:
        # librdkafka takes -1 for the partition of the key.
        sender.produce(topic, value, key, partition=-1 if partition is None else partition)
    if sender.flush(10) or failures:
        raise KafkaError(f"{what} was not delivered: {failures[0] if failures else 'no answer in 10 s'}")
