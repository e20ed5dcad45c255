"""The event contract: schemas, wire formats, typed events, and the reasons for which an event is refused."""

from trimtab.events.dead_letters import dead_letter
from trimtab.events.decode import Decoder
from trimtab.events.errors import EventError, Reason
from trimtab.events.schemas import decode, encode, fingerprint_of, read_schema, schema_names
from trimtab.events.types import (
    Example,
    FeatureEvent,
    FeatureValue,
    LabelEvent,
    PredictionEvent,
    Value,
    served_name,
)
from trimtab.events.values import canonical_features, canonical_value, parse_served, parse_time

__all__ = [
    "Decoder",
    "Example",
    "EventError",
    "FeatureEvent",
    "FeatureValue",
    "LabelEvent",
    "PredictionEvent",
    "Reason",
    "Value",
    "canonical_features",
    "canonical_value",
    "dead_letter",
    "decode",
    "encode",
    "fingerprint_of",
    "parse_served",
    "parse_time",
    "read_schema",
    "schema_names",
    "served_name",
]
