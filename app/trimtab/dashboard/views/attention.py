"""Whether people look after an incident or hold it back; what the notifier leaves out counts for nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trimtab.config import Matcher
from trimtab.notices import Ack, Silence

__all__ = ["ack_of", "matcher_text", "silence_of"]

Record = Mapping[str, Any]


def ack_of(record: Record | None, now_ms: int) -> Ack | None:
    """The acknowledgement of a record, when it holds now."""
    try:
        ack = None if record is None else Ack.from_wire(record)
    except ValueError:
        return None
    return ack if ack is not None and ack.holds(now_ms) else None


def silence_of(record: Record) -> Silence | None:
    """The silence of a record."""
    try:
        return Silence.from_wire(record)
    except ValueError:
        return None


def matcher_text(record: Record) -> str:
    """A matcher as people write it; of one that is none, what it has.

    Examples
    --------
    >>> matcher_text({"name": "model", "operator": "regex", "value": "cred.*"})
    'model=~"cred.*"'
    """
    try:
        return str(Matcher.from_wire(record))
    except ValueError:
        return f'{record["name"]}?"{record["value"]}"'
