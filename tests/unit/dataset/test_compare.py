"""What differs between two training sets is told, and what does not is not."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from tests.unit.dataset.samples import PARTITION, TOPIC, simple
from trimtab.config import DriftSpec
from trimtab.dataset.compare import compared
from trimtab.dataset.summary import LABEL, Summary
from trimtab.drift.ks import ks
from trimtab.events.columns import Categories
from trimtab.events.examples import Examples
from trimtab.profiles import Frame, NumericProfile


def summary(name: str, *parts: tuple[int, Examples], most_rows: int = 200_000) -> Summary:
    found = Summary(name, TOPIC, PARTITION, most_rows=most_rows)
    for offset, examples in parts:
        found.add(offset, examples)
    return found


def test_the_same_is_the_same() -> None:
    one = summary("m@1", *((at, simple(100 * at, 100)) for at in range(5)))
    found = compared(one, one, DriftSpec())
    assert found["rows"] == {"left": 500, "right": 500}
    assert found["time"]["left"] == {"first_ms": 0, "last_ms": 499_000}
    assert found["offsets"]["overlap"] == {"first": 0, "last": 4, "records": 5, "examples": 500}
    assert found["labels"]["shares"] == {"0": {"left": 0.75, "right": 0.75}, "1": {"left": 0.25, "right": 0.25}}
    assert found["features"] == {"new": [], "absent": [], "of_another_type": []}
    assert found["categories"] == {}
    assert {one["feature"]: (one["status"], one["exceeded"]) for one in found["drift"]} == {
        "x": ("ok", []),
        "c": ("ok", []),
        LABEL: ("ok", []),
    }


def test_drift_is_that_of_the_package() -> None:
    left, right = summary("m@1", (0, simple(0, 400))), summary("m@2", (1, simple(400, 300, shift=0.5)))
    found = compared(left, right, DriftSpec())
    assert found["offsets"]["overlap"] is None
    by_name = {one["feature"]: one for one in found["drift"]}
    assert by_name["x"]["status"] == "drift"
    before, after = simple(0, 400).features["x"], simple(400, 300, shift=0.5).features["x"]
    assert isinstance(before, np.ndarray)
    assert isinstance(after, np.ndarray)
    frame = Frame.of(before)
    made = ks(NumericProfile.of(before, frame), NumericProfile.of(after, frame))
    value = by_name["x"]["statistics"]["ks"]
    assert (value["value"], value["p_value"]) == (made.value, made.p_value)
    assert value["value"] > 0.4
    assert value["p_value"] < 1e-6
    assert by_name["c"]["status"] == "ok"


def test_what_only_one_side_has_is_named() -> None:
    base = simple(0, 60)
    left = summary("m@1", (0, base))
    green = Categories.of(["green", "red"] * 30)
    other = replace(base, features={"c": green, "x": Categories.of(["1"] * 60), "y": np.ones(60)})
    found = compared(left, summary("m@2", (3, other)), DriftSpec())
    assert found["features"] == {"new": ["y"], "absent": [], "of_another_type": ["x"]}
    assert found["categories"] == {"c": {"new": ["green"], "absent": ["blue"]}}
    assert [one["feature"] for one in found["drift"]] == ["c", LABEL]
    back = compared(summary("m@2", (3, other)), left, DriftSpec())
    assert back["features"]["absent"] == ["y"]
    assert back["categories"] == {"c": {"new": ["blue"], "absent": ["green"]}}


def test_numbers_as_labels_have_moments() -> None:
    base = simple(0, 50)
    left = summary("m@1", (0, replace(base, label=np.arange(50.0), prediction=None)))
    right = summary("m@2", (1, replace(base, label=np.array([1e300, *range(49)]), prediction=None)))
    found = compared(left, right, DriftSpec())["labels"]
    assert found["shares"] is None
    assert found["moments"]["left"] == {"mean": 24.5, "std": pytest.approx(14.43, abs=0.01), "min": 0.0, "max": 49.0}
    assert found["moments"]["right"]["max"] == 48.0


def test_an_empty_side_says_nothing() -> None:
    found = compared(summary("m@1"), summary("m@2", (0, simple(0, 50))), DriftSpec())
    assert found["rows"] == {"left": 0, "right": 50}
    assert found["offsets"]["left"]["first"] is None
    assert found["drift"] == []


@pytest.mark.parametrize("pieces", [1, 7, 100])
def test_of_many_rows_some_are_kept_evenly(pieces: int) -> None:
    rows = 1_000
    cuts = [rows * at // pieces for at in range(pieces + 1)]
    parts = [(at, simple(a, b - a)) for at, (a, b) in enumerate(pairwise(cuts))]
    found = summary("m@1", *parts, most_rows=300)
    kept, numbers, texts = found.profiled()
    assert found.rows == rows
    whole = simple(0, rows)
    assert kept == 250
    assert found.step == 4
    assert numbers["x"].tolist() == np.asarray(whole.features["x"])[::4].tolist()
    assert texts[LABEL] == whole.label.to_list()[::4]  # type: ignore[union-attr]
    assert sum(found.labels.values()) == rows
