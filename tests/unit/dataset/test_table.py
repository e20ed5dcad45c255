"""What an example holds is in its row, to the bit, whatever the records are put together from."""

from __future__ import annotations

import io
import struct
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.dataset.samples import examples, simple
from trimtab.dataset.table import Layout, Part, column_name
from trimtab.events.columns import Categories
from trimtab.events.examples import Examples, decode_examples, encode_examples


def plain(value: Any) -> Any:
    """Floats by their bits: 0.0 and -0.0 are two."""
    return struct.pack("<d", value) if isinstance(value, float) else value


def wanted(value: Any, column: Any, kind: str) -> Any:
    if value is not None and kind == "mixed" and not isinstance(column, Categories):
        return repr(value)
    return plain(value)


def in_parquet(table: pa.Table) -> pa.Table:
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return pq.read_table(io.BytesIO(sink.getvalue()))


def laid_out(parts: list[Part]) -> tuple[Layout, pa.Table]:
    layout = Layout()
    for part in parts:
        layout.extend(part.examples)
    return layout, in_parquet(layout.table(parts))


@settings(max_examples=150, deadline=None)
@given(st.lists(examples(), min_size=1, max_size=4))
def test_every_value_comes_back(found: list[Examples]) -> None:
    sent = [decode_examples(encode_examples("m", one)) for one in found]
    parts = [Part(10 * at, at + 1, one) for at, one in enumerate(sent)]
    layout, table = laid_out(parts)
    times = ("__time__", "__label_time__", "__produced__")
    raw = table
    for name in times:
        assert table.schema.field(name).type == pa.timestamp("ms", tz="UTC")
        raw = raw.set_column(raw.schema.get_field_index(name), name, table.column(name).cast(pa.int64()))
    rows = raw.to_pylist()
    label = layout.label or ""
    at = 0
    for part in parts:
        one = part.examples
        for position, example in enumerate(one.rows()):
            row = rows[at]
            at += 1
            assert (row["__offset__"], row["__position__"], row["__learnt_by__"]) == (
                part.offset,
                position,
                part.version,
            )
            assert row["__id__"] == example.id
            assert tuple(row[name] for name in times) == (example.time_ms, example.label_time_ms, example.produced_ms)
            assert row["__served__"] == (example.version or None)
            assert row["__served_learnt__"] == example.learnt_offset
            for name, kind in layout.features.items():
                value = wanted(example.features.get(name), one.features.get(name), kind)
                assert plain(row[column_name(name)]) == value
            assert plain(row["__label__"]) == wanted(example.label, one.label, label)
            assert plain(row["__prediction__"]) == wanted(example.prediction, one.prediction, label)
            assert plain(row["__score__"]) == plain(example.score)
    assert at == len(rows)


def test_types_are_those_of_the_features() -> None:
    one = decode_examples(encode_examples("m", _of({"n": [1.0], "c": ["true"]})))
    _, table = laid_out([Part(0, 1, one)])
    assert [table.schema.field(name).type for name in ("n", "c")] == [pa.float64(), pa.string()]
    _, table = laid_out([Part(0, 1, one), Part(1, 1, _of({"n": ["2"], "d": [3.0]}))])
    assert table.select(["n", "c", "d"]).to_pydict() == {"n": ["1.0", "2"], "c": ["true", None], "d": [None, 3.0]}


def test_no_name_of_a_feature_takes_the_place_of_another() -> None:
    names = ["__label__", "__feature__.__label__", "label", "__offset__"]
    _, table = laid_out([Part(0, 1, _of({name: [float(at)] for at, name in enumerate(names)}))])
    assert len(set(table.column_names)) == len(table.column_names)
    assert [table.column(column_name(name)).to_pylist() for name in names] == [[0.0], [1.0], [2.0], [3.0]]


def _of(features: dict[str, list[Any]]) -> Examples:
    made: dict[str, Any] = {
        name: Categories.of(values) if isinstance(values[0], str) else np.array(values)
        for name, values in features.items()
    }
    return replace(simple(0, 1), features=made)
