"""The three input events and the labelled example, typed and canonical."""

from __future__ import annotations

import msgspec

__all__ = ["Example", "FeatureEvent", "FeatureValue", "LabelEvent", "PredictionEvent", "Value", "served_name"]

Value = str | float
"""A canonical label or prediction: a class as text, or a finite number."""

FeatureValue = float | str | None
"""A canonical feature value: a finite number, a category as text, or missing."""


class FeatureEvent(msgspec.Struct, frozen=True):
    """Features sent apart from their prediction; values are typed when the prediction names the model."""

    id: str
    time_ms: int
    features: dict[str, object]


class PredictionEvent(msgspec.Struct, frozen=True):
    """A prediction; ``version`` 0 means that no model was served yet."""

    id: str
    model: str
    version: int
    learnt_offset: int | None
    time_ms: int
    features: dict[str, FeatureValue] | None
    prediction: Value | None
    score: float | None


class LabelEvent(msgspec.Struct, frozen=True):
    """A true outcome as it came; it is made canonical by the task of each model that predicted the id."""

    id: str
    model: str | None
    time_ms: int
    label: object


class Example(msgspec.Struct, frozen=True):
    """A prediction joined with its label: what models learn and performance is measured on."""

    id: str
    time_ms: int
    label_time_ms: int
    features: dict[str, FeatureValue]
    label: Value
    prediction: Value | None
    score: float | None
    version: int
    learnt_offset: int | None
    produced_ms: int


def served_name(model: str, version: int, learnt_offset: int | None) -> str:
    """The name of a served model, as predictions carry it.

    Examples
    --------
    >>> served_name("credit", 7, 12345), served_name("credit", 7, None)
    ('credit@7+12345', 'credit@7')
    """
    return f"{model}@{version}" if learnt_offset is None else f"{model}@{version}+{learnt_offset}"
