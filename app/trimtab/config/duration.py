"""Durations as people write them: ``250ms``, ``10s``, ``5m``, ``1h``, ``7d``, ``2w``."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator

__all__ = ["Milliseconds", "format_ms", "milliseconds_of", "parse_ms", "parse_rate"]

_UNIT_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_PATTERN = re.compile(r"(\d{1,15}(?:\.\d{1,9})?)\s*(ms|s|m|h|d|w)")
_RATE = re.compile(r"(\d{1,9}(?:\.\d{1,9})?) per (\d.*)")


def parse_ms(text: object) -> int:
    """Milliseconds of a duration such as ``7d``.

    Raises
    ------
    ValueError
        If the text has no unit that we know.

    Examples
    --------
    >>> parse_ms("1.5h"), parse_ms("250ms")
    (5400000, 250)
    """
    if isinstance(text, int) and not isinstance(text, bool):
        return text
    match = _PATTERN.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f"not a duration: {text!r}; write a number with ms, s, m, h, d or w, such as 7d")
    return round(float(match[1]) * _UNIT_MS[match[2]])


def format_ms(value: int) -> str:
    """The shortest exact spelling of a duration in milliseconds.

    Examples
    --------
    >>> format_ms(604_800_000), format_ms(90_000), format_ms(0)
    ('1w', '90s', '0s')
    """
    if value == 0:
        return "0s"
    for unit in ("w", "d", "h", "m", "s"):
        if value % _UNIT_MS[unit] == 0:
            return f"{value // _UNIT_MS[unit]}{unit}"
    return f"{value}ms"


def milliseconds_of(number: float) -> float:
    """Milliseconds since 1970 of a number of seconds, milliseconds, microseconds or nanoseconds, told by its size.

    Examples
    --------
    >>> milliseconds_of(1_700_000_000), milliseconds_of(1_700_000_000_000)
    (1700000000000.0, 1700000000000.0)
    """
    for limit, factor in ((1e11, 1e3), (1e14, 1.0), (1e17, 1e-3)):
        if abs(number) < limit:
            return number * factor
    return number * 1e-6


def parse_rate(text: str) -> tuple[float, int]:
    """How many, and in how many milliseconds.

    Raises
    ------
    ValueError
        If it is not like ``1 per 30d``, or not above zero.

    Examples
    --------
    >>> parse_rate("0.5 per 1w")
    (0.5, 604800000)
    """
    match = _RATE.fullmatch(text.strip())
    rate = (float(match[1]), parse_ms(match[2])) if match is not None else (0.0, 0)
    if min(rate) <= 0:
        raise ValueError(f"not a rate: {text!r}; write a number above zero and a duration, such as 1 per 30d")
    return rate


Milliseconds = Annotated[int, BeforeValidator(parse_ms)]
"""A duration: milliseconds inside, ``7d`` in the file."""
