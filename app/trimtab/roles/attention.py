"""What fires now and whether people are told of it, read from the topics and judged as the notifier does."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import orjson

from trimtab import clock
from trimtab.config import Config
from trimtab.kafka.reading import read_topics
from trimtab.kafka.topics import Topics
from trimtab.notices import Ack, Book, Desk, Silence, labels_of
from trimtab.registry.signing import SignatureRefused, Trust

__all__ = ["firing", "silences_of", "standing"]

log = logging.getLogger("trimtab.attention")


def firing(config: Config) -> list[dict[str, Any]]:
    """Records of the alerts that fire, the newest first; raises KafkaError."""
    newest: dict[str, dict[str, Any]] = {}
    for _, record in _read(config, Topics(config.kafka.topic_prefix).alerts):
        if record is not None:
            newest[record["fingerprint"]] = record
    found = [record for record in newest.values() if record["state"] == "firing"]
    return sorted(found, key=lambda record: (-record["raised_ms"], record["incident"]))


def silences_of(config: Config) -> list[dict[str, Any]]:
    """Silences in force or yet to come, the first to end first, each with matchers as ``shown``."""
    now_ms, found = clock.now_ms(), []
    for key, record in _attention(config).items():
        if key.startswith("silence/") and record["ends_ms"] > now_ms:
            shown = [str(matcher) for matcher in Silence.from_wire(record).matchers]
            found.append({**record, "shown": shown})
    return sorted(found, key=lambda record: (record["ends_ms"], record["id"]))


def standing(config: Config) -> list[dict[str, Any]]:
    """What fires, each with ``status``: firing, silenced, inhibited or acknowledged; and by whom."""
    now_ms, alerts, attention = clock.now_ms(), firing(config), _attention(config)
    desk = Desk(config.alerting, Book())
    for alert in alerts:
        desk.alert(alert, now_ms)
    held = {key: Silence.from_wire(record) for key, record in attention.items() if key.startswith("silence/")}
    for silence in held.values():
        desk.silence(silence, silence.id)
    return [_stands(config, desk, alert, attention, held, now_ms) for alert in alerts]


def _stands(
    config: Config,
    desk: Desk,
    alert: dict[str, Any],
    attention: dict[str, dict[str, Any]],
    held: dict[str, Silence],
    now_ms: int,
) -> dict[str, Any]:
    labels = labels_of(alert, config.alerting.labels.get(alert["model"], {}))
    ack = attention.get(f"ack/{alert['incident']}")
    looked = ack is not None and Ack.from_wire(ack).holds(now_ms)
    muted = desk.muted_by(labels, now_ms)
    author = next((one.author for one in held.values() if one.mutes(labels, now_ms)), None)
    status = muted or ("acknowledged" if looked else "firing")
    by = author if muted == "silenced" else ack["author"] if ack is not None and status == "acknowledged" else None
    return {**alert, "labels": labels, "status": status, "author": by}


def _attention(config: Config) -> dict[str, dict[str, Any]]:
    """Silences and acknowledgements by key, without those that the notifier leaves out."""
    trust, found = Trust.of(config), dict[str, dict[str, Any]]()
    for key, record in _read(config, Topics(config.kafka.topic_prefix).silences):
        found.pop(key, None)
        try:
            if record is not None:
                trust.check("silences", key, record)
                (Silence if key.startswith("silence/") else Ack).from_wire(record)
                found[key] = record
        except (SignatureRefused, ValueError) as error:
            log.warning("%s is left out: %s", key, error)
    return found


def _read(config: Config, topic: str) -> Iterator[tuple[str, dict[str, Any] | None]]:
    for message in read_topics(config.kafka, [topic]):
        key, value = (message.key() or b"").decode("utf-8", "replace"), message.value()
        try:
            record = orjson.loads(value) if value else None
        except orjson.JSONDecodeError:
            continue
        if record is None or isinstance(record, dict):
            yield key, record
