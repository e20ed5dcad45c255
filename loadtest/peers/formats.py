"""The events of a block as records on the wire, in each format that Trimtab reads."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import fastavro
import numpy as np
import orjson

from loadtest.peers.scripts.task import FEATURES, MODEL
from loadtest.peers.stream import PARTITIONS, SERVED, VERSION, Block, partition_of_event
from trimtab.config import ModelConfig
from trimtab.events.batch import EventBatch, encode_batch
from trimtab.events.columns import Texts
from trimtab.events.schemas import MAGIC
from trimtab.events.typed_avro import AvroPredictions

__all__ = [
    "BATCH_EVENTS",
    "FORMATS",
    "MODEL_SETTINGS",
    "Record",
    "encode_avro",
    "encode_columnar",
    "encode_json",
    "rows_of",
]

BATCH_EVENTS = 500
# What decides the Avro schema of the model's predictions.
MODEL_SETTINGS: dict[str, Any] = {
    "task": "binary",
    "features": {name: {"type": "numeric"} for name in FEATURES},
    "factory": {"class": "river.linear_model:LogisticRegression"},
}


class Record(NamedTuple):
    """One record to produce."""

    partition: int
    key: bytes
    value: bytes


def rows_of(block: Block) -> Iterator[dict[str, Any]]:
    """The events of a block as prediction events."""
    events = zip(block.features.tolist(), block.scores.tolist(), strict=True)
    for number, (features, score) in enumerate(events, block.first):
        yield {
            "id": f"{number:016x}",
            "model": MODEL,
            "version": SERVED,
            "time": block.start_ms + number - block.first,
            "features": dict(zip(FEATURES, features, strict=True)),
            "prediction": int(features[0] > 0),
            "score": score,
        }


def encode_json(block: Block) -> Iterator[Record]:
    """One JSON object an event: what all peers read, too."""
    for number, row in enumerate(rows_of(block), block.first):
        yield Record(partition_of_event(number), row["id"].encode(), orjson.dumps(row))


def encode_avro(block: Block) -> Iterator[Record]:
    """One event a record, in Avro single-object encoding."""
    typed = AvroPredictions(MODEL, ModelConfig.model_validate(MODEL_SETTINGS))
    for number, row in enumerate(rows_of(block), block.first):
        del row["model"]  # the schema names it
        row["prediction"] = str(row["prediction"])
        out = io.BytesIO()
        out.write(MAGIC + typed.fingerprint)
        fastavro.schemaless_writer(out, typed.parsed, row)
        yield Record(partition_of_event(number), row["id"].encode(), out.getvalue())


def encode_columnar(block: Block) -> Iterator[Record]:
    """Batches of 500 events in columns, in turns to the partitions."""
    for start in range(0, len(block.scores), BATCH_EVENTS):
        number = (block.first + start) // BATCH_EVENTS
        part = slice(start, start + BATCH_EVENTS)
        yield Record(number % PARTITIONS, MODEL.encode(), _batch(block, part))


def _batch(block: Block, part: slice) -> bytes:
    numbers = np.arange(block.first, block.first + len(block.scores), dtype=np.int64)[part]
    features = block.features[part]
    batch = EventBatch(
        kind="prediction",
        model=MODEL,
        ids=Texts.of([f"{number:016x}" for number in numbers.tolist()]),
        time_ms=block.start_ms + numbers - block.first,
        version=np.full(len(numbers), VERSION, np.int32),
        learnt=np.full(len(numbers), -1, np.int64),
        columns={name: np.ascontiguousarray(features[:, k]) for k, name in enumerate(FEATURES)},
        prediction=np.asarray(features[:, 0] > 0, np.float64),
        score=block.scores[part],
    )
    return encode_batch(batch)


FORMATS: dict[str, Callable[[Block], Iterator[Record]]] = {
    "trimtab": encode_json,
    "trimtab_avro": encode_avro,
    "trimtab_columnar": encode_columnar,
}
