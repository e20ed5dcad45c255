"""What an operator can do: each is one record in Kafka, written before the answer."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from trimtab import clock
from trimtab.config import Config
from trimtab.dashboard.store.queries import Letter
from trimtab.dashboard.views.letters import source_of, value_of
from trimtab.errors import ConfigError, KafkaError
from trimtab.kafka.log import read_range
from trimtab.kafka.sending import send
from trimtab.kafka.topics import Topics, partition_of
from trimtab.registry.audit import Chain, entry_of
from trimtab.registry.audit_log import chain_of
from trimtab.registry.orders import new_order, partition_of_orders, send_order
from trimtab.registry.signing import UNSIGNED, Signer
from trimtab.registry.silences import (
    ack_record,
    ended_record,
    matchers_of,
    send_attention,
    silence_record,
    span_ms_of,
)

__all__ = ["Actions", "Reason"]

_CLIENT: Final = "trimtab-dashboard"
ORDERS: Final = ("retrain", "approve", "rollback")

Reason = str


class Actions:
    """Writes what an operator orders; its methods block, and raise KafkaError when nothing was written.

    Parameters
    ----------
    writer
        Whose chain of the audit log what is put back goes into; each dashboard has one of its own.
    """

    def __init__(self, config: Config, writer: str) -> None:
        self._config = config
        self._topics = Topics(config.kafka.topic_prefix)
        self._signer = UNSIGNED if config.registry.sign_with is None else Signer.of(config)
        self._writer = writer
        self._chains: dict[str, Chain] = {}
        self._lock = threading.Lock()

    def order(self, command: str, model: str, version: int | None, actor: str, reason: Reason) -> dict[str, Any]:
        """An order to a model's trainer, which writes to the audit log what comes of it."""
        if command not in ORDERS or model not in self._config.models:
            raise ConfigError(f"{command} of {model!r} cannot be ordered here")
        order = new_order(self._config, command, model, version, actor, reason)
        send_order(self._config, order, partition_of_orders(self._config, model), _CLIENT)
        return order

    def acknowledge(self, alert: Mapping[str, Any], actor: str, comment: str, until_ms: int | None) -> dict[str, Any]:
        """Somebody looks after an incident."""
        return self._hush(ack_record(alert, actor, comment, until_ms))

    def silence(self, matchers: Sequence[str], duration: str, actor: str, comment: str) -> dict[str, Any]:
        """Hold notices back about alerts that match, for a duration such as 4h."""
        record = silence_record(matchers_of(matchers), span_ms_of(duration), actor, comment)
        return self._hush(record)

    def end_silence(self, silence: Mapping[str, Any], actor: str) -> dict[str, Any]:
        """End a silence now."""
        return self._hush(ended_record(silence, actor))

    def reinject(self, letter: Letter, actor: str) -> dict[str, Any]:
        """Write a dead letter's record to its source again, and tell the audit log of it."""
        name = source_of(letter, self._topics.prefix)
        if name is None:
            raise ConfigError(f"{letter.record['topic']} takes no records of people's; it cannot be put back there")
        key, value = self._source(letter)
        source = (f"{self._topics.prefix}{name}", key, value, int(letter.record["partition"]))
        with self._lock:
            model = self._model_of(value)
            chain = self._chains.get(model) or chain_of(self._config.kafka, model, self._writer)
            entry = chain.sealed(self._entry(letter, model, actor), self._signer)
            where = partition_of(model, self._config.kafka.partitions)
            audit = (self._topics.audit, model.encode(), orjson.dumps(entry), where)
            # What is not told must not happen, so the entry comes first.
            try:
                send(self._config.kafka, [audit], f"{self._topics.audit}: the entry", _CLIENT)
                self._chains[model] = chain
            except KafkaError:
                # Whether it is stored is not known; the log is asked before the next.
                self._chains.pop(model, None)
                raise
        send(self._config.kafka, [source], f"{source[0]}: the record", _CLIENT)
        return entry

    def _entry(self, letter: Letter, model: str, actor: str) -> dict[str, Any]:
        record = letter.record
        details = {
            "reason": record["reason"],
            "topic": record["topic"],
            "partition": float(record["partition"]),
            "source_offset": float(record["offset"]),
            "letter_partition": float(letter.partition),
            "letter_offset": float(letter.offset),
            "sha256": record["sha256"],
        }
        return entry_of(model, "dead_letter_reinjected", actor, clock.now_ms(), details)

    def _source(self, letter: Letter) -> tuple[bytes | None, bytes]:
        """Key and value; what the letter has not whole is read from where it came."""
        import base64

        record, value = letter.record, value_of(letter)
        if value and len(value) == record["size_bytes"]:
            key = None if record["key"] is None else base64.b64decode(record["key"])
            return key, value
        topic, partition, offset = record["topic"], record["partition"], record["offset"]
        for message in read_range(self._config.kafka, topic, partition, offset, offset, stall_s=5.0):
            if message.offset() == offset and message.value() is not None:
                return message.key(), message.value()
        raise KafkaError(f"{topic}[{partition}] has no record at offset {offset} any more; it cannot be put back")

    def _model_of(self, value: bytes) -> str:
        """The model that a record names; ``-`` for none that is known."""
        try:
            found = orjson.loads(value)
        except orjson.JSONDecodeError:
            return "-"
        name = found.get("model") if isinstance(found, dict) else None
        return name if isinstance(name, str) and name in self._config.models else "-"

    def _hush(self, record: Mapping[str, Any]) -> dict[str, Any]:
        return send_attention(self._config, record, _CLIENT)
