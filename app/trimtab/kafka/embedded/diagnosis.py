"""Why Kafka ended: the one line of its log that says so."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["explain", "log_size", "read_since"]

_TAIL_BYTES = 256 * 1024
_LENGTH = 300
_SEVERE = re.compile(r"^[\d-]{10} [\d:,]{12} (?:ERROR|FATAL) (?P<text>.*?)(?: \([\w.$]+\))?$")
_EXCEPTION = re.compile(r"^(?:Caused by: |Exception in thread \"[^\"]*\" )?[\w.$]+(?:Exception|Error)\b.*")
# What Kafka logs on the way out, after the line that matters; and what Java prints on every start.
_NOISE = re.compile(r"^(?:WARNING: |\s|$)|Exiting Kafka due to|shutting down|Shutdown (?:broker|controller) because")


def log_size(path: Path) -> int:
    """Bytes of the log now, to know later where this start's lines begin."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def read_since(path: Path, offset: int) -> str:
    """The end of the log, from ``offset`` on (all of it when it was rotated since)."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            start = offset if offset <= size else 0
            file.seek(max(start, size - _TAIL_BYTES))
            return file.read().decode(errors="replace")
    except OSError:
        return ""


def explain(text: str) -> str | None:
    """The last meaningful error in ``text``: the last severe line with its deepest cause, or else the last line.

    Example
    -------
    >>> explain("2026-01-31 10:00:00,000 ERROR Cannot start (kafka.Kafka)\\njava.net.BindException: Address in use\\n")
    'Cannot start: java.net.BindException: Address in use'
    """
    severe, cause, last = None, None, None
    for line in text.splitlines():
        found = _SEVERE.match(line)
        if _NOISE.search(line):
            continue
        if found:
            severe, cause = found["text"].strip(), None
        elif _EXCEPTION.match(line):
            cause = line.removeprefix("Caused by: ").strip()
        last = line.strip()
    if severe and cause and cause not in severe:
        return f"{severe}: {cause}"[:_LENGTH]
    return (severe or cause or last or "")[:_LENGTH] or None
