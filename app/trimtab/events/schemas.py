"""The Avro schemas of all events: the source of truth in ``schemas/*.avsc``, read once.

An event on the wire in Avro single-object encoding starts with ``C3 01`` and the schema's CRC-64-AVRO
fingerprint, little-endian (Avro specification 1.12, "Single-object encoding"): no schema registry is needed.
"""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path
from typing import Any

import fastavro
import orjson
from fastavro.schema import fingerprint

__all__ = ["MAGIC", "decode", "decode_with", "encode", "fingerprint_of", "read_schema", "schema_dir", "schema_names"]

MAGIC = b"\xc3\x01"
HEADER_BYTES = 10


def schema_dir() -> Path:
    """Folder of the ``.avsc`` files: inside an installed package, or the checkout's own."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "schemas"
    return installed if installed.is_dir() else package.parents[1] / "schemas"


@cache
def schema_names() -> tuple[str, ...]:
    """Names of all schemas, sorted."""
    return tuple(sorted(path.stem for path in schema_dir().glob("*.avsc")))


@cache
def read_schema(name: str) -> dict[str, Any]:
    """The schema as JSON, as it stands in the file."""
    schema: dict[str, Any] = orjson.loads((schema_dir() / f"{name}.avsc").read_bytes())
    return schema


@cache
def _parsed(name: str) -> Any:
    return fastavro.parse_schema(read_schema(name))


@cache
def fingerprint_of(name: str) -> bytes:
    """CRC-64-AVRO fingerprint of the schema's canonical form, 8 bytes little-endian.

    Examples
    --------
    >>> len(fingerprint_of("prediction"))
    8
    """
    canonical = fastavro.schema.to_parsing_canonical_form(read_schema(name))
    return bytes.fromhex(fingerprint(canonical, "CRC-64-AVRO"))


def encode(name: str, record: dict[str, Any]) -> bytes:
    """One record in Avro single-object encoding.

    Examples
    --------
    >>> data = encode("label", {"id": "a", "model": None, "time": 0, "label": 1.0})
    >>> data[:2] == MAGIC, decode("label", data)["label"]
    (True, 1.0)
    """
    out = io.BytesIO()
    out.write(MAGIC)
    out.write(fingerprint_of(name))
    fastavro.schemaless_writer(out, _parsed(name), record)
    return out.getvalue()


def decode(name: str, data: bytes) -> dict[str, Any]:
    """The record of a single-object encoded message.

    Raises
    ------
    ValueError
        If the fingerprint is another schema's, or the body does not fit the schema.
    """
    if data[:2] != MAGIC or data[2:HEADER_BYTES] != fingerprint_of(name):
        raise ValueError(f"not an Avro {name}: fingerprint {data[2:HEADER_BYTES].hex()}")
    return decode_with(_parsed(name), data, name)


def decode_with(parsed: Any, data: bytes, name: str) -> dict[str, Any]:
    """The record after the header of a single-object encoded message; raises ValueError as :func:`decode` does."""
    body = io.BytesIO(data)
    body.seek(HEADER_BYTES)
    try:
        record = fastavro.schemaless_reader(body, parsed, None)
    except (EOFError, IndexError, UnicodeDecodeError, OverflowError, ValueError, TypeError) as error:
        raise ValueError(f"the body does not fit schema {name}: {error or type(error).__name__}") from error
    if body.tell() != len(data):
        raise ValueError(f"{len(data) - body.tell()} bytes follow the {name} record")
    if not isinstance(record, dict):
        raise ValueError(f"schema {name} is not a record")
    return record
