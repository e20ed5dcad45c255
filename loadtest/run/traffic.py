"""The events of a load as records on the wire. The values repeat every 1,000 events; ids and times do not."""

from __future__ import annotations

import io
import random
from collections.abc import Iterator
from typing import Any
from zlib import crc32

import fastavro
import numpy as np
import orjson

from loadtest.peers.formats import BATCH_EVENTS, Record
from loadtest.run.options import Options
from trimtab.config import ModelConfig
from trimtab.events.batch import EventBatch, encode_batch
from trimtab.events.columns import Texts
from trimtab.events.schemas import MAGIC
from trimtab.events.typed_avro import AvroPredictions

__all__ = ["SHIFT", "VERSION", "Traffic", "model_settings"]

ROWS = 1_000
SHIFT = 1.0
# The trainer of a load with labels makes versions of its own, from 1 on.
VERSION = 1_000


def model_settings(options: Options) -> dict[str, Any]:
    """The configuration of each model."""
    features: dict[str, Any] = {name: {"type": "numeric"} for name in options.feature_names}
    settings: dict[str, Any] = {
        "task": "binary",
        "features": features,
        "factory": {"class": "river.linear_model:LogisticRegression"},
        "labels": options.labels,
        "label_horizon": "1h",
        "window": {
            "size": f"{round(options.window_s * 1_000)}ms",
            "lateness": f"{round(options.lateness_s * 1_000)}ms",
            "idle_timeout": "5s",
        },
    }
    if options.segments:
        values = [f"s{k}" for k in range(options.segments)]
        features["segment"] = {"type": "categorical", "values": values}
        settings["segments"] = ["segment"]
    return settings


class Traffic:
    """What one sender says.

    Parameters
    ----------
    sender
        Number of the sender, which the ids begin with.
    """

    def __init__(self, options: Options, sender: int) -> None:
        self._options = options
        self._sender = sender
        self._random = random.Random(sender)
        rng = np.random.default_rng(sender)
        calm = rng.normal(size=(ROWS, options.features))
        shifted = calm.copy()
        shifted[:, 0] += SHIFT
        self._rows = {False: calm, True: shifted}
        self._json = {drifted: [self._features(row) for row in rows.tolist()] for drifted, rows in self._rows.items()}
        self._typed = [
            AvroPredictions(name, ModelConfig.model_validate(model_settings(options))) for name in options.model_names
        ]
        self._models = [name.encode() for name in options.model_names]
        self._lateness_ms = round(options.lateness_s * 1_000)

    def predictions(self, first: int, count: int, time_ms: int, drifted: bool) -> Iterator[Record]:
        """Predictions ``first`` and on, all of this time but for those out of order."""
        if self._options.format == "columnar":
            for start in range(first, first + count, BATCH_EVENTS):
                yield self._batch(start, min(BATCH_EVENTS, first + count - start), time_ms, drifted)
            return
        make = self._json_record if self._options.format == "json" else self._avro_record
        for number in range(first, first + count):
            at = time_ms
            if self._options.disorder and self._random.random() < self._options.disorder:
                at -= self._random.randrange(self._lateness_ms)
            record = make(number, at, drifted)
            yield record
            if self._options.duplicates and self._random.random() < self._options.duplicates:
                yield record

    def labels(self, first: int, count: int, time_ms: int) -> Iterator[Record]:
        """The labels of predictions ``first`` and on: whether the first feature was above zero."""
        signs = (self._rows[False][:, 0] > 0).tolist()
        for number in range(first, first + count):
            key = self._id(number)
            model = self._models[number % len(self._models)]
            value = b'{"id":"%s","model":"%s","time":%d,"label":%d}' % (key, model, time_ms, signs[self._row(number)])
            yield self._record(key, value)

    def _features(self, row: list[float]) -> bytes:
        return orjson.dumps(dict(zip(self._options.feature_names, row, strict=True)))[:-1]

    def _json_record(self, number: int, time_ms: int, drifted: bool) -> Record:
        key, model = self._id(number), self._models[number % len(self._models)]
        segment = b',"segment":"s%d"' % (number // ROWS % self._options.segments) if self._options.segments else b""
        value = b'{"id":"%s","model":"%s","version":"%s@%d","time":%d,"features":%s%s},"prediction":%d,"score":0.5}' % (
            key,
            model,
            model,
            VERSION,
            time_ms,
            self._json[drifted][self._row(number)],
            segment,
            number & 1,
        )
        return self._record(key, value)

    def _avro_record(self, number: int, time_ms: int, drifted: bool) -> Record:
        typed = self._typed[number % len(self._typed)]
        key, row = self._id(number), self._rows[drifted][self._row(number)].tolist()
        event = {
            "id": key.decode(),
            "version": f"{typed.name}@{VERSION}",
            "time": time_ms,
            "features": dict(zip(self._options.feature_names, row, strict=True)),
            "prediction": str(number & 1),
            "score": 0.5,
        }
        out = io.BytesIO()
        out.write(MAGIC + typed.fingerprint)
        fastavro.schemaless_writer(out, typed.parsed, event)
        return self._record(key, out.getvalue())

    def _batch(self, first: int, count: int, time_ms: int, drifted: bool) -> Record:
        """One model and one partition a batch, in turns."""
        turn = first // BATCH_EVENTS
        numbers = np.arange(first, first + count)
        rows = self._rows[drifted][numbers % ROWS]
        times = np.full(count, time_ms)
        back = np.random.default_rng(first).random(count) < self._options.disorder
        times[back] -= np.random.default_rng(first).integers(self._lateness_ms, size=int(back.sum()))
        batch = EventBatch(
            kind="prediction",
            model=self._options.model_names[turn % self._options.models],
            ids=Texts.of([self._id(number).decode() for number in numbers.tolist()]),
            time_ms=times,
            version=np.full(count, VERSION, np.int32),
            learnt=np.full(count, -1, np.int64),
            columns={name: rows[:, k] for k, name in enumerate(self._options.feature_names)},
            prediction=(numbers & 1).astype(np.float64),
            score=np.full(count, 0.5),
        )
        return Record(turn % self._options.partitions, b"", encode_batch(batch))

    def _row(self, number: int) -> int:
        """Each model sees all rows in turns."""
        return number // len(self._models) % ROWS

    def _id(self, number: int) -> bytes:
        return b"%x-%x" % (self._sender, number)

    def _record(self, key: bytes, value: bytes) -> Record:
        return Record(crc32(key) % self._options.partitions, key, value)
