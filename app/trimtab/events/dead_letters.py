"""The dead letter: what could not be used, where it came from, and why."""

from __future__ import annotations

import base64
import hashlib

import orjson

from trimtab.events.errors import EventError

__all__ = ["MAX_VALUE_BYTES", "dead_letter"]

MAX_VALUE_BYTES = 65_536


def dead_letter(
    error: EventError,
    *,
    topic: str,
    partition: int,
    offset: int,
    timestamp_ms: int,
    key: bytes | None,
    value: bytes,
) -> bytes:
    """A dead letter as JSON of schema ``dead_letter``; ``key`` and ``value`` are base64.

    Examples
    --------
    >>> from trimtab.events import Reason
    >>> bad = EventError(Reason.MALFORMED, "not JSON")
    >>> letter = dead_letter(bad, topic="labels", partition=0, offset=7, timestamp_ms=0, key=b"a", value=b"{")
    >>> orjson.loads(letter)["reason"]
    'malformed'
    """
    return orjson.dumps(
        {
            "reason": error.reason.value,
            "detail": error.detail,
            "topic": topic,
            "partition": partition,
            "offset": offset,
            "timestamp_ms": timestamp_ms,
            "key": base64.b64encode(key).decode() if key is not None else None,
            "value": base64.b64encode(value[:MAX_VALUE_BYTES]).decode(),
            "size_bytes": len(value),
            "sha256": hashlib.sha256(value).hexdigest(),
        }
    )
