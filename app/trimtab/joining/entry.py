"""What is known so far about one event id."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from trimtab.events import FeatureValue, PredictionEvent

__all__ = ["Entry", "Source", "WaitingLabel", "WaitingPrediction"]


class Source(NamedTuple):
    """Where an event came from; ``timestamp_ms`` is Kafka's, wall time."""

    partition: int
    offset: int
    timestamp_ms: int


class WaitingPrediction(msgspec.Struct, array_like=True):
    """A prediction of one model; ``done`` once its label was joined, when only the marker stays."""

    event: PredictionEvent | None
    source: tuple[int, int, int]
    features: dict[str, FeatureValue] | None = None
    done: bool = False


class WaitingLabel(msgspec.Struct, array_like=True):
    """A label; ``used`` once it met a prediction."""

    time_ms: int
    label: bool | int | float | str
    source: tuple[int, int, int]
    used: bool = False


class Entry(msgspec.Struct, array_like=True):
    """All parts of one id. ``labels`` is keyed by model, or by the empty string for every model."""

    created_ms: int
    features: dict[str, bool | int | float | str | None] | None = None
    features_used: bool = False
    predictions: dict[str, WaitingPrediction] = {}
    labels: dict[str, WaitingLabel] = {}
