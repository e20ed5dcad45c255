"""Rows of a reference by segment: as windows of the segment are profiled, and kept with the reference."""

from __future__ import annotations

import base64
import zlib
from typing import Any

import numpy as np
import orjson
import pytest

from trimtab.config import ModelConfig
from trimtab.events.columns import Categories
from trimtab.profiles import RECONSTRUCTION, Reference, segment_rows
from trimtab.profiles.segments import segments_by

MODEL = ModelConfig.model_validate(
    {
        "task": "binary",
        "features": {
            "x": {"type": "numeric"},
            "y": {"type": "numeric"},
            "c": {"type": "categorical", "values": ["a", "b"]},
            "d": {"type": "categorical", "values": ["k"]},
        },
        "segments": ["c", "d"],
        "factory": {"class": "a:B"},
    }
)


def made(rows: int = 400) -> tuple[dict[str, Any], dict[str, list[str | None]], Reference]:
    draw = np.random.default_rng(5)
    numbers = {"x": draw.normal(size=rows), "y": draw.normal(3, 2, size=rows)}
    texts: dict[str, list[str | None]] = {"c": ["a", "b", "odd", None] * (rows // 4), "d": ["k"] * rows}
    of = segment_rows(MODEL, {name: Categories.of(column) for name, column in texts.items()})
    return numbers, texts, Reference.of("m@1", numbers, texts, {}, multivariate=True, segments=of)


def test_each_row_is_in_one_segment_of_each_feature() -> None:
    _, texts, reference = made()
    counts = {name: part.profile.count for name, part in reference.segments.items()}
    assert counts == {"c=(missing)": 100, "c=(other)": 100, "c=a": 100, "c=b": 100, "d=k": 400}
    names, places = segments_by(MODEL, "c", Categories.of(texts["c"]))
    assert [names[place] for place in places[:4]] == ["c=a", "c=b", "c=(other)", "c=(missing)"]


def test_its_parts_are_those_of_its_rows_in_its_frames() -> None:
    numbers, _, reference = made()
    part = reference.segment("c=b")
    assert part is not None
    own = numbers["x"][1::4]
    assert (part.profile.numeric["x"].minimum, part.profile.numeric["x"].maximum) == (own.min(), own.max())
    assert all(part.frame(name) == reference.frame(name) for name in ("x", "y"))
    assert part.profile.categorical["c"].counts == {"b": 100}
    # Errors are of odd rows: all that are "b", and none that is "a".
    assert part.profile.numeric[RECONSTRUCTION].total == 100
    parts = [reference.segments[name].profile for name in ("c=(missing)", "c=(other)", "c=a", "c=b")]
    whole = parts[0].merge(parts[1]).merge(parts[2]).merge(parts[3])
    assert whole.numeric["y"].counts.tolist() == reference.profile.numeric["y"].counts.tolist()
    assert whole.categorical["c"] == reference.profile.categorical["c"]


def test_it_survives_the_wire() -> None:
    _, _, reference = made()
    back = Reference.from_wire(orjson.loads(orjson.dumps(reference.to_wire())))
    assert back == reference
    with_metrics = reference.with_segments({"c=a": reference.segments["c=a"].profile}, {"c=a": {"accuracy": 0.5}})
    assert Reference.from_wire(with_metrics.to_wire()).segments["c=a"].metrics == {"accuracy": 0.5}


def test_an_earlier_release_wrote_none() -> None:
    _, _, reference = made()
    wire = reference.to_wire()
    del wire["segments"]
    back = Reference.from_wire(wire)
    assert back.segment("c=a") is None
    assert back.segment("") is back


@pytest.mark.parametrize("sketch", ["", "AAAA", "not base64!", "eJxLBAAAYgBi"])
def test_damage_is_refused(sketch: str) -> None:
    _, _, reference = made()
    wire = reference.to_wire()
    wire["segments"]["c=a"]["sketch"] = sketch
    with pytest.raises(ValueError, match=r"damaged|cut off|base64|padding|Excess|Only"):
        Reference.from_wire(wire)


def test_one_that_inflates_for_ever_is_refused() -> None:
    _, _, reference = made()
    wire = reference.to_wire()
    wire["segments"]["c=a"]["sketch"] = base64.b64encode(zlib.compress(bytes(100_000_000))).decode()
    with pytest.raises(ValueError, match="more than 16000000 bytes"):
        Reference.from_wire(wire)


def test_a_number_makes_no_segments() -> None:
    with pytest.raises(TypeError, match="x is not categorical"):
        segments_by(MODEL, "x", np.zeros(3))
