"""Chunks give what one-by-one decoding gives, whatever stands beside a record."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab.config import ModelConfig
from trimtab.events import Decoder, EventError, encode
from trimtab.events.chunks import ChunkDecoder
from trimtab.events.columns import Categories
from trimtab.events.tables import FeatureTable, LabelTable, PredictionTable, Sources


def model(task: str = "binary", **more: Any) -> ModelConfig:
    features = {"x": {"type": "numeric"}, "y z": {"type": "numeric"}, "c": {"type": "categorical"}}
    return ModelConfig.model_validate({"task": task, "features": features, "factory": {"function": "a:b"}, **more})


MODELS = {"m": model(), "r": model("regression"), "k": model("multiclass"), "own": model(fields={"id": "key"})}
ONE = {"m": MODELS["m"]}


def sources(count: int) -> Sources:
    return Sources(3, np.arange(count) * 2, np.arange(count) + 1_000)


def rows_of(table: PredictionTable, config: ModelConfig) -> dict[int, Any]:
    """Offset to what the slow decoder would say."""
    assert table.ids is not None
    found = {}
    columns = {} if table.features is None else table.features.by_name(config)
    lists = {name: c.to_list() if isinstance(c, Categories) else c.tolist() for name, c in columns.items()}
    made = table.prediction
    predictions = made.to_list() if isinstance(made, Categories) else made.tolist()
    for row, offset in enumerate(table.sources.offset.tolist()):
        features = {n: none(values[row]) for n, values in lists.items()} if table.features is not None else None
        found[offset] = (
            table.ids.to_list()[row],
            table.model,
            int(table.version[row]),
            int(table.learnt[row]),
            int(table.time_ms[row]),
            features,
            none(predictions[row]),
            none(float(table.score[row])),
        )
    return found


def none(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value


def slow(decoder: Decoder, value: bytes | None) -> Any:
    try:
        e = decoder.prediction(value)
    except EventError as error:
        return error.reason
    learnt = -1 if e.learnt_offset is None else e.learnt_offset
    return e.id, e.model, e.version, learnt, e.time_ms, e.features, e.prediction, e.score


def fast(models: dict[str, ModelConfig], values: list[bytes | None]) -> list[Any]:
    tables, refused = ChunkDecoder(models, 10_000).decode("predictions", values, sources(len(values)))
    found: dict[int, Any] = {}
    for table in tables:
        assert isinstance(table, PredictionTable)
        found |= rows_of(table, models[table.model])
    found |= {2 * row: error.reason for row, error in refused}
    return [found[2 * row] for row in range(len(values))]


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**6), 10**6),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["0", "1", "true", "red", "é", ""]),
    st.just([]),
)
events = st.fixed_dictionaries(
    {
        "id": st.sampled_from(["a", "é", "", 7]),
        "model": st.sampled_from(["m", "m", "m", "r", "k", "own", "unknown"]),
        "time": st.sampled_from([0, 1_700_000_000_000, 5.7, "2026-01-31T12:00:00Z", "soon", 10**17, True, 10**30]),
    },
    optional={
        "key": st.sampled_from(["a", "b"]),
        "version": st.sampled_from([None, "m@3", "m@3+7", "r@1", "k@2", "own@1", "m@", 3]),
        "features": st.one_of(
            st.none(), st.just([]), st.dictionaries(st.sampled_from(["x", "y z", "c", "other"]), scalars)
        ),
        "prediction": scalars,
        "score": st.sampled_from([None, 0, 1, 0.5, True, -0.1, 1.5, "0.5"]),
    },
)
values = st.one_of(
    events.map(lambda event: json.dumps(event).encode()),
    st.sampled_from(
        [None, b"", b"{", b"[1]", b'{"id":"a","model":"m","time":0,"score":NaN}', b"\xc3\x01x", b"x" * 20_000]
    ),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(values, min_size=1, max_size=8))
def test_a_chunk_gives_what_each_record_gives_alone(chunk: list[bytes | None]) -> None:
    for models in (ONE, MODELS):
        decoder = Decoder(models, 10_000)
        assert fast(models, chunk) == [slow(decoder, value) for value in chunk]


def test_avro_and_json_in_one_chunk() -> None:
    event = {"id": "a", "model": "m", "time": 5, "features": {"x": 1, "y z": 2.5, "c": "red"}, "prediction": 1}
    avro = encode("prediction", {"version": None, "score": None, **event, "id": "b"})
    both = fast(MODELS, [orjson.dumps(event), avro])
    assert both[0][0] == "a"
    assert both[1] == ("b", *both[0][1:])


def test_labels_keep_their_type_and_their_model() -> None:
    chunk = [
        {"id": "a", "time": 1, "label": 1},
        {"id": "b", "time": 2, "label": "1", "model": "m"},
        {"id": "c", "time": 3, "label": 2**60},
        {"id": "d", "time": 4, "label": "yes", "model": "m"},
        {"id": "e", "time": 5, "label": True, "model": "who"},
    ]
    models = {"m": MODELS["m"], "k": MODELS["k"]}
    tables, refused = ChunkDecoder(models, 10_000).decode("labels", [orjson.dumps(e) for e in chunk], sources(5))
    found = [(t.model, t.ids.to_list(), t.label) for t in tables if isinstance(t, LabelTable)]
    assert [(m, ids) for m, ids, _ in found] == [(None, ["a"]), ("m", ["b"]), (None, ["c"])]
    assert [label.to_list() if isinstance(label, Categories) else label.tolist() for _, _, label in found] == [
        [1.0],
        ["1"],
        [str(2**60)],
    ]
    assert [(row, error.reason) for row, error in refused] == [(3, "wrong_type"), (4, "unknown_model")]


def test_features_stay_json() -> None:
    chunk = [b'{"id":"a","time":1,"features":{"x":1}}', b'{"id":"b","time":2,"features":[1]}']
    tables, refused = ChunkDecoder(ONE, 10_000).decode("features", chunk, sources(2))
    (table,) = tables
    assert isinstance(table, FeatureTable)
    assert (table.ids.to_list(), table.values.to_list()) == (["a"], ['{"x":1}'])
    assert [(row, error.reason) for row, error in refused] == [(1, "wrong_type")]


@pytest.mark.parametrize("labels", [True, False])
def test_ids_are_kept_only_for_the_join(labels: bool) -> None:
    models = {"m": model(labels=labels)}
    value = b'{"id":"a","model":"m","time":1,"features":{"x":1}}'
    (table,), _ = ChunkDecoder(models, 10_000).decode("predictions", [value], sources(1))
    assert (table.ids is not None) is labels
