"""Avro predictions of one model under a schema made from its features, decoded many records at a time.

The general schema ``prediction`` has its features in a map of unions, which fastavro reads one value at a time. A
record with a field per feature puts every field of all records in the same order, so a whole chunk is decoded field
by field: NumPy walks through all records at once. What does not fit is found by where a record's fields end.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import fastavro
import numpy as np
import numpy.typing as npt
from fastavro.schema import fingerprint

from trimtab.config import ModelConfig
from trimtab.events.columns import IntArray, Texts
from trimtab.events.schemas import HEADER_BYTES, decode_with

__all__ = ["AvroPredictions", "AvroWalker", "fingerprint_of_schema", "model_schema"]

_LEGAL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_Bool = npt.NDArray[np.bool_]


def model_schema(name: str, model: ModelConfig) -> dict[str, Any]:
    """The Avro schema of a model's predictions.

    Field ``features`` has one field per feature, in the configuration's order; a feature whose name is no Avro name
    is called ``f`` and its number there.

    Examples
    --------
    >>> from trimtab.config import FactorySpec, NumericFeature
    >>> config = ModelConfig(task="binary", features={"x": NumericFeature()}, factory=FactorySpec(function="a:b"))
    >>> [field["name"] for field in model_schema("credit", config)["fields"]]
    ['id', 'version', 'time', 'features', 'prediction', 'score']
    """
    names = [feature if _LEGAL.fullmatch(feature) else f"f{k}" for k, feature in enumerate(model.features)]
    kinds = ["double" if feature in model.numeric else "string" for feature in model.features]
    features = [
        {"name": field, "type": ["null", kind], "default": None, "doc": f"Feature {feature}; null is missing."}
        for field, kind, feature in zip(names, kinds, model.features, strict=True)
    ]
    made = "double" if model.task == "regression" else "string"
    # Two models' records must not have one name: the fingerprint tells which model it is.
    suffix = hashlib.sha256(name.encode()).hexdigest()[:8]
    return {
        "type": "record",
        "name": f"Prediction_{suffix}",
        "namespace": "io.trimtab.models",
        "doc": f"A prediction of model {name}.",
        "fields": [
            {"name": "id", "type": "string", "doc": "Event id: the record's key."},
            {"name": "version", "type": ["null", "string"], "default": None, "doc": "Served name; null for none yet."},
            {"name": "time", "type": "long", "doc": "Event time, milliseconds since 1970 UTC."},
            {
                "name": "features",
                "type": {"type": "record", "name": f"Features_{suffix}", "fields": features},
                "doc": "The features.",
            },
            {"name": "prediction", "type": ["null", made], "default": None, "doc": "Predicted class or number."},
            {"name": "score", "type": ["null", "double"], "default": None, "doc": "Probability, 0 to 1."},
        ],
    }


def fingerprint_of_schema(schema: dict[str, Any]) -> bytes:
    """CRC-64-AVRO fingerprint, 8 bytes little-endian."""
    return bytes.fromhex(fingerprint(fastavro.schema.to_parsing_canonical_form(schema), "CRC-64-AVRO"))


class AvroWalker:
    """Reads one field after the other of many records in Avro's binary encoding (specification 1.12).

    Parameters
    ----------
    records
        Single-object encoded records of one schema.

    Examples
    --------
    >>> walker = AvroWalker([b"-" * 10 + b"\\x04", b"-" * 10 + b"\\x01"])
    >>> walker.longs().tolist(), walker.fits().tolist()
    ([2, -1], [True, True])
    """

    def __init__(self, records: Sequence[bytes]) -> None:
        data = b"".join(records)
        self._bytes = np.frombuffer(data, np.uint8)
        self._ends: IntArray = np.cumsum(np.fromiter(map(len, records), np.int64, len(records)))
        self._at = np.concatenate(([0], self._ends[:-1])) + HEADER_BYTES
        self._bad: _Bool = self._at > self._ends

    def fits(self) -> _Bool:
        """Which records had valid fields so far, and end where they should."""
        return np.asarray(~self._bad & (self._at == self._ends))

    def longs(self, where: _Bool | None = None) -> IntArray:
        """A variable-length number of each record (of those ``where``; 0 for the others)."""
        rows = np.arange(self._at.size) if where is None else np.flatnonzero(where)
        value = np.zeros(self._at.size, np.uint64)
        shift = np.uint64(0)
        while rows.size:
            if shift > 63:
                self._bad[rows] = True
                break
            byte = self._byte(self._at[rows])
            value[rows] |= (byte & np.uint64(0x7F)) << shift
            self._at[rows] += 1
            rows = rows[byte >= 0x80]
            shift += np.uint64(7)
        signed: IntArray = (value >> np.uint64(1)).astype(np.int64) ^ -(value & np.uint64(1)).astype(np.int64)
        return signed

    def some(self) -> _Bool:
        """Which records have the second branch of a union with null."""
        branch = self.longs()
        self._bad |= (branch < 0) | (branch > 1)
        return np.asarray(branch == 1)

    def doubles(self, where: _Bool | None = None) -> npt.NDArray[np.float64]:
        """A finite double of each record; NaN where it has none."""
        rows = slice(None) if where is None or where.all() else np.flatnonzero(where)
        at = self._at[rows]
        inside = np.minimum(at, max(self._bytes.size - 8, 0))
        found = np.full(self._at.size, np.nan)
        if self._bytes.size >= 8:
            raw = self._bytes[inside[:, None] + np.arange(8)]
            values = raw.view("<f8").ravel()
            found[rows] = values
            self._bad[rows] |= ~np.isfinite(values)
        self._at[rows] += 8
        self._check()
        return found

    def texts(self, where: _Bool | None = None) -> Texts:
        """A text of each record; empty where it has none."""
        sizes = self.longs(where)
        self._bad |= sizes < 0
        sizes = np.where(self._bad, 0, np.minimum(sizes, self._bytes.size))
        start = self._at
        self._at = self._at + sizes
        self._check()
        texts = self._gather(start, np.where(self._bad, 0, sizes))
        if not texts.data.isascii():
            wrong = [row for row in range(len(texts)) if not _is_utf8(texts.bytes_of(row))]
            if wrong:
                self._bad[wrong] = True
                return self._gather(start, np.where(self._bad, 0, sizes))
        return texts

    def _gather(self, start: IntArray, sizes: IntArray) -> Texts:
        ends = np.cumsum(sizes)
        source = np.repeat(start - (ends - sizes), sizes) + np.arange(int(ends[-1]) if ends.size else 0)
        return Texts(self._bytes[source].tobytes(), ends)

    def _byte(self, at: IntArray) -> npt.NDArray[np.uint64]:
        self._check()
        return self._bytes[np.minimum(at, self._bytes.size - 1)].astype(np.uint64)

    def _check(self) -> None:
        """A record whose fields run beyond its end is bad; it reads on within it, so as to harm nobody else."""
        self._bad |= self._at > self._ends
        np.minimum(self._at, self._ends, out=self._at)


class AvroColumns(NamedTuple):
    """Fields by column; texts are lists, None for missing."""

    ids: Texts
    version: list[str | None]
    time_ms: IntArray
    features: dict[str, Any]
    prediction: Any
    score: npt.NDArray[np.float64]


class AvroPredictions:
    """The typed predictions of one model: records to columns.

    Parameters
    ----------
    name, model
        The model and its configuration.
    """

    def __init__(self, name: str, model: ModelConfig) -> None:
        self.schema = model_schema(name, model)
        self.fingerprint = fingerprint_of_schema(self.schema)
        self.parsed = fastavro.parse_schema(self.schema)
        self.name = name
        self._model = model

    def columns(self, records: Sequence[bytes]) -> tuple[AvroColumns, _Bool]:
        """Columns of records, and which records fit; values of those that do not mean nothing."""
        walker = AvroWalker(records)
        ids = walker.texts()
        version = self._optional(walker)
        time = walker.longs()
        numeric = set(self._model.numeric)
        features = {
            name: walker.doubles(walker.some()) if name in numeric else self._optional(walker)
            for name in self._model.features
        }
        regression = self._model.task == "regression"
        prediction = walker.doubles(walker.some()) if regression else self._optional(walker)
        found = AvroColumns(ids, version, time, features, prediction, walker.doubles(walker.some()))
        return found, walker.fits() & (ids.sizes > 0)

    def record(self, data: bytes) -> dict[str, Any]:
        """One record as the JSON of its event would be; raises ValueError when it does not fit the schema."""
        raw = decode_with(self.parsed, data, f"of model {self.name}")
        fields = self._model.fields
        features = dict(zip(self._model.features, raw["features"].values(), strict=True))
        return {
            "model": self.name,
            "version": raw["version"],
            fields.id: raw["id"],
            fields.time: raw["time"],
            fields.features: features,
            fields.prediction: raw["prediction"],
            fields.score: raw["score"],
        }

    @staticmethod
    def _optional(walker: AvroWalker) -> list[str | None]:
        there = walker.some()
        texts = walker.texts(there)
        values = texts.to_list()
        if there.all():
            return [*values]
        return [value if has else None for value, has in zip(values, there.tolist(), strict=True)]


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
