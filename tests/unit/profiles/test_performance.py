import json
import math
from fractions import Fraction
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.profiles.strategies import anything, arrays, briefly, classification
from trimtab.profiles import PerformanceProfile
from trimtab.profiles.cells import FloatArray


def test_log_loss_by_hand() -> None:
    profile = PerformanceProfile.of_classification(["1", "0", "1", "0"], ["1"] * 4, [0.9, 0.2, 0.0, 1.0])
    clipped = -math.log(1e-15)
    assert profile.log_loss_sum == pytest.approx(-math.log(0.9) - math.log(0.8) + 2 * clipped, rel=1e-3)
    assert profile.log_loss_count == profile.count == 4


@pytest.mark.parametrize("score", [None, math.nan, 3.2, -0.1, math.inf])
def test_what_is_no_probability_is_not_in_the_loss(score: float | None) -> None:
    profile = PerformanceProfile.of_classification(["1", "1"], ["1", "0"], [score, 0.5])
    assert (profile.count, profile.log_loss_count) == (2, 1)
    assert profile.log_loss_sum == pytest.approx(math.log(2))


def test_rounding_beyond_one_is_a_probability_and_other_labels_have_no_loss() -> None:
    assert PerformanceProfile.of_classification(["1"], ["1"], [1 + 1e-9]).log_loss_count == 1
    assert PerformanceProfile.of_classification(["cat"], ["cat"], [0.3]).log_loss_count == 0


def test_rows_must_pair_up() -> None:
    with pytest.raises(ValueError, match=r"shorter|longer"):
        PerformanceProfile.of_classification(["1"], ["1", "0"], [None])
    with pytest.raises(ValueError, match=r"shorter|longer"):
        PerformanceProfile.of_classification(["1"], ["1"], [])
    with pytest.raises(ValueError, match="do not pair up"):
        PerformanceProfile.of_regression([1.0], [1.0, 2.0])


def test_regression_sums() -> None:
    profile = PerformanceProfile.of_regression([1.0, 2.0, math.nan, 5.0], [3.0, 2.0, 1.0, math.inf])
    assert profile == PerformanceProfile(count=2, abs_errors=(2.0,), squared_errors=(4.0,), invalid=2)


@briefly
@given(arrays(anything))
def test_input_is_not_changed(values: FloatArray) -> None:
    before = values.copy()
    profile = PerformanceProfile.of_regression(values, values[::-1])
    assert np.array_equal(values, before, equal_nan=True)
    assert profile.count + profile.invalid == values.size


@briefly
@given(classification(), classification(), classification())
def test_merge_laws(a: PerformanceProfile, b: PerformanceProfile, c: PerformanceProfile) -> None:
    assert a.merge(b) == b.merge(a)
    assert a.merge(b).merge(c) == a.merge(b.merge(c)) == c.merge(a).merge(b)
    assert a.merge(PerformanceProfile()) == a


@briefly
@given(classification())
def test_the_wire_keeps_everything(profile: PerformanceProfile) -> None:
    text = json.dumps(profile.to_wire(), allow_nan=False)
    assert PerformanceProfile.from_wire(json.loads(text)) == profile


@briefly
@given(st.lists(st.floats(-1e6, 1e6), max_size=40), st.integers(1, 5), st.randoms())
def test_regression_in_any_order_and_grouping(values: list[float], groups: int, random: Random) -> None:
    pairs = [(value, 0.1 * number) for number, value in enumerate(values)]
    whole = PerformanceProfile.of_regression(*(zip(*pairs, strict=True) if pairs else ([], [])))
    random.shuffle(pairs)
    merged = PerformanceProfile()
    for group in range(groups):
        part = pairs[group::groups]
        merged = merged.merge(PerformanceProfile.of_regression(*(zip(*part, strict=True) if part else ([], []))))
    assert merged == whole
    errors = [Fraction(abs(a - b)) for a, b in pairs]
    assert sum(map(Fraction, whole.abs_errors), Fraction()) == sum(errors, Fraction())


def test_profiles_of_earlier_releases_are_read() -> None:
    wire = PerformanceProfile.of_regression([1.0], [3.0]).to_wire()
    assert PerformanceProfile.from_wire(wire | {"abs_error_sum": 2.0, "log_loss_sum": 0.0}).abs_errors == (2.0,)
