"""confluent-kafka clients with our settings, and the errors of librdkafka turned into ours."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeVar

from confluent_kafka import Consumer, KafkaException, Message, Producer
from confluent_kafka.admin import AdminClient

from trimtab.config import KafkaConfig
from trimtab.errors import KafkaError

__all__ = ["admin", "connect", "consumer", "message_of", "not_stored", "producer"]

log = logging.getLogger("trimtab.kafka")

# librdkafka takes the last of two names of one setting, so the user's is given by the name that we use.
_ALIASES = {
    "compression.codec": "compression.type",
    "delivery.timeout.ms": "message.timeout.ms",
    "queue.buffering.max.ms": "linger.ms",
}
Client = TypeVar("Client")


def _base(config: KafkaConfig, client_id: str) -> dict[str, Any]:
    if config.bootstrap_servers is None:
        raise KafkaError("no bootstrap servers: set TRIMTAB_KAFKA__BOOTSTRAP_SERVERS or start trimtab broker")
    return {
        "bootstrap.servers": config.bootstrap_servers,
        "client.id": client_id,
        "broker.address.family": "v4",
        "reconnect.backoff.max.ms": 2_000,
        # Connection losses are reported by the calls that fail; librdkafka's own lines would go to stderr twice.
        "log_level": 2,
        **_given(config),
    }


def _given(config: KafkaConfig) -> dict[str, str]:
    """The user's own settings, which win; those that must not are refused with the configuration."""
    return {_ALIASES.get(name, name): value.get_secret_value() for name, value in config.librdkafka.items()}


def _made(kind: Callable[[dict[str, Any]], Client], settings: dict[str, Any]) -> Client:
    try:
        return kind(settings)
    except KafkaException as error:
        raise KafkaError(f"cannot make a Kafka client: {message_of(error)}; mend kafka.librdkafka") from error


def admin(config: KafkaConfig) -> AdminClient:
    """An admin client.

    Raises
    ------
    KafkaError
        If librdkafka refuses a setting; likewise of a consumer and a producer.
    """
    return _made(AdminClient, _base(config, "trimtab-admin"))


def connect(config: KafkaConfig, timeout_s: float = 10.0) -> None:
    """Make sure that a broker answers.

    Raises
    ------
    KafkaError
        If none does within ``timeout_s`` seconds.
    """
    try:
        admin(config).list_topics(timeout=timeout_s)
    except KafkaException as error:
        raise KafkaError(
            f"no Kafka broker answers at {config.bootstrap_servers} within {timeout_s:.0f} s; "
            f"check kafka.bootstrap_servers and the network ({error.args[0].str()})"
        ) from error


def consumer(config: KafkaConfig, client_id: str, **settings: Any) -> Consumer:
    """A consumer that reads committed records and commits nothing by itself.

    ``fetch.queue.backoff.ms`` defaults to 1,000 in librdkafka and stalls a fast consumer; the prefetch queue
    defaults to 64 MB.
    """
    return _made(
        Consumer,
        _base(config, client_id)
        | {
            "group.id": client_id,
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "earliest",
            "fetch.queue.backoff.ms": 5,
            "fetch.wait.max.ms": 200,
            "fetch.error.backoff.ms": 100,
            "queued.max.messages.kbytes": 16_384,
            "partition.assignment.strategy": "range",
        }
        | _dotted(settings)
        | _given(config),
    )


def producer(
    config: KafkaConfig, client_id: str, *, on_delivery: Callable[[Any, Message], None] | None = None, **settings: Any
) -> Producer:
    """An idempotent producer whose keys land where ``partition_of`` says.

    ``on_delivery`` is for records that are produced without one of their own.
    """
    return _made(
        Producer,
        _base(config, client_id)
        | {
            "enable.idempotence": True,
            "linger.ms": 5,
            "compression.type": "lz4",
            "partitioner": "consistent",
            "message.max.bytes": 4_000_000,
            # A transaction that begins while the last one's markers are being written is told to retry; librdkafka
            # waits 100 ms by default, which would be the pace of back-to-back transactions.
            "retry.backoff.ms": 5,
        }
        | _dotted(settings)
        | _given(config)
        | ({} if on_delivery is None else {"on_delivery": on_delivery}),
    )


def not_stored(error: Any, message: Message) -> str | None:
    """Why the record of a delivery report is not known to be stored; None when it is.

    A broker that has just begun to serve a partition may refuse a producer's first record there and take the second,
    which was under way. The first, sent again, then looks like one that came before, and librdkafka reports it as
    delivered, without an offset (docs/decisions/0019).
    """
    if error is not None:
        return str(error.str())
    return "Kafka took a later record for it" if message.offset() is None else None


def message_of(error: KafkaException) -> str:
    """The one line that librdkafka gives for an error."""
    return str(error.args[0].str()) if error.args else str(error)


def _dotted(settings: dict[str, Any]) -> dict[str, Any]:
    """Keyword arguments as librdkafka spells them: ``group_id`` is ``group.id``."""
    return {name.replace("_", "."): value for name, value in settings.items()}
