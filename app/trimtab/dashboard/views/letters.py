"""Dead letters: what could not be used, why, and its bytes."""

from __future__ import annotations

import base64

from typing_extensions import TypedDict

from trimtab.dashboard.store.queries import Letter
from trimtab.dashboard.views.world import World

__all__ = ["LetterRow", "LetterView", "LettersView", "hexdump", "letter", "letters", "source_of", "value_of"]

_SHOWN_BYTES = 4_096


class LetterRow(TypedDict):
    """One dead letter: its own place, and where it came from."""

    partition: int
    offset: int
    time_ms: int
    reason: str
    detail: str
    topic: str
    source_partition: int
    source_offset: int
    size_bytes: int


class LettersView(TypedDict):
    """The dead-letter browser."""

    now_ms: int
    counts: dict[str, int]
    reason: str | None
    letters: list[LetterRow]


class LetterView(TypedDict):
    """One dead letter with its bytes: ``text`` when they are UTF-8; cut after 4,096. ``source`` is where it can be put
    back to, None when it cannot."""

    now_ms: int
    summary: LetterRow
    key: str | None
    text: str | None
    hexdump: str
    sha256: str
    source: str | None


def letters(world: World, reason: str | None = None, most: int = 200) -> LettersView:
    """The newest dead letters, or those of one reason."""
    return {
        "now_ms": world.now_ms,
        "counts": world.queries.letter_counts(),
        "reason": reason,
        "letters": [_row(found) for found in world.queries.letters(reason, most)],
    }


def letter(world: World, found: Letter) -> LetterView:
    """One dead letter."""
    record, value = found.record, value_of(found)
    key = None if record["key"] is None else base64.b64decode(record["key"]).decode(errors="replace")
    try:
        text: str | None = value.decode() if b"\0" not in value else None
    except UnicodeDecodeError:
        text = None
    return {
        "now_ms": world.now_ms,
        "summary": _row(found),
        "key": key,
        "text": None if text is None else text[:_SHOWN_BYTES],
        "hexdump": hexdump(value[:_SHOWN_BYTES]),
        "sha256": record["sha256"],
        "source": source_of(found, world.config.kafka.topic_prefix),
    }


def value_of(found: Letter) -> bytes:
    """The bytes that a dead letter carries."""
    return base64.b64decode(found.record["value"])


def source_of(found: Letter, prefix: str) -> str | None:
    """The topic a dead letter may be put back to: an input topic, or that of orders.

    Examples
    --------
    >>> source_of(Letter(0, 0, 0, {"topic": "t.labels"}), "t."), source_of(Letter(0, 0, 0, {"topic": "audit"}), "t.")
    ('labels', None)
    """
    name = str(found.record["topic"]).removeprefix(prefix)
    return name if name in ("features", "predictions", "labels", "commands") else None


def _row(found: Letter) -> LetterRow:
    record = found.record
    return {
        "partition": found.partition,
        "offset": found.offset,
        "time_ms": found.time_ms,
        "reason": record["reason"],
        "detail": record["detail"],
        "topic": record["topic"],
        "source_partition": record["partition"],
        "source_offset": record["offset"],
        "size_bytes": record["size_bytes"],
    }


def hexdump(data: bytes) -> str:
    """Sixteen bytes a line, as numbers and as text.

    Examples
    --------
    >>> print(hexdump(b"trimtab"))
    0000  74 72 69 6d 74 61 62                             trimtab
    """
    lines = []
    for at in range(0, len(data), 16):
        piece = data[at : at + 16]
        shown = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in piece)
        lines.append(f"{at:04x}  {piece.hex(' '):47}  {shown}")
    return "\n".join(lines)
