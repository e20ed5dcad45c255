import json

import numpy as np

from trimtab.profiles import IDENTITY, MAX_CATEGORIES, PREDICTION, SCORE, CategoricalProfile, Frame, Reference


def reference() -> Reference:
    columns = {"age": np.array([1.0, 2.0, 3.0, 4.0, 5.0, np.nan]), SCORE: np.linspace(0, 1, 5)}
    return Reference.of("r1", columns, {"u": ["a", None, "b", "a"], PREDICTION: ["0", "1"]}, {"f1": 0.5})


def test_frames_and_categories_for_windows() -> None:
    made = reference()
    assert made.frame("age") == Frame(3.0, 2.0)
    assert made.frame("nobody") == IDENTITY
    assert made.known("u") == frozenset({"a", "b"})
    assert made.known("nobody") is None
    assert made.profile.count == 6
    assert made.profile.numeric["age"].missing == 1


def test_the_names_of_prediction_and_score() -> None:
    assert (SCORE, PREDICTION) == ("__score__", "__prediction__")


def test_the_wire_keeps_everything() -> None:
    made = reference()
    assert Reference.from_wire(json.loads(json.dumps(made.to_wire(), allow_nan=False))) == made


def test_of_too_many_categories_the_frequent_are_kept_and_nothing_is_counted_twice() -> None:
    rare: list[str | None] = [f"r{n}" for n in range(1_000)]
    values: list[str | None] = ["often", "often", *rare, None, None]
    found = Reference.of("r", {}, {"u": values}, {}).profile.categorical["u"]
    assert len(found.counts) == MAX_CATEGORIES
    assert found.counts["often"] == 1  # rows 0 and 1: one chose it, one is counted
    assert (found.total, found.missing) == (len(values) // 2, 1)
    assert found.new == {}


def test_of_few_categories_every_row_is_counted() -> None:
    assert Reference.of("r", {}, {"u": ["a", "b", None]}, {}).profile.categorical["u"] == CategoricalProfile(
        {"a": 1, "b": 1}, missing=1
    )


def test_the_empty_reference() -> None:
    assert Reference.of("r", {}, {}, {}).profile.count == 0
