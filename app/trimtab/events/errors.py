"""Why an event could not be used. Each such event goes to dead letters; the rest flows on."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from trimtab.errors import TrimtabError

__all__ = ["EventError", "Reason", "Refusal"]


class Reason(StrEnum):
    """Reasons in a dead letter."""

    MALFORMED = "malformed"
    NON_FINITE = "non_finite"
    UNKNOWN_SCHEMA = "unknown_schema"
    MISSING_FIELD = "missing_field"
    WRONG_TYPE = "wrong_type"
    UNKNOWN_MODEL = "unknown_model"
    TOO_LARGE = "too_large"
    FROM_THE_FUTURE = "from_the_future"
    DUPLICATE = "duplicate"
    LABEL_WITHOUT_PREDICTION = "label_without_prediction"
    PREDICTION_WITHOUT_FEATURES = "prediction_without_features"
    UNTRUSTED = "untrusted"
    UNDELIVERED = "undelivered"


class EventError(TrimtabError):
    """One bad event: ``reason`` groups, ``detail`` says what exactly and what to do."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class Refusal(NamedTuple):
    """One record, or one event of a batch, that cannot be used: the record's row in its chunk, and why."""

    row: int
    error: EventError
