"""Typed Avro predictions, decoded many at a time, are what one-by-one decoding of the same bytes says."""

from __future__ import annotations

import io
from typing import Any

import fastavro
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.events.test_chunks import fast, slow
from trimtab.config import ModelConfig
from trimtab.events import Decoder
from trimtab.events.columns import Texts
from trimtab.events.schemas import MAGIC
from trimtab.events.typed_avro import AvroPredictions, AvroWalker


def model(task: str, **more: Any) -> ModelConfig:
    features = {"x": {"type": "numeric"}, "y z": {"type": "numeric"}, "c": {"type": "categorical"}}
    return ModelConfig.model_validate({"task": task, "features": features, "factory": {"function": "a:b"}, **more})


MODELS = {"m": model("binary"), "r": model("regression", fields={"id": "key", "features": "inputs"})}
AVRO = {name: AvroPredictions(name, config) for name, config in MODELS.items()}


def encoded(name: str, record: dict[str, Any]) -> bytes:
    out = io.BytesIO()
    out.write(MAGIC + AVRO[name].fingerprint)
    fastavro.schemaless_writer(out, AVRO[name].parsed, record)
    return out.getvalue()


numbers = st.one_of(st.none(), st.floats())
texts = st.one_of(st.none(), st.text(st.characters(codec="utf-8"), max_size=4))


@st.composite
def records(draw: st.DrawFn) -> bytes:
    name = draw(st.sampled_from(["m", "r"]))
    features = {"x": draw(numbers), "f1": draw(numbers), "c": draw(texts)}
    made = draw(numbers) if name == "r" else draw(st.sampled_from([None, "0", "1", "true", "2", "é"]))
    data = encoded(
        name,
        {
            "id": draw(st.text(st.characters(codec="utf-8"), max_size=20)),
            "version": draw(st.sampled_from([None, f"{name}@3", f"{name}@3+70", "who@1", "é"])),
            "time": draw(st.sampled_from([0, -1, 1_700_000_000_000, 2**62, -(2**62), 253_402_300_800_000])),
            "features": features,
            "prediction": made,
            "score": draw(st.sampled_from([None, 0.0, 1.0, 0.5, -0.5, float("nan")])),
        },
    )
    how = draw(st.sampled_from(["whole", "whole", "whole", "cut", "longer", "changed"]))
    if how == "cut":
        return data[: draw(st.integers(10, len(data) - 1))]
    if how == "changed":
        at = draw(st.integers(10, len(data) - 1))
        return data[:at] + bytes([data[at] ^ draw(st.integers(1, 255))]) + data[at + 1 :]
    return data + b"\0" * (how == "longer")


@settings(max_examples=300, deadline=None)
@given(st.lists(records(), min_size=1, max_size=6))
def test_a_chunk_gives_what_each_record_gives_alone(chunk: list[bytes]) -> None:
    decoder = Decoder(MODELS, 10_000)
    assert fast(MODELS, [*chunk]) == [slow(decoder, value) for value in chunk]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1), st.data())
def test_numbers_of_any_length(values: list[int], data: st.DataObject) -> None:
    schema = fastavro.parse_schema({"type": "record", "name": "R", "fields": [{"name": "n", "type": "long"}]})
    written = []
    for value in values:
        out = io.BytesIO(b"-" * 10)
        out.seek(10)
        fastavro.schemaless_writer(out, schema, {"n": value})
        written.append(out.getvalue())
    walker = AvroWalker(written)
    assert walker.longs().tolist() == values
    assert walker.fits().all()


@pytest.mark.parametrize("labels", [True, False])
def test_features_of_illegal_names_and_ids_only_for_the_join(labels: bool) -> None:
    config = model("binary", labels=labels)
    one = AvroPredictions("m", config)
    assert [field["name"] for field in one.schema["fields"][3]["type"]["fields"]] == ["x", "f1", "c"]
    assert one.fingerprint != AvroPredictions("n", config).fingerprint
    found, fits = one.columns(
        [encoded("m", {"id": "a", "time": 5, "features": {"x": 1.5, "f1": None, "c": "red"}, "prediction": "1"})]
    )
    assert isinstance(found.ids, Texts)
    assert (found.ids.to_list(), found.features["c"], fits.tolist()) == (["a"], ["red"], [True])
    assert np.isnan(found.features["y z"]).all()
