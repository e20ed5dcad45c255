"""Every schema gives back what was written, and refuses everything else by its one error."""

from __future__ import annotations

from datetime import UTC
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab.events import Decoder, EventError, decode, encode, fingerprint_of, parse_time, read_schema, schema_names
from trimtab.events.schemas import HEADER_BYTES, MAGIC

INPUTS = ("feature", "label", "prediction")
DECODER = Decoder({}, max_bytes=100_000)
briefly = settings(max_examples=25, deadline=None)
every_schema = pytest.mark.parametrize("name", schema_names())

PRIMITIVES: dict[str, st.SearchStrategy[Any]] = {
    "null": st.none(),
    "boolean": st.booleans(),
    "int": st.integers(-(2**31), 2**31 - 1),
    "long": st.integers(-(2**63), 2**63 - 1),
    "double": st.floats(allow_nan=False),
    "string": st.text(max_size=8),
    "bytes": st.binary(max_size=8),
}


def of(schema: Any, named: dict[str, Any]) -> st.SearchStrategy[Any]:  # noqa: PLR0911  one for each kind of type
    """Values of an Avro schema, written from the Avro specification."""
    if isinstance(schema, list):
        # A whole number may be written as a double; what it then means is tested in test_values.
        return st.one_of([of(branch, named) for branch in schema if branch != "long"])
    if isinstance(schema, str):
        return PRIMITIVES[schema] if schema in PRIMITIVES else of(named[schema], named)
    kind = schema["type"]
    if "name" in schema:
        named[schema["name"]] = schema
    if kind == "record":
        return st.fixed_dictionaries({field["name"]: of(field["type"], named) for field in schema["fields"]})
    if kind == "array":
        return st.lists(of(schema["items"], named), max_size=3)
    if kind == "map":
        return st.dictionaries(st.text(max_size=4), of(schema["values"], named), max_size=3)
    if kind == "enum":
        return st.sampled_from(schema["symbols"])
    if "logicalType" in schema:
        return st.datetimes(timezones=st.just(UTC)).map(lambda t: t.replace(microsecond=t.microsecond // 1000 * 1000))
    return of(kind, named)


def records(name: str) -> st.SearchStrategy[dict[str, Any]]:
    return of(read_schema(name), {})


def typed(value: Any) -> Any:
    """Told apart by type and bits: True is not 1.0, and -0.0 not 0.0; the order of keys does not count."""
    if isinstance(value, dict):
        return {key: typed(item) for key, item in value.items()}
    return [typed(item) for item in value] if isinstance(value, list) else (type(value), str(value))


@every_schema
@briefly
@given(st.data())
def test_a_record_survives_the_wire(name: str, data: st.DataObject) -> None:
    record = data.draw(records(name))
    wire = encode(name, record)
    assert wire[:HEADER_BYTES] == MAGIC + fingerprint_of(name)
    back = decode(name, wire)
    assert back == record
    assert typed(back) == typed(record)


@every_schema
@briefly
@given(st.data())
def test_a_truncated_record_is_refused(name: str, data: st.DataObject) -> None:
    wire = encode(name, data.draw(records(name)))
    size = data.draw(st.integers(0, len(wire) - 1))
    with pytest.raises(ValueError, match=r"not an Avro|does not fit schema"):
        decode(name, wire[:size])


@every_schema
@briefly
@given(st.data())
def test_bytes_after_the_record_are_refused(name: str, data: st.DataObject) -> None:
    wire = encode(name, data.draw(records(name)))
    with pytest.raises(ValueError, match="bytes follow"):
        decode(name, wire + data.draw(st.binary(min_size=1, max_size=4)))


@every_schema
@briefly
@given(st.binary(max_size=60))
def test_any_bytes_are_a_record_or_a_value_error(name: str, body: bytes) -> None:
    try:
        assert isinstance(decode(name, MAGIC + fingerprint_of(name) + body), dict)
    except ValueError as error:
        assert name in str(error)  # noqa: PT017  either outcome is right


def test_fingerprints_tell_schemas_apart() -> None:
    assert len({fingerprint_of(name) for name in schema_names()}) == len(schema_names())


@pytest.mark.parametrize("topic", INPUTS)
@briefly
@given(fingerprint=st.binary(min_size=8, max_size=8), body=st.binary(max_size=20))
def test_an_unknown_fingerprint_is_an_unknown_schema(topic: str, fingerprint: bytes, body: bytes) -> None:
    if fingerprint == fingerprint_of(topic):
        return
    with pytest.raises(EventError) as caught:
        getattr(DECODER, topic)(MAGIC + fingerprint + body)
    assert caught.value.reason == "unknown_schema"


@pytest.mark.parametrize("topic", INPUTS)
@briefly
@given(st.data())
def test_a_truncated_event_is_malformed(topic: str, data: st.DataObject) -> None:
    wire = encode(topic, data.draw(records(topic)))
    size = data.draw(st.integers(HEADER_BYTES, len(wire) - 1))
    with pytest.raises(EventError) as caught:
        getattr(DECODER, topic)(wire[:size])
    assert caught.value.reason == "malformed"


@briefly
@given(st.integers(-2_208_988_800_000, 253_402_300_799_999))
def test_an_avro_time_is_its_milliseconds(time_ms: int) -> None:
    wire = encode("label", {"id": "a", "model": None, "time": time_ms, "label": "1"})
    assert DECODER.label(wire).time_ms == time_ms == parse_time(time_ms, "time")
