"""Which windows a page is about, as its address says it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from trimtab.config import parse_ms
from trimtab.dashboard import formats
from trimtab.errors import ConfigError

__all__ = ["Choice", "Period", "choose"]


class Period(NamedTuple):
    """Windows that end after ``from_ms`` and until ``to_ms``; the last ``most`` of them."""

    from_ms: int
    to_ms: int | None
    most: int


class Choice(NamedTuple):
    """What the address of a model's page says; ``feature``, ``end_ms`` and ``of``, a version, name a cell."""

    period: Period
    last: str | None
    version: int | None
    segment: str
    metric: str | None
    feature: str | None
    end_ms: int | None
    of: int | None = None


DEFAULT_WINDOWS = 168


def choose(query: Mapping[str, str], newest_ms: int | None) -> Choice:
    """Read ``from``, ``to``, ``last`` (such as 7d, before the newest window), and what else is chosen.

    Raises
    ------
    ConfigError
        If something cannot be read.

    Examples
    --------
    >>> choose({"last": "1h", "feature": "age"}, 7_200_000).period
    Period(from_ms=3600000, to_ms=None, most=5000)
    """
    try:
        period = _period(query, newest_ms)
        version, of = (int(query[name]) if query.get(name) else None for name in ("version", "of"))
        end_ms = formats.parse_time(query["end"]) if query.get("end") else None
    except ValueError as error:
        raise ConfigError(f"the address cannot be read: {error}") from None
    return Choice(
        period,
        query.get("last"),
        version,
        query.get("segment", ""),
        query.get("metric") or None,
        query.get("feature") or None,
        end_ms,
        of,
    )


def _period(query: Mapping[str, str], newest_ms: int | None) -> Period:
    if query.get("from") or query.get("to"):
        start = formats.parse_time(query["from"]) if query.get("from") else 0
        return Period(start, formats.parse_time(query["to"]) if query.get("to") else None, 5_000)
    last = query.get("last")
    if last == "all":
        return Period(0, None, 5_000)
    if last:
        return Period(max(0, (newest_ms or 0) - parse_ms(last)), None, 5_000)
    return Period(0, None, DEFAULT_WINDOWS)
