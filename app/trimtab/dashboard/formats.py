"""Numbers, times and addresses as people read them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import quote, urlencode

__all__ = ["age", "link", "number", "parse_time", "share", "time", "whole"]


def time(ms: int | None) -> str:
    """A moment, UTC; empty for none.

    Examples
    --------
    >>> time(0), time(None)
    ('1970-01-01 00:00', '')
    """
    if ms is None:
        return ""
    try:
        return datetime.fromtimestamp(ms / 1_000, UTC).strftime("%Y-%m-%d %H:%M")
    except (ValueError, OverflowError, OSError):
        return str(ms)


def age(ms: float) -> str:
    """How long, in its largest unit.

    Examples
    --------
    >>> age(900), age(90_000), age(7_200_000), age(259_200_000), age(-5)
    ('1 s', '2 min', '2 h', '3 d', '0 s')
    """
    seconds = max(0.0, ms / 1_000)
    for limit, size, unit in ((90, 1, "s"), (5_400, 60, "min"), (172_800, 3_600, "h")):
        if seconds < limit:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds / 86_400:.0f} d"


def number(value: float | None) -> str:
    """Four significant digits.

    Examples
    --------
    >>> number(0.91234), number(12345.6), number(None), number(0.0000123)
    ('0.9123', '12,346', '—', '1.23e-05')
    """
    if value is None:
        return "—"
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"


def whole(value: float | None) -> str:
    """A count."""
    return "—" if value is None else f"{value:,.0f}"


def share(value: float | None) -> str:
    """A share as per cent.

    Examples
    --------
    >>> share(0.953), share(None)
    ('95 %', '—')
    """
    return "—" if value is None else f"{value * 100:.0f} %"


def link(*path: object, query: Mapping[str, object] | None = None) -> str:
    """An address on this site; what is None is left out of the query.

    Examples
    --------
    >>> link("models", "a b", query={"feature": "x/y", "end": None})
    '/models/a%20b?feature=x%2Fy'
    """
    where = "/" + "/".join(quote(str(part), safe="") for part in path)
    pairs = {name: value for name, value in (query or {}).items() if value is not None}
    return f"{where}?{urlencode(pairs)}" if pairs else where


def parse_time(value: str) -> int:
    """Milliseconds since 1970 of a number of them, or of ISO 8601 text; text without an offset is UTC.

    Raises
    ------
    ValueError
        If it is neither.

    Examples
    --------
    >>> parse_time("1970-01-01T00:00:01"), parse_time("1000")
    (1000, 1000)
    """
    if value.lstrip("-").isascii() and value.lstrip("-").isdigit():
        return int(value)
    found = datetime.fromisoformat(value)
    return round((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp() * 1_000)
