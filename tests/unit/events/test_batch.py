"""The columnar batch: what was sent comes back, damage is refused, and events are those of single records."""

from __future__ import annotations

from operator import attrgetter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab.config import ModelConfig
from trimtab.events import EventError, decode, encode
from trimtab.events.batch import EventBatch, decode_batch, encode_batch, is_batch, join_batches
from trimtab.events.batch_wire import Head, Wire, WireReader
from trimtab.events.chunks import ChunkDecoder
from trimtab.events.columns import Categories, Column, Texts
from trimtab.events.tables import FeatureTable, LabelTable, PredictionTable, Sources

MODEL = ModelConfig.model_validate(
    {
        "task": "binary",
        "features": {"x": {"type": "numeric"}, "c": {"type": "categorical"}},
        "factory": {"function": "a:b"},
    }
)
ids = st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=4), min_size=1, max_size=6)


def batch(count: int = 3, kind: str = "prediction", **more: Any) -> EventBatch:
    given_: dict[str, Any] = {
        "model": "m",
        "ids": Texts.of([f"id{k}" for k in range(count)]),
        "time_ms": np.arange(count) + 1_000,
        "version": np.full(count, 2, np.int32),
        "learnt": np.full(count, 9),
        "columns": {"x": np.arange(count) / 2, "c": Categories.of(["red", None, "blue"][:count])},
        "prediction": Categories.of(["1", "0", "1"][:count]),
        "score": np.linspace(0, 1, count),
    }
    if kind == "label":
        given_ |= {"columns": {}, "prediction": None, "score": None, "label": np.array([1.0, 0.0, 1.0][:count])}
    if kind == "feature":
        given_ |= {"model": None, "prediction": None, "score": None}
    return EventBatch(kind, **(given_ | more))


def plain(column: Column | None) -> Any:
    if column is None or isinstance(column, Categories):
        return None if column is None else column.to_list()
    return [None if np.isnan(value) else value for value in column.tolist()]


def contents(found: EventBatch) -> Any:
    columns = {name: plain(column) for name, column in found.columns.items()}
    arrays = [found.time_ms.tolist(), found.version.tolist(), found.learnt.tolist()]
    made = plain(found.prediction), plain(found.score), plain(found.label)
    return found.kind, found.model, found.ids.to_list(), arrays, columns, made


@settings(max_examples=60, deadline=None)
@given(ids, st.booleans(), st.sampled_from(["prediction", "feature", "label"]), st.data())
def test_what_was_sent_comes_back(names: list[str], bare: bool, kind: str, data: st.DataObject) -> None:
    count = len(names)
    floats = st.lists(st.one_of(st.floats(allow_infinity=True), st.just(float("nan"))), min_size=count, max_size=count)
    classes = st.lists(st.sampled_from([None, "é", "1", ""]), min_size=count, max_size=count)
    sent = EventBatch(
        kind,
        "m",
        Texts.of(names),
        np.array(data.draw(st.lists(st.integers(-(2**62), 2**62), min_size=count, max_size=count))),
        np.full(count, 0 if bare else 3, np.int32),
        np.full(count, -1 if bare else 7),
        {} if bare else {"x": np.array(data.draw(floats)), "c": Categories.of(data.draw(classes))},
        None if bare else Categories.of(data.draw(classes)),
        None if bare else np.array(data.draw(floats)),
        np.array(data.draw(floats)) if kind == "label" else None,
    )
    record = encode_batch(sent)
    assert is_batch(record)
    assert contents(decode_batch(record)) == contents(sent)
    twice, counts = join_batches([record, record])
    assert counts.tolist() == [count, count]
    assert twice.ids.to_list() == names * 2
    assert plain(twice.score) == (None if bare else plain(sent.score) * 2)


BUFFERS = ("ids", "id_ends", "times", "versions", "learnt_offsets")


def as_fastavro(wire: Wire) -> dict[str, Any]:
    """A record as fastavro gives it."""
    layout = wire.layout

    def column(head: Head | None) -> Any:
        given = None if head is None else {"name": head.name, "type": head.type, "values": head.values}
        return given and given | {"data": wire.buffer(head.buffer)}  # type: ignore[union-attr]

    made = {name: column(getattr(layout, name)) for name in ("prediction", "score", "label")}
    buffers = {name: wire.buffer(number) for number, name in enumerate(BUFFERS)}
    head = {"kind": layout.kind, "model": layout.model, "count": wire.events}
    return {**head, **buffers, "columns": [column(head) for head in layout.columns], **made}


@pytest.mark.parametrize("kind", ["prediction", "feature", "label"])
def test_the_reader_reads_what_fastavro_reads(kind: str) -> None:
    reader = WireReader()
    layouts = set()
    # The first by parsing it, the others by the layout that is remembered, whatever their lengths.
    for count in (3, 2, 3, 1, 200, 3_000):
        sent = batch(count, kind, ids=Texts.of(["x" * (k % 9) + "y" for k in range(count)]), **columns_of(count, kind))
        record = encode_batch(sent)
        wire = reader.read(record)
        layouts.add(wire.layout)
        assert as_fastavro(wire) == decode("event_batch", record)
    assert len(layouts) == 1


def columns_of(count: int, kind: str) -> dict[str, Any]:
    classes, numbers = Categories(np.zeros(count, np.int32), ["red"]), np.arange(count) / 2
    if kind == "label":
        return {"label": numbers}
    made = {"prediction": classes, "score": None} if kind == "prediction" else {}
    return {"columns": {"x": numbers, "c": classes}} | made


def test_records_of_many_lengths_are_joined() -> None:
    sent = [batch(count, **columns_of(count, "prediction")) for count in (1, 7, 300, 2)]
    joined, counts = join_batches([encode_batch(one) for one in sent])
    assert counts.tolist() == [1, 7, 300, 2]
    assert contents(joined)[2:5] == (
        [name for one in sent for name in one.ids.to_list()],
        [[at for one in sent for at in array(one).tolist()] for array in (TIME, VERSION, LEARNT)],
        {name: [value for one in sent for value in plain(one.columns[name])] for name in ("x", "c")},
    )
    assert joined.matrix is not None
    assert joined.matrix.tolist() == [joined.columns["x"].tolist()]  # type: ignore[union-attr]


TIME, VERSION, LEARNT = attrgetter("time_ms"), attrgetter("version"), attrgetter("learnt")


def test_features_in_another_order_are_put_in_the_models() -> None:
    features: dict[str, Any] = {name: {"type": "numeric"} for name in ("a", "b", "c")}
    settings_ = {"task": "binary", "features": features, "factory": {"function": "a:b"}}
    decoder = ChunkDecoder({"m": ModelConfig.model_validate(settings_)}, 1_000)
    for names in (("a", "b", "c"), ("c", "a", "b"), ("b",)):
        sent = batch(2, columns={name: np.full(2, float(ord(name))) for name in names})
        (table,), _ = decoder.decode("predictions", [encode_batch(sent)], sources(1))
        assert isinstance(table, PredictionTable)
        assert table.features is not None
        wanted = [float(ord(name)) if name in names else None for name in ("a", "b", "c")]
        assert [plain(row) for row in table.features.numbers] == [[value] * 2 for value in wanted]


def test_a_layout_is_not_taken_for_another_of_the_same_length() -> None:
    reader = WireReader()
    columns = {"x": np.zeros(3), "c": np.ones(3)}
    for names in (("x", "c"), ("c", "x"), ("x", "d")):
        sent = batch(columns=dict(zip(names, columns.values(), strict=True)))
        assert [column.name for column in reader.read(encode_batch(sent)).layout.columns] == list(names)


@pytest.mark.parametrize("kind", ["prediction", "feature", "label"])
def test_every_cut_and_every_changed_byte_is_refused_or_read_as_fastavro_does(kind: str) -> None:
    record = encode_batch(batch(2, kind))
    assert len(decode_batch(record)) == 2  # so that its layout is remembered
    for end in range(len(record)):
        with pytest.raises(EventError):
            decode_batch(record[:end])
    for at in range(10, len(record)):
        changed = record[:at] + bytes([record[at] ^ 0x41]) + record[at + 1 :]
        try:
            found = decode_batch(changed)
        except EventError:
            continue
        assert len(found) == decode("event_batch", changed)["count"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"count": 4}, "count|bytes"),
        ({"count": 0}, "count"),
        ({"count": -1}, "count"),
        ({"id_ends": b"\x03\x00\x00\x00" * 3}, "ends"),
        ({"ids": b"xx"}, "ends"),
        ({"times": b""}, "times"),
        ({"versions": b"1"}, "versions"),
        ({"model": None}, "model"),
        ({"score": {"name": "s", "type": "category", "values": [], "data": b"\xff" * 12}}, "score"),
        ({"kind": "label"}, "label"),
        ({"columns": [{"name": "x", "type": "float64", "values": [], "data": b"\0" * 24}] * 2}, "twice"),
        ({"columns": [{"name": "c", "type": "category", "values": ["a"], "data": b"\x01\0\0\0" * 3}]}, "codes"),
    ],
)
def test_damage_is_named(change: dict[str, Any], message: str) -> None:
    wire = decode("event_batch", encode_batch(batch()))
    with pytest.raises(EventError, match=message):
        decode_batch(encode("event_batch", wire | change))


def sources(count: int) -> Sources:
    return Sources(1, np.arange(count) + 50, np.arange(count) + 7)


def test_good_events_of_a_batch_are_taken_and_bad_ones_named() -> None:
    sent = batch(
        time_ms=np.array([1_000, 10**17, 1_000]),
        columns={"x": np.array([1.0, 2.0, np.inf]), "c": np.array([3.0, 3.5, np.nan])},
    )
    tables, refused = ChunkDecoder({"m": MODEL}, 1_000).decode("predictions", [encode_batch(sent)], sources(1))
    (table,) = tables
    assert isinstance(table, PredictionTable)
    assert table.ids is not None
    assert table.features is not None
    assert (table.ids.to_list(), table.features.categories[0].to_list()) == (["id0"], ["3"])
    assert table.sources.offset.tolist() == [50]
    assert sorted((row, error.reason.value) for row, error in refused) == [(0, "non_finite"), (0, "wrong_type")]
    assert any("event 2 of the batch: features.x" in error.detail for _, error in refused)


def test_batches_and_single_events_share_a_chunk() -> None:
    single = b'{"id":"s","model":"m","time":5,"features":{"x":1}}'
    other = encode_batch(batch(2, columns={"x": np.zeros(2)}))
    chunk = [single, encode_batch(batch()), b"{", other, encode_batch(batch(model="who"))]
    tables, refused = ChunkDecoder({"m": MODEL}, 1_000).decode("predictions", chunk, sources(5))
    found = {int(o): i for t in tables for o, i in zip(t.sources.offset, t.ids.to_list(), strict=True)}  # type: ignore[union-attr]
    assert found == {50: "s", 51: "id2", 53: "id1"}
    assert sum(map(len, tables)) == 6
    assert sorted((row, error.reason.value) for row, error in refused) == [(2, "malformed"), (4, "unknown_model")]


def test_labels_and_features_of_batches() -> None:
    decoder = ChunkDecoder({"m": MODEL}, 1_000)
    sent = batch(3, "label", label=np.array([1.0, 2.0, np.nan]))
    (labels,), refused = decoder.decode("labels", [encode_batch(sent)], sources(1))
    assert isinstance(labels, LabelTable)
    assert (labels.ids.to_list(), plain(labels.label)) == (["id0"], [1.0])
    assert sorted(error.reason.value for _, error in refused) == ["missing_field", "wrong_type"]
    (features,), _ = decoder.decode("features", [encode_batch(batch(2, "feature"))], sources(1))
    assert isinstance(features, FeatureTable)
    assert features.values.to_list() == ['{"x":0.0,"c":"red"}', '{"x":0.5,"c":null}']
    _, wrong = decoder.decode("labels", [encode_batch(batch())], sources(1))
    assert [error.reason.value for _, error in wrong] == ["wrong_type"]


def test_columns_of_short_floats_are_read() -> None:
    wire = decode("event_batch", encode_batch(batch(3)))
    short = np.array([0.5, np.nan, -3.0], "<f4").tobytes()
    wire["columns"][0] |= {"type": "float32", "data": short}
    record = encode("event_batch", wire | {"score": {"name": "score", "type": "float32", "values": [], "data": short}})
    found, _ = join_batches([record, record])
    assert plain(found.columns["x"]) == plain(found.score) == [0.5, None, -3.0] * 2
    with pytest.raises(EventError, match="x"):
        decode_batch(encode("event_batch", wire | {"columns": [wire["columns"][0] | {"data": short[:-4]}]}))
