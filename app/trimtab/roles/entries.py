"""What a command writes with an entry of the audit log: in one transaction, one command at a time about one model."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from trimtab.config import KafkaConfig
from trimtab.errors import KafkaError
from trimtab.registry.audit import Chain
from trimtab.registry.audit_log import chain_of
from trimtab.roles.transactions import TransactionalOutput

__all__ = ["write_with_entry"]

WRITER = "cli"

Records = Iterable[tuple[str, bytes, bytes, int]]
"""Topic, key, value, partition."""


def write_with_entry(kafka: KafkaConfig, model: str, make: Callable[[Chain], Records]) -> None:
    """Write what ``make`` makes, given the command line's chain of the model as it stands; all of it or nothing.

    A second command that starts meanwhile takes over, and the first one fails: two entries that follow the same one
    would look like a log that was changed.

    Raises
    ------
    KafkaError
        Nothing was written, or nobody knows whether it was.
    """
    output = TransactionalOutput(kafka, f"{kafka.topic_prefix}{WRITER}-{model}")
    try:
        output.fence()
        records = list(make(chain_of(kafka, model, WRITER)))
        output.begin()
        for topic, key, value, partition in records:
            output.produce(topic, key.decode(), value, partition)
        output.store()
    except KafkaError as error:
        raise KafkaError(f"the entry of {model} in the audit log: {error}; see trimtab audit {model}") from error
    finally:
        output.close()
