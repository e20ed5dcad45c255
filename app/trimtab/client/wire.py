"""From a service's arguments to the JSON of an event, checked as far as can be without asking the collector."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
import orjson

from trimtab.config import Config, EventFields
from trimtab.events import EventError, Reason, parse_served, parse_time

__all__ = ["Call", "Encoder", "Time"]

Time = int | float | str | datetime


class Call(msgspec.Struct, gc=False):
    """What a service said, unchecked.

    Parameters
    ----------
    names, row
        Of the features, apart: rows are read again when a batch is made, and a dictionary for each would fill the
        processor's caches. Without names, ``row`` is what stood where the features should, or None.
    value
        The prediction or the label.
    """

    kind: str
    model: Any
    id: Any
    time: Any
    names: tuple[Any, ...] | None = None
    row: Any = None
    value: Any = None
    score: Any = None
    served: Any = None

    @property
    def features(self) -> Any:
        """The features as they were given."""
        return self.row if self.names is None else dict(zip(self.names, self.row, strict=True))


class Encoder:
    """Builds events under the field names that the collector expects.

    Parameters
    ----------
    config
        The configuration, for the models' names and field names; None when only Kafka is known.
    """

    def __init__(self, config: Config | None) -> None:
        self._models = {} if config is None else {name: model.fields for name, model in config.models.items()}
        # The collector tries the configured names in this order on an event that names no model.
        self._default = next(iter(self._models.values()), EventFields())

    def encode(self, call: Call) -> bytes:
        """The JSON of one event; raises EventError."""
        try:
            if call.kind == "label":
                return self.label(id=call.id, time=call.time, label=call.value, model=call.model)
            if call.kind == "feature":
                return self.feature(id=call.id, time=call.time, features=call.features)
            return self.prediction(
                model=call.model,
                id=call.id,
                time=call.time,
                features=call.features,
                prediction=call.value,
                score=call.score,
                served=call.served,
            )
        except EventError:
            raise
        except Exception as error:  # whatever a foreign object does when it is looked at
            raise EventError(Reason.WRONG_TYPE, f"{type(error).__name__}: {error}") from error

    def check_model(self, model: object) -> None:
        """Raise EventError when a model is not configured."""
        self._names(model)

    def prediction(
        self,
        *,
        model: str,
        id: str,
        time: Time,
        features: Mapping[str, object] | None,
        prediction: object,
        score: object,
        served: str | None,
    ) -> bytes:
        """A prediction; raises EventError."""
        names = self._names(model)
        if prediction is None and served is not None:
            raise EventError(Reason.MISSING_FIELD, f"{names.prediction} is missing though served is {served!r}")
        parse_served(served, model)
        return _json(
            {
                names.id: _id(id),
                "model": model,
                "version": served,
                names.time: parse_time(time, names.time),
                names.features: None if features is None else _features(features, names.features),
                names.prediction: _scalar(prediction, names.prediction),
                names.score: _score(score, names.score),
            }
        )

    def feature(self, *, id: str, time: Time, features: Mapping[str, object]) -> bytes:
        """A feature event; raises EventError."""
        names = self._default
        checked = _features(features, names.features)
        return _json({names.id: _id(id), names.time: parse_time(time, names.time), names.features: checked})

    def label(self, *, id: str, time: Time, label: object, model: str | None) -> bytes:
        """A label; raises EventError."""
        names = self._default if model is None else self._names(model)
        value = _scalar(label, names.label)
        if value is None:
            raise EventError(Reason.MISSING_FIELD, f"{names.label} is missing")
        event = {names.id: _id(id), names.time: parse_time(time, names.time), names.label: value}
        return _json(event if model is None else {**event, "model": model})

    def _names(self, model: object) -> EventFields:
        if not isinstance(model, str) or not model:
            raise EventError(Reason.WRONG_TYPE, "model must be the name of a model")
        if self._models and model not in self._models:
            raise EventError(
                Reason.UNKNOWN_MODEL,
                f"model {model!r} is not configured; configured: {', '.join(sorted(self._models))}",
            )
        return self._models.get(model, self._default)


def _json(event: dict[str, object]) -> bytes:
    try:
        return orjson.dumps(event)
    except orjson.JSONEncodeError as error:
        raise EventError(Reason.WRONG_TYPE, f"not JSON: {error}") from error


def _id(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise EventError(Reason.WRONG_TYPE, "id must be a text that is not empty")
    return value


def _features(features: object, field: str) -> dict[str, object]:
    if not isinstance(features, Mapping):
        raise EventError(Reason.WRONG_TYPE, f"{field} must be a mapping of name to value")
    return {_name(name, field): _scalar(value, name) for name, value in features.items()}


def _name(name: object, field: str) -> str:
    if not isinstance(name, str):
        raise EventError(Reason.WRONG_TYPE, f"{field}: the name {name!r} is no text")
    return name


def _score(value: object, field: str) -> object:
    number = _scalar(value, field)
    if number is None:
        return None
    if isinstance(number, (str, bool)) or not isinstance(number, (int, float)) or not 0 <= number <= 1:
        raise EventError(Reason.WRONG_TYPE, f"{field}: {value!r} is not a probability from 0 to 1")
    return number


def _scalar(value: object, field: str) -> object:
    """A plain number, text, boolean or None; NumPy's scalars become plain.

    orjson writes NaN as null, which would turn a fault of the service into a missing value.
    """
    kind = type(value)
    if kind is float:
        if not math.isfinite(value):  # type: ignore[arg-type]
            raise EventError(Reason.NON_FINITE, f"{field}: {value} is not finite; send None for missing")
        return value
    if value is None or kind is str or kind is int or kind is bool:
        return value
    item = getattr(value, "item", None)
    if callable(item) and getattr(value, "ndim", 1) == 0:
        return _scalar(item(), field)
    if isinstance(value, (str, int)):
        return value
    raise EventError(Reason.WRONG_TYPE, f"{field}: {kind.__name__} where a number, text, boolean or None is expected")
