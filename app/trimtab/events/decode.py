"""From bytes on the wire to typed events: JSON (first byte ``{``) or Avro single-object encoding (``C3 01``)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson

from trimtab.config import EventFields, ModelConfig
from trimtab.events.errors import EventError, Reason
from trimtab.events.schemas import HEADER_BYTES, MAGIC, decode, fingerprint_of
from trimtab.events.typed_avro import AvroPredictions
from trimtab.events.types import FeatureEvent, FeatureValue, LabelEvent, PredictionEvent, Value
from trimtab.events.values import canonical_features, canonical_value, parse_served, parse_time

__all__ = ["Decoder"]

# Python's json module writes these, and RFC 8259 does not allow them.
_NON_FINITE = re.compile(rb"[:\[,]\s*-?(NaN|Infinity|inf|nan)\b")


class Decoder:
    """Decodes input events by the configured models.

    Parameters
    ----------
    models
        Model name to configuration.
    max_bytes
        Largest event that is decoded, in bytes.

    Examples
    --------
    >>> decoder = Decoder({}, max_bytes=1_000)
    >>> decoder.label(b'{"id": "a", "time": 0, "label": 1}').label
    1
    """

    def __init__(self, models: Mapping[str, ModelConfig], max_bytes: int) -> None:
        self._models = models
        self._max_bytes = max_bytes
        custom = [model.fields for model in models.values()]
        self._fields = list(dict.fromkeys([*custom, EventFields()]))
        typed = [AvroPredictions(name, model) for name, model in models.items()]
        self.avro = {one.fingerprint: one for one in typed}

    def prediction(self, data: bytes | None) -> PredictionEvent:
        """A prediction; raises EventError."""
        typed = self.avro.get(data[2:HEADER_BYTES]) if data and data[:2] == MAGIC else None
        raw = self._raw("prediction", data) if typed is None else self._typed(typed, data or b"")
        name = _string(raw, "model")
        model = self._models.get(name)
        if model is None:
            known = ", ".join(sorted(self._models)) or "none"
            raise EventError(Reason.UNKNOWN_MODEL, f"model {name!r} is not configured; configured: {known}")
        names = model.fields
        version, learnt_offset = parse_served(raw.get("version"), name)
        prediction = raw.get(names.prediction)
        if prediction is None and version:
            raise EventError(Reason.MISSING_FIELD, f"{names.prediction} is missing though version is given")
        return PredictionEvent(
            id=_string(raw, names.id),
            model=name,
            version=version,
            learnt_offset=learnt_offset,
            time_ms=parse_time(_required(raw, names.time), names.time),
            features=_features(raw, names.features, model),
            prediction=None if prediction is None else canonical_value(prediction, model.task, names.prediction),
            score=_score(raw.get(names.score), names.score),
        )

    def feature(self, data: bytes | None) -> FeatureEvent:
        """A feature event; raises EventError."""
        raw = self._raw("feature", data)
        names = self._names(raw, "features")
        features = _required(raw, names.features)
        if not isinstance(features, dict):
            raise EventError(Reason.WRONG_TYPE, f"{names.features} must be an object of name to value")
        return FeatureEvent(
            id=_string(raw, names.id),
            time_ms=parse_time(_required(raw, names.time), names.time),
            features=features,
        )

    def label(self, data: bytes | None) -> LabelEvent:
        """A label; raises EventError."""
        raw = self._raw("label", data)
        model = raw.get("model")
        if model is not None and model not in self._models:
            raise EventError(Reason.UNKNOWN_MODEL, f"model {model!r} is not configured")
        names = self._models[model].fields if model is not None else self._names(raw, "label")
        label = _required(raw, names.label)
        if isinstance(label, (dict, list)):
            raise EventError(Reason.WRONG_TYPE, f"{names.label} must be a number, a string or a boolean")
        for configured in [self._models[model]] if model is not None else self._models.values():
            # A label that fits no model's task can never be joined.
            try:
                canonical_value(label, configured.task, names.label)
                break
            except EventError as error:
                refused = error
        else:
            if self._models:
                raise refused
        return LabelEvent(
            id=_string(raw, names.id),
            model=model,
            time_ms=parse_time(_required(raw, names.time), names.time),
            label=label,
        )

    def features_of(self, model: str, event: FeatureEvent) -> dict[str, FeatureValue]:
        """Features of a feature event, typed for a model; raises EventError."""
        return canonical_features(event.features, self._models[model])

    def label_of(self, model: str, event: LabelEvent) -> Value:
        """The label, canonical for a model; raises EventError."""
        return canonical_value(event.label, self._models[model].task, "label")

    def _raw(self, schema: str, data: bytes | None) -> dict[str, Any]:
        if not data:
            raise EventError(Reason.MALFORMED, "the record is empty")
        self._check_size(data)
        if data[0] == MAGIC[0]:
            return _avro(schema, data)
        if data[0] in b"{ \t\r\n":
            return _json(data)
        raise EventError(
            Reason.UNKNOWN_SCHEMA,
            f"first byte {data[0]:#04x} is neither a JSON object nor Avro single-object encoding",
        )

    def _typed(self, typed: AvroPredictions, data: bytes) -> dict[str, Any]:
        self._check_size(data)
        try:
            return typed.record(data)
        except ValueError as error:
            raise EventError(Reason.MALFORMED, str(error)) from error

    def _check_size(self, data: bytes) -> None:
        if len(data) > self._max_bytes:
            raise EventError(Reason.TOO_LARGE, f"{len(data):,} bytes; collector.max_event_bytes is {self._max_bytes:,}")

    def _names(self, raw: Mapping[str, Any], field: str) -> EventFields:
        """Field names of an event that names no model: the first configured ones that it has."""
        for names in self._fields:
            if getattr(names, field) in raw:
                return names
        return self._fields[0]


def _avro(schema: str, data: bytes) -> dict[str, Any]:
    if data[2:HEADER_BYTES] != fingerprint_of(schema):
        raise EventError(
            Reason.UNKNOWN_SCHEMA,
            f"Avro fingerprint {data[2:HEADER_BYTES].hex()}; this topic takes {schema}.avsc, "
            f"{fingerprint_of(schema).hex()}",
        )
    try:
        return decode(schema, data)
    except ValueError as error:
        raise EventError(Reason.MALFORMED, str(error)) from error


def _json(data: bytes) -> dict[str, Any]:
    try:
        raw = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        found = _NON_FINITE.search(data)
        if found:
            raise EventError(
                Reason.NON_FINITE,
                f"{found[1].decode()} at byte {found.start(1)} is not JSON; send null for missing",
            ) from error
        raise EventError(Reason.MALFORMED, f"not JSON: {error}") from error
    if not isinstance(raw, dict):
        raise EventError(Reason.MALFORMED, "the event must be a JSON object")
    return raw


def _required(raw: Mapping[str, Any], field: str) -> Any:
    value = raw.get(field)
    if value is None:
        raise EventError(Reason.MISSING_FIELD, f"{field} is missing")
    return value


def _string(raw: Mapping[str, Any], field: str) -> str:
    value = _required(raw, field)
    if not isinstance(value, str):
        raise EventError(Reason.WRONG_TYPE, f"{field}: {type(value).__name__} where a string is expected")
    if not value:
        raise EventError(Reason.MISSING_FIELD, f"{field} is empty")
    return value


def _features(raw: Mapping[str, Any], field: str, model: ModelConfig) -> dict[str, FeatureValue] | None:
    value = raw.get(field)
    if value is None:
        return None
    if not isinstance(value, dict):
        raise EventError(Reason.WRONG_TYPE, f"{field} must be an object of name to value")
    return canonical_features(value, model)


def _score(value: object, field: str) -> float | None:
    if value is None:
        return None
    number = canonical_value(value, "regression", field)
    if not isinstance(number, float) or not 0.0 <= number <= 1.0:
        raise EventError(Reason.WRONG_TYPE, f"{field}: {value} is not a probability from 0 to 1")
    return number
