"""Canonical values: what a time, a feature, a label or a served name becomes, and why it may be refused."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime

from trimtab.config import ModelConfig, NumericFeature
from trimtab.events.errors import EventError, Reason
from trimtab.events.types import FeatureValue, Value

__all__ = [
    "MAX_MS",
    "MIN_MS",
    "canonical_category",
    "canonical_features",
    "canonical_value",
    "parse_served",
    "parse_time",
]

_SERVED = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)@(\d{1,9})(?:\+(\d{1,18}))?", re.ASCII)
_TRUE = frozenset({"1", "true", "True"})
_FALSE = frozenset({"0", "false", "False"})
# Years 1900 to 9999: outside, a number of milliseconds is surely in another unit.
MIN_MS, MAX_MS = -2_208_988_800_000, 253_402_300_799_999


def parse_time(value: object, field: str) -> int:
    """Milliseconds since 1970 UTC of a number of milliseconds, an ISO 8601 string with offset, or a datetime.

    Examples
    --------
    >>> parse_time("1996-05-07T00:00:00+10:00", "time"), parse_time(5, "time")
    (831391200000, 5)
    """
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError as error:
            raise EventError(
                Reason.WRONG_TYPE,
                f"{field}: {value!r} is no ISO 8601 time ({error}); write 2026-01-31T12:00:00Z",
            ) from error
    if isinstance(value, datetime):
        aware = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
        return round(aware.timestamp() * 1000)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise EventError(
            Reason.WRONG_TYPE, f"{field}: {_kind(value)} is no time; send milliseconds since 1970 or ISO 8601"
        )
    if not math.isfinite(value):
        raise EventError(Reason.NON_FINITE, f"{field}: {value} is no time")
    if not MIN_MS <= value <= MAX_MS:
        raise EventError(Reason.WRONG_TYPE, f"{field}: {value} is not milliseconds since 1970")
    return int(value)


def parse_served(text: object, model: str) -> tuple[int, int | None]:
    """Version and learnt offset of a served name; (0, None) for null.

    Examples
    --------
    >>> parse_served("credit@7+12345", "credit"), parse_served(None, "credit")
    ((7, 12345), (0, None))
    """
    if text is None:
        return 0, None
    match = _SERVED.fullmatch(text) if isinstance(text, str) else None
    if match is None or match[1] != model:
        raise EventError(
            Reason.WRONG_TYPE,
            f"version: {text!r} is no served name; send {model}@VERSION or {model}@VERSION+OFFSET",
        )
    return int(match[2]), int(match[3]) if match[3] else None


def canonical_features(raw: Mapping[str, object], model: ModelConfig) -> dict[str, FeatureValue]:
    """Typed by the configuration: absent and null are missing (None), other names are left out.

    Raises
    ------
    EventError
        If a value has the wrong type or is not finite.
    """
    out: dict[str, FeatureValue] = {}
    for name, spec in model.features.items():
        value = raw.get(name)
        if value is None:
            out[name] = None
        elif isinstance(spec, NumericFeature):
            out[name] = _number(value, f"features.{name}")
        else:
            out[name] = _category(value, f"features.{name}")
    return out


def canonical_value(value: object, task: str, field: str) -> Value:
    """A class as text ('0' and '1' for binary tasks), or a finite number for regression.

    Examples
    --------
    >>> canonical_value(True, "binary", "label"), canonical_value(3.0, "multiclass", "label")
    ('1', '3')
    >>> canonical_value(2, "regression", "label")
    2.0
    """
    if task == "regression":
        return _number(value, field)
    text = _category(value, field)
    if task == "multiclass":
        return text
    if text in _TRUE:
        return "1"
    if text in _FALSE:
        return "0"
    raise EventError(Reason.WRONG_TYPE, f"{field}: {value!r} is not binary; send 0, 1, true or false")


def _number(value: object, field: str) -> float:
    if isinstance(value, bool):
        return float(value)
    if not isinstance(value, (int, float)):
        raise EventError(Reason.WRONG_TYPE, f"{field}: {_kind(value)} where a number is expected")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise EventError(Reason.NON_FINITE, f"{field}: {number} is not finite; send null for missing")
    return number


def _category(value: object, field: str) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, float):
        if not math.isfinite(value):
            raise EventError(Reason.NON_FINITE, f"{field}: {value} is not finite; send null for missing")
        return str(int(value)) if value.is_integer() else repr(value)
    if isinstance(value, int):
        try:
            return str(value)
        except ValueError as error:  # Python writes no integer of more than 4,300 digits
            raise EventError(Reason.NON_FINITE, f"{field}: an integer of {value.bit_length()} bits") from error
    raise EventError(Reason.WRONG_TYPE, f"{field}: {_kind(value)} where a category is expected")


def canonical_category(value: object) -> str:
    """The text that a category becomes.

    Examples
    --------
    >>> canonical_category(3.0), canonical_category(True), canonical_category("3.0")
    ('3', '1', '3.0')
    """
    return _category(value, "category")


def _kind(value: object) -> str:
    names = {str: "a string", dict: "an object", list: "an array", bool: "a boolean", type(None): "null"}
    return names.get(type(value), type(value).__name__)
