"""One record of Kafka's as the store takes it."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Taken"]


class Taken(NamedTuple):
    """A record; ``time_ms`` is Kafka's timestamp, ``value`` None when the key was removed."""

    partition: int
    offset: int
    time_ms: int
    key: bytes | None
    value: bytes | None
