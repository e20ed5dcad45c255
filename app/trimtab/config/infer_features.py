"""Which columns of a table can be features, and what their values tell of them."""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

__all__ = ["Columns", "features_of", "in_order", "number_of", "texts_of"]

Columns = dict[str, list[Any]]
"""Typed columns by name, None where missing."""

MAX_LISTED_VALUES = 50
_INTEGER = re.compile(r"[-+]?\d+")
# What is farther out is no part of the column's distribution (as quality/checks.py has it).
_NEAREST_EXTREME, _LEAST_RATIO, _POWER = 10.0, 1.5, 6
_LONGEST = 1e40
_LEAST = 20


def features_of(columns: Columns) -> tuple[dict[str, Any], list[str]]:
    """Specifications by name, and notes on what cannot be a feature or was left out of one.

    Examples
    --------
    >>> features_of({"age": [20.0, 64.0], "id": [f"k{i}" for i in range(99)]})
    ({'age': {'type': 'numeric', 'min': 20.0, 'max': 64.0}}, ["Left out: 'id' (99 distinct texts: an identifier?)."])
    """
    features: dict[str, Any] = {}
    notes: list[str] = []
    for name, values in columns.items():
        known = [value for value in values if value is not None]
        if not known:
            notes.append(f"Left out: {name!r} (no values).")
        elif all(isinstance(value, str | bool) for value in known):
            _of_texts(name, values, features, notes)
        elif all(isinstance(value, int | float) for value in known):
            _of_numbers(name, known, features, notes)
        elif all(isinstance(value, datetime) for value in known):
            notes.append(f"Left out: {name!r} (times; --time names the event time).")
        else:
            notes.append(f"Left out: {name!r} (neither number nor text).")
    return features, notes


def _of_texts(name: str, values: Sequence[Any], features: dict[str, Any], notes: list[str]) -> None:
    known = [value for value in values if value is not None]
    distinct = set(texts_of(known))
    if len(distinct) <= MAX_LISTED_VALUES:
        features[name] = {"type": "categorical", "values": in_order(distinct)}
        return
    numbers = [_number_or_none(value) for value in values]
    found = [number for number in numbers if number is not None]
    if len(found) > len(known) / 2:
        row = next(k for k, value in enumerate(values) if value is not None and numbers[k] is None)
        notes.append(
            f"{name!r} is numeric but for {len(known) - len(found):,} values, such as {values[row]!r} in row "
            f"{row:,}; those rows will be refused."
        )
        _of_numbers(name, found, features, notes)
    elif len(distinct) > len(known) // 2:
        notes.append(f"Left out: {name!r} ({len(distinct):,} distinct texts: an identifier?).")
    else:
        features[name] = {"type": "categorical"}


def _of_numbers(name: str, known: Sequence[float], features: dict[str, Any], notes: list[str]) -> None:
    typical = _typical(known)
    features[name] = {"type": "numeric", "min": min(typical), "max": max(typical)}
    if len(typical) < len(known):
        far = max(set(known) - set(typical), key=abs)
        notes.append(
            f"{name!r}: {len(known) - len(typical):,} values far beyond all others, such as {far!r}, "
            "are not taken for its domain."
        )


def _typical(known: Sequence[float]) -> Sequence[float]:
    """Without what is so far from the median that the values' own tail has none of it; all, where none can tell."""
    if len(known) < _LEAST:
        return known
    low, middle, high = statistics.quantiles(known, n=4, method="inclusive")
    far = sorted(abs(value - middle) for value in known)
    inner, outer = (far[min(math.ceil(share * len(far)), len(far)) - 1] for share in (0.95, 0.995))
    if high == low or inner <= 0:
        return known
    ratio = max(_LEAST_RATIO, outer / inner)
    # A tail that long has everything, and Python refuses the power.
    limit = max(_NEAREST_EXTREME * (high - low), outer * ratio**_POWER) if ratio < _LONGEST else math.inf
    return [value for value in known if abs(value - middle) < limit]


def number_of(text: str) -> float | None:
    """The number that a text is, None for one that is not finite; raises ValueError."""
    if _INTEGER.fullmatch(text.strip()):
        return int(text)
    if "_" in text:  # Python reads 1_000, nobody else does
        raise ValueError(text)
    number = float(text)
    return number if math.isfinite(number) else None


def _number_or_none(value: Any) -> float | None:
    try:
        return number_of(value) if isinstance(value, str) else None
    except ValueError:
        return None


def texts_of(values: Iterable[Any]) -> Iterator[str]:
    """Categories as events spell them: 1 for true, 2 for 2.0."""
    for value in values:
        if isinstance(value, bool):
            yield "1" if value else "0"
        elif isinstance(value, float) and value.is_integer():
            yield str(int(value))
        else:
            yield str(value)


def in_order(texts: set[str]) -> list[str]:
    """Numbers by size, then text."""
    return sorted(texts, key=lambda t: (0, int(t), t) if _INTEGER.fullmatch(t) else (1, 0, t))
