"""A batch says what its calls would have said one by one, or gives them back."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.client import wire
from trimtab.client.batching import BATCH_EVENTS, batches_of
from trimtab.client.wire import Encoder
from trimtab.config import Config
from trimtab.events import EventError
from trimtab.events.batch import decode_batch
from trimtab.events.chunks import ChunkDecoder
from trimtab.events.columns import Categories, Column
from trimtab.events.tables import Sources

PARTITIONS = 3
CONFIG = Config.model_validate(
    {
        "models": {
            "credit": {
                "task": "binary",
                "features": {"x": {"type": "numeric"}, "c": {"type": "categorical"}},
                "factory": {"class": "river.linear_model:LogisticRegression"},
            },
            "price": {
                "task": "regression",
                "features": {"x": {"type": "numeric"}},
                "factory": {"class": "river.linear_model:LinearRegression"},
            },
        }
    }
)
ENCODER = Encoder(CONFIG)


def call(
    kind: str,
    model: Any,
    id: Any,
    time: Any,
    features: Any = None,
    value: Any = None,
    score: Any = None,
    served: Any = None,
) -> wire.Call:
    if not isinstance(features, dict):
        return wire.Call(kind, model, id, time, None, features, value, score, served)
    return wire.Call(kind, model, id, time, tuple(features), tuple(features.values()), value, score, served)


numbers = st.one_of(
    st.floats(),
    st.integers(-(10**20), 10**20),
    st.booleans(),
    st.none(),
    st.floats(width=32).map(np.float32),
    st.sampled_from([0.0, -0.0, 1.0, np.int64(3), np.bool_(True)]),
)
tame = st.floats(-1e9, 1e9)
texts = st.one_of(st.text(max_size=5), st.none())
scalars = st.one_of(numbers, texts)
# Columns that can be sent, columns that cannot, and what should not be there at all.
values = st.sampled_from([tame, numbers, texts, scalars, st.just([1])])
times = st.one_of(
    st.integers(0, 10**12),
    st.sampled_from(["2026-01-01T00:00:00Z", datetime(2026, 1, 1, tzinfo=UTC), 5.7, -(10**18), True, math.nan]),
)
served = st.sampled_from([None, "credit@3", "credit@3+17", "price@1", "nonsense"])


@st.composite
def call_lists(draw: st.DrawFn) -> list[wire.Call]:
    none = st.none()
    x, c, value = draw(values), draw(values), draw(values)
    features = st.one_of(
        st.fixed_dictionaries({"x": x, "c": c}),
        *([st.just({}), st.none(), st.just({"c": "a"})] if draw(st.booleans()) else []),
    )
    when = times if draw(st.booleans()) else st.integers(0, 10**12)
    name = served if draw(st.booleans()) else st.just(None)
    ids = st.text(max_size=4) if draw(st.booleans()) else st.uuids().map(str)
    score = draw(st.sampled_from([st.none(), st.floats(0, 1), scalars]))
    models = st.sampled_from(["credit", "price"]) if draw(st.booleans()) else st.just("credit")
    prediction = st.builds(call, st.just("prediction"), models, ids, when, features, value, score, name)
    feature = st.builds(call, st.just("feature"), none, ids, when, features, none, none, none)
    label = st.builds(call, st.just("label"), st.one_of(none, models), ids, when, none, value, none, none)
    kind = draw(st.sampled_from([prediction, feature, label, st.one_of(prediction, feature, label)]))
    return draw(st.lists(kind, min_size=1, max_size=12))


def decoded(records: Sequence[bytes], kind: str) -> list[Any]:
    """Every event of the records as plain values, in no order."""
    count = len(records)
    sources = Sources(0, np.arange(count), np.zeros(count, np.int64))
    if not records:
        return []
    tables, refused = ChunkDecoder(CONFIG.models, 10**6).decode(kind + "s", records, sources)
    rows = [row for table in tables for row in _rows(table)]
    return sorted(rows + [("refused", str(one.error.reason)) for one in refused], key=repr)


def _rows(table: Any) -> list[Any]:
    columns: list[list[Any]] = [table.ids.to_list(), table.time_ms.tolist()]
    for name in ("version", "learnt", "prediction", "score", "label"):
        if getattr(table, name, None) is not None:
            columns.append(_plain(getattr(table, name)))
    if hasattr(table, "values"):
        columns.append([_features(text) for text in table.values.to_list()])
    elif getattr(table, "features", None) is not None:
        columns += [*map(_plain, table.features.numbers), *map(_plain, table.features.categories)]
    model = getattr(table, "model", None)
    return [(model, *row) for row in zip(*columns, strict=True)]


def _plain(column: Column) -> list[Any]:
    if isinstance(column, Categories):
        return column.to_list()
    return [None if math.isnan(value) else value + 0.0 for value in column.tolist()]


def _features(text: str) -> Any:
    """What a model would read: 1, 1.0 and true are the same to it."""
    import orjson

    found = orjson.loads(text)
    return sorted((k, float(v) + 0.0 if isinstance(v, (int, float)) else v) for k, v in found.items())


def one_by_one(calls: Sequence[wire.Call]) -> tuple[list[bytes], int]:
    """What is sent without batches, and how many calls are dropped."""
    sent, dropped = [], 0
    for one in calls:
        try:
            sent.append(ENCODER.encode(one))
        except EventError:
            dropped += 1
    return sent, dropped


def known(_: str) -> int:
    return PARTITIONS


@given(call_lists())
def test_batches_say_the_same_as_single_events(calls: list[wire.Call]) -> None:
    batches, single = batches_of(calls, known, ENCODER, least=1)
    _, dropped = one_by_one(single)
    assert sum(len(batch.calls) for batch in batches) + len(single) == len(calls)
    for kind in {one.kind for one in calls}:
        want, refused = one_by_one([one for one in calls if one.kind == kind])
        sent = [batch.data for batch in batches if batch.kind == kind]
        some, _ = one_by_one([one for one in single if one.kind == kind])
        assert decoded(sent + some, kind) == decoded(want, kind)
        dropped -= refused
    assert not dropped


@given(st.lists(st.text(min_size=1), min_size=1))
def test_each_event_lands_where_its_id_belongs(ids: list[str]) -> None:
    calls = [call("label", None, one, 0, None, 1) for one in ids]
    batches, single = batches_of(calls, known, ENCODER, least=1)
    assert not single
    for batch in batches:
        assert [one.id for one in batch.calls] == decode_batch(batch.data).ids.to_list()
        assert {zlib.crc32(one.id.encode()) % PARTITIONS for one in batch.calls} == {batch.partition}
        mine = [one for one in ids if zlib.crc32(one.encode()) % PARTITIONS == batch.partition]
        assert [one.id for one in batch.calls] == mine


def test_many_events_become_several_batches() -> None:
    calls = [call("label", None, f"{i}", i, None, 1) for i in range(5_000)]
    batches, single = batches_of(calls, known, ENCODER, least=16)
    assert not single
    assert sum(len(batch.calls) for batch in batches) == 5_000
    assert max(len(batch.calls) for batch in batches) == BATCH_EVENTS


def test_the_usual_calls_do_become_batches() -> None:
    """The property above would hold for a batcher that gives everything back."""
    rows: list[Callable[[int], wire.Call]] = [
        lambda i: call("prediction", "credit", f"{i}", i, {"x": i / 2, "c": "a"}, 1, 0.5, "credit@2+9"),
        lambda i: call("prediction", "credit", f"{i}", i, {"x": None, "c": None}, True, np.float64(0.5), None),
        lambda i: call("prediction", "credit", f"{i}", "2026-01-01T00:00:00Z", None, "1", None, f"credit@{i + 1}"),
        lambda i: call("prediction", "price", f"{i}", i, {"x": np.float32(i)}, 3, None, None),
        lambda i: call("feature", None, f"{i}", i, {"x": i, "c": "b"}),
        lambda i: call("label", "credit", f"{i}", i, None, bool(i % 2)),
        lambda i: call("label", None, f"{i}", i, None, "yes"),
    ]
    for row in rows:
        _, single = batches_of([row(i) for i in range(20)], known, ENCODER, least=16)
        assert not single


def test_few_calls_or_unknown_partitions_make_no_batch() -> None:
    calls = [call("label", None, f"{i}", i, None, 1) for i in range(20)]
    assert batches_of(calls, lambda _: None, ENCODER, least=1) == ([], calls)
    assert batches_of(calls, known, ENCODER, least=21) == ([], calls)


@pytest.mark.parametrize("bad", [{"x": math.nan}, {"x": math.inf}, {"x": [1]}, {"x": 2**53}])
def test_one_bad_value_gives_its_group_back(bad: dict[str, Any]) -> None:
    good = [call("feature", None, f"{i}", i, {"x": 1.0}) for i in range(20)]
    batches, single = batches_of([*good, call("feature", None, "bad", 0, bad)], known, ENCODER, least=16)
    assert not batches
    assert len(single) == 21
