"""Silences and acknowledgements as people make them, and their way to the topic ``silences``."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from trimtab import clock
from trimtab.config import Config, Matcher, parse_ms
from trimtab.errors import ConfigError
from trimtab.kafka.sending import send
from trimtab.kafka.topics import Topics
from trimtab.registry.signing import UNSIGNED, Signer

__all__ = ["ack_record", "ended_record", "key_of", "matchers_of", "send_attention", "silence_record", "span_ms_of"]

_MOST_MS: Final = 366 * 86_400_000


def matchers_of(texts: Sequence[str]) -> tuple[Matcher, ...]:
    """Matchers as people write them.

    Raises
    ------
    ConfigError
        If there is none, or one that is none.

    Examples
    --------
    >>> [str(matcher) for matcher in matchers_of(["model=credit", 'kind=~"drift|quality"'])]
    ['model="credit"', 'kind=~"drift|quality"']
    """
    if not texts:
        raise ConfigError("a silence needs at least one matcher, such as model=credit")
    try:
        return tuple(Matcher.parse(text) for text in texts)
    except ValueError as error:
        raise ConfigError(str(error)) from None


def span_ms_of(duration: str) -> int:
    """Milliseconds of a duration such as 4h, at most a year; raises ConfigError."""
    try:
        span_ms = parse_ms(duration)
    except ValueError as error:
        raise ConfigError(str(error)) from None
    if not 0 < span_ms <= _MOST_MS:
        raise ConfigError("a silence lasts more than nothing and at most a year")
    return span_ms


def silence_record(matchers: Sequence[Matcher], span_ms: int, actor: str, comment: str) -> dict[str, Any]:
    """A new silence from now on (schemas/silence.avsc)."""
    now_ms = clock.now_ms()
    return {
        "id": uuid.uuid4().hex,
        "matchers": [matcher.to_wire() for matcher in matchers],
        "starts_ms": now_ms,
        "ends_ms": now_ms + span_ms,
        "author": actor,
        "comment": comment,
        "time_ms": now_ms,
    }


def ended_record(silence: Mapping[str, Any], actor: str) -> dict[str, Any]:
    """A silence that ends now."""
    now_ms = clock.now_ms()
    kept = {name: silence[name] for name in ("id", "matchers", "starts_ms", "comment")}
    return {**kept, "ends_ms": max(now_ms, int(silence["starts_ms"])), "author": actor, "time_ms": now_ms}


def ack_record(alert: Mapping[str, Any], actor: str, comment: str, until_ms: int | None) -> dict[str, Any]:
    """Somebody looks after the incident of an alert record (schemas/ack.avsc)."""
    return {
        "incident": alert["incident"],
        "model": alert["model"],
        "until_ms": until_ms,
        "author": actor,
        "comment": comment,
        "time_ms": clock.now_ms(),
    }


def key_of(record: Mapping[str, Any]) -> str:
    """Key of a silence or an acknowledgement."""
    return f"silence/{record['id']}" if "matchers" in record else f"ack/{record['incident']}"


def send_attention(config: Config, record: Mapping[str, Any], client_id: str = "trimtab-cli") -> dict[str, Any]:
    """Write a silence or an acknowledgement, signed when there is a key to sign with; raises KafkaError."""
    signer = UNSIGNED if config.registry.sign_with is None else Signer.of(config)
    key, topic = key_of(record), Topics(config.kafka.topic_prefix).silences
    signed = signer.signed("silences", key, record)
    send(config.kafka, [(topic, key.encode(), orjson.dumps(signed), None)], f"{topic}: {key}", client_id)
    return signed
