"""What a value becomes, whatever was sent."""

from __future__ import annotations

import math
import sys

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from trimtab.config import ModelConfig
from trimtab.events import (
    EventError,
    Reason,
    canonical_features,
    canonical_value,
    decode,
    encode,
    parse_served,
    served_name,
)

TASKS = ["binary", "multiclass", "regression"]
MODEL = ModelConfig.model_validate(
    {
        "task": "binary",
        "features": {"n": {"type": "numeric"}, "c": {"type": "categorical"}},
        "factory": {"class": "river.linear_model:LogisticRegression"},
    }
)
briefly = settings(max_examples=100, deadline=None)
names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True)
finite = st.floats(allow_nan=False, allow_infinity=False)
anything = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary(), st.lists(st.integers(), max_size=1)
)


def refusal(value: object, task: str) -> Reason:
    with pytest.raises(EventError) as caught:
        canonical_value(value, task, "label")
    return caught.value.reason


@briefly
@given(st.one_of(finite, st.integers(-(10**300), 10**300)))
def test_regression_takes_every_finite_number(value: float) -> None:
    number = canonical_value(value, "regression", "label")
    assert type(number) is float
    assert number == float(value)


@briefly
@given(finite)
def test_whole_floats_are_the_class_of_their_integer(value: float) -> None:
    text = canonical_value(value, "multiclass", "label")
    assert text == (canonical_value(int(value), "multiclass", "label") if value.is_integer() else repr(value))
    assert float(text) == value


@briefly
@given(st.integers(-(10**1000), 10**1000))
def test_integers_keep_every_digit_as_a_class(value: int) -> None:
    assert canonical_value(value, "multiclass", "label") == str(value)


@briefly
@given(st.text())
def test_text_is_a_class_as_it_stands_and_never_a_number(value: str) -> None:
    assert canonical_value(value, "multiclass", "label") == value
    assert refusal(value, "regression") == "wrong_type"


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_refused(task: str, value: float) -> None:
    assert refusal(value, task) == "non_finite"


def test_an_integer_beyond_floats_is_not_finite() -> None:
    assert refusal(10**400, "regression") == "non_finite"
    assert refusal(-(10**400), "regression") == "non_finite"


def test_an_integer_too_long_for_text_is_refused() -> None:
    assert refusal(10 ** (sys.get_int_max_str_digits() + 1), "multiclass") == "non_finite"


@pytest.mark.parametrize("value", [True, 1, 1.0, "1", "true", "True"])
def test_yes_has_one_form(value: object) -> None:
    assert canonical_value(value, "binary", "label") == "1"


@pytest.mark.parametrize("value", [False, 0, 0.0, -0.0, "0", "false", "False"])
def test_no_has_one_form(value: object) -> None:
    assert canonical_value(value, "binary", "label") == "0"


@pytest.mark.parametrize("value", [2, -1, 0.5, "", "yes", "\uff11", "TRUE", "1.0", " 1"])
def test_everything_else_is_not_binary(value: object) -> None:
    assert refusal(value, "binary") == "wrong_type"


@pytest.mark.parametrize("task", TASKS)
@briefly
@given(value=anything)
def test_canonical_once_is_canonical_for_good(task: str, value: object) -> None:
    try:
        once = canonical_value(value, task, "label")
    except EventError:
        return
    assert type(once) is (float if task == "regression" else str)
    assert canonical_value(once, task, "label") == once


@briefly
@given(st.dictionaries(st.sampled_from(["n", "c", "more", "é"]), anything))
@example({"n": True, "c": True})
@example({"n": 10**400})
def test_features_are_typed_or_refused(raw: dict[str, object]) -> None:
    try:
        typed = canonical_features(raw, MODEL)
    except EventError as error:
        assert error.reason in {"wrong_type", "non_finite"}  # noqa: PT017  either outcome is right
        return
    assert list(typed) == ["n", "c"]
    for name, kind in (("n", float), ("c", str)):
        assert (typed[name] is None) == (raw.get(name) is None)
        assert typed[name] is None or type(typed[name]) is kind
    assert canonical_features(typed, MODEL) == typed


def test_a_boolean_is_a_number_or_a_category_as_configured() -> None:
    assert canonical_features({"n": True, "c": True}, MODEL) == {"n": 1.0, "c": "1"}


@briefly
@given(st.one_of(st.booleans(), st.integers(-(2**53), 2**53), finite, st.text()))
def test_avro_gives_the_same_class(value: object) -> None:
    record = decode("label", encode("label", {"id": "a", "model": None, "time": 0, "label": value}))
    assert canonical_value(record["label"], "multiclass", "label") == canonical_value(value, "multiclass", "label")


@briefly
@given(names, st.integers(0, 10**9 - 1), st.one_of(st.none(), st.integers(0, 10**18 - 1)))
def test_served_names_are_read_as_written(model: str, version: int, offset: int | None) -> None:
    assert parse_served(served_name(model, version, offset), model) == (version, offset)


@briefly
@given(names, st.one_of(st.text(), st.integers(), names.map(lambda name: f"{name}@1x")))
def test_other_texts_are_no_served_name(model: str, text: object) -> None:
    with pytest.raises(EventError) as caught:
        parse_served(text, model)
    assert caught.value.reason == "wrong_type"


@pytest.mark.parametrize(
    "text", ["credit", "credit@", "credit@-1", "credit@1+", "credit@1+-2", "other@1", "credit@1\n", " credit@1", 7]
)
def test_near_misses_are_no_served_name(text: object) -> None:
    with pytest.raises(EventError, match="no served name"):
        parse_served(text, "credit")


@pytest.mark.parametrize("text", ["credit@\u0667", "credit@1+\u0968"])
def test_digits_are_ascii(text: str) -> None:
    with pytest.raises(EventError, match="no served name"):
        parse_served(text, "credit")
