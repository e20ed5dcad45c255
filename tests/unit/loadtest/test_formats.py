"""The same events in each format, and the way to the file and back."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from itertools import islice

import numpy as np
import orjson
import pytest

from loadtest.peers.formats import BATCH_EVENTS, Record, encode_avro, encode_columnar, encode_json, rows_of
from loadtest.peers.scripts.task import FEATURES
from loadtest.peers.spool import read_records, write_records
from loadtest.peers.stream import EVENTS_A_WINDOW, Block, block
from trimtab.config import parse_config
from trimtab.events import Decoder
from trimtab.events.batch import decode_batch

CONFIG = """
models:
  credit:
    task: binary
    features: {{{}}}
    factory: {{class: "river.linear_model:LogisticRegression"}}
""".format(", ".join(f"{name}: {{type: numeric}}" for name in FEATURES))


def test_json_holds_the_rows_to_the_last_bit() -> None:
    found = [orjson.loads(record.value) for record in encode_json(block(2))]
    assert found == list(rows_of(block(2)))
    assert len(found) == EVENTS_A_WINDOW


def test_events_are_one_a_millisecond_and_take_turns() -> None:
    records = list(islice(encode_json(block(1)), 6))
    events = [orjson.loads(record.value) for record in records]
    assert [event["time"] - block(1).start_ms for event in events] == [0, 1, 2, 3, 4, 5]
    assert [record.partition for record in records] == [0, 1, 2, 3, 0, 1]
    assert len({event["id"] for event in events}) == 6
    assert 350 < sum(len(record.value) for record in records) / 6 < 400


@pytest.mark.parametrize("encode", [encode_json, encode_avro])
def test_trimtab_reads_what_was_written(encode: Callable[[Block], Iterator[Record]]) -> None:
    decoder = Decoder(parse_config(CONFIG, source="test", environ={}).models, 1_000_000)
    for record, row in islice(zip(encode(block(0)), rows_of(block(0)), strict=True), 20):
        event = decoder.prediction(record.value)
        assert (event.id, event.model, event.version, event.time_ms) == (row["id"], "credit", 1, row["time"])
        assert event.features == row["features"]
        assert event.score == row["score"]


def test_batches_hold_the_rows_to_the_last_bit() -> None:
    records = list(encode_columnar(block(1)))
    batches = [decode_batch(record.value) for record in records]
    found = [
        {"id": name, "time": time_ms, "features": dict(zip(batch.columns, values, strict=True))}
        for batch in batches
        for name, time_ms, *values in zip(
            batch.ids.to_list(),
            batch.time_ms.tolist(),
            *(column.tolist() for column in batch.columns.values() if isinstance(column, np.ndarray)),
            strict=True,
        )
    ]
    assert found == [{name: row[name] for name in ("id", "time", "features")} for row in rows_of(block(1))]
    assert {len(batch) for batch in batches} == {BATCH_EVENTS}
    assert [record.partition for record in records[:5]] == [0, 1, 2, 3, 0]
    assert {version for batch in batches for version in batch.version.tolist()} == {1}


def test_a_spool_gives_back_what_was_written() -> None:
    records = [Record(3, b"key", b"value"), Record(0, b"", b""), Record(1, b"k", bytes(range(256)))]
    file = io.BytesIO()
    write_records(file, records)
    file.seek(0)
    assert list(read_records(file)) == records
