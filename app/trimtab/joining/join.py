"""Joins predictions with their features and labels by event id: a pure state machine over a store of entries.

Order does not matter: whichever part comes last completes the pair. What is still incomplete when both sides'
event time has passed the horizon leaves with a reason. A repeated part is a duplicate and changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from trimtab.events import (
    Decoder,
    EventError,
    Example,
    FeatureEvent,
    FeatureValue,
    LabelEvent,
    PredictionEvent,
    Reason,
)
from trimtab.joining.entry import Entry, Source, WaitingLabel, WaitingPrediction

__all__ = ["Expired", "Join", "Joined", "Outcome", "Refused", "Resolved", "Store"]


@dataclass(frozen=True, slots=True)
class Resolved:
    """A prediction whose features are known: it is profiled."""

    event: PredictionEvent
    features: dict[str, FeatureValue]
    source: Source


@dataclass(frozen=True, slots=True)
class Joined:
    """A prediction that met its label; ``first`` when the label met its first prediction."""

    model: str
    example: Example
    source: Source
    first: bool


@dataclass(frozen=True, slots=True)
class Refused:
    """A part that goes to dead letters. ``topic`` is 'features', 'predictions' or 'labels'."""

    topic: str
    event_id: str
    source: Source
    error: EventError


@dataclass(frozen=True, slots=True)
class Expired:
    """A prediction whose label never came, which is common, or features that nobody used."""

    topic: str
    model: str | None


Outcome = Resolved | Joined | Refused | Expired


class Store(Protocol):
    """Entries by id; changes become durable when the caller commits."""

    def get(self, event_id: str) -> Entry | None:
        """The entry, or None."""

    def put(self, event_id: str, entry: Entry, expires_ms: int) -> None:
        """Keep the entry."""

    def take_expired(self, clock_ms: int) -> Iterable[tuple[str, Entry]]:
        """Remove and yield the entries whose expiry lies before ``clock_ms``."""


class Join:
    """The join of one partition.

    Parameters
    ----------
    store
        Entries by id.
    decoder
        Types late features and labels by the model's configuration.
    horizon_ms
        How long, in event time, an incomplete or completed id is remembered.
    """

    def __init__(self, store: Store, decoder: Decoder, horizon_ms: int) -> None:
        self._store = store
        self._decoder = decoder
        self._horizon_ms = horizon_ms

    def prediction(self, event: PredictionEvent, source: Source) -> list[Outcome]:
        """A prediction came."""
        entry = self._entry(event.id, event.time_ms)
        if event.model in entry.predictions:
            detail = f"id {event.id!r} was already predicted by {event.model}; ids are unique per model"
            return [Refused("predictions", event.id, source, EventError(Reason.DUPLICATE, detail))]
        waiting = WaitingPrediction(event, source)
        entry.predictions[event.model] = waiting
        try:
            outcomes = self._resolve(entry, waiting)
        except EventError as error:
            del entry.predictions[event.model]
            return [Refused("predictions", event.id, source, error)]
        outcomes += self._match(entry, event.model)
        self._keep(event.id, entry)
        return outcomes

    def feature(self, event: FeatureEvent, source: Source) -> list[Outcome]:
        """Features came."""
        entry = self._entry(event.id, event.time_ms)
        if entry.features is not None or entry.features_used:
            detail = f"features of id {event.id!r} were already sent"
            return [Refused("features", event.id, source, EventError(Reason.DUPLICATE, detail))]
        entry.features = dict(event.features)  # type: ignore[arg-type]  # typed later, by each model
        outcomes: list[Outcome] = []
        for model, waiting in list(entry.predictions.items()):
            try:
                outcomes += self._resolve(entry, waiting)
            except EventError as error:
                del entry.predictions[model]
                # The prediction is what cannot be used, whichever of the two came first.
                outcomes.append(Refused("predictions", event.id, Source(*waiting.source), error))
                continue
            outcomes += self._match(entry, model)
        self._keep(event.id, entry)
        return outcomes

    def label(self, event: LabelEvent, source: Source) -> list[Outcome]:
        """A label came."""
        entry = self._entry(event.id, event.time_ms)
        scope = event.model or ""
        if scope in entry.labels:
            detail = f"id {event.id!r} was already labelled"
            return [Refused("labels", event.id, source, EventError(Reason.DUPLICATE, detail))]
        entry.labels[scope] = WaitingLabel(event.time_ms, event.label, source)  # type: ignore[arg-type]  # checked by the decoder
        outcomes: list[Outcome] = []
        for model in [scope] if scope else list(entry.predictions):
            outcomes += self._match(entry, model)
        self._keep(event.id, entry)
        return outcomes

    def expire(self, clock_ms: int) -> list[Outcome]:
        """Let go of every id whose horizon ended before ``clock_ms``."""
        outcomes: list[Outcome] = []
        for event_id, entry in self._store.take_expired(clock_ms):
            outcomes += _leave(event_id, entry)
        return outcomes

    def _entry(self, event_id: str, time_ms: int) -> Entry:
        return self._store.get(event_id) or Entry(created_ms=time_ms, predictions={}, labels={})

    def _keep(self, event_id: str, entry: Entry) -> None:
        self._store.put(event_id, entry, entry.created_ms + self._horizon_ms)

    def _resolve(self, entry: Entry, waiting: WaitingPrediction) -> list[Outcome]:
        """Give a prediction its features, its own or the feature event's."""
        event = waiting.event
        if event is None or waiting.features is not None:
            return []
        if event.features is not None:
            waiting.features = event.features
        elif entry.features is not None:
            late = FeatureEvent(event.id, entry.created_ms, dict(entry.features))
            waiting.features = self._decoder.features_of(event.model, late)
            entry.features_used = True
        else:
            return []
        return [Resolved(event, waiting.features, Source(*waiting.source))]

    def _match(self, entry: Entry, model: str) -> list[Outcome]:
        """Join a resolved prediction with its label."""
        waiting = entry.predictions.get(model)
        label = entry.labels.get(model) or entry.labels.get("")
        if waiting is None or label is None or waiting.done or waiting.event is None or waiting.features is None:
            return []
        event, source = waiting.event, Source(*label.source)
        try:
            value = self._decoder.label_of(model, LabelEvent(event.id, None, label.time_ms, label.label))
        except EventError as error:
            label.used = True  # it has found its prediction, and is told of once
            return [Refused("labels", event.id, source, error)]
        example = Example(
            id=event.id,
            time_ms=event.time_ms,
            label_time_ms=label.time_ms,
            features=waiting.features,
            label=value,
            prediction=event.prediction,
            score=event.score,
            version=event.version,
            learnt_offset=event.learnt_offset,
            produced_ms=source.timestamp_ms,
        )
        first, label.used = not label.used, True
        waiting.done, waiting.event, waiting.features = True, None, None
        return [Joined(model, example, source, first)]


def _leave(event_id: str, entry: Entry) -> list[Outcome]:
    """What becomes of the parts of an id whose horizon has ended."""
    outcomes: list[Outcome] = []
    for model, waiting in entry.predictions.items():
        if waiting.done:
            continue
        if waiting.features is None:
            detail = f"no features came for id {event_id!r} of {model} within the label horizon"
            error = EventError(Reason.PREDICTION_WITHOUT_FEATURES, detail)
            outcomes.append(Refused("predictions", event_id, Source(*waiting.source), error))
        else:
            outcomes.append(Expired("predictions", model))
    for label in entry.labels.values():
        if not label.used:
            detail = f"no prediction came for id {event_id!r} within the label horizon"
            error = EventError(Reason.LABEL_WITHOUT_PREDICTION, detail)
            outcomes.append(Refused("labels", event_id, Source(*label.source), error))
    if entry.features is not None and not entry.features_used:
        outcomes.append(Expired("features", None))
    return outcomes
