"""Histograms for people: shares that add up to one, in bins that hold what they say."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.drift import histogram_of
from trimtab.profiles import CategoricalProfile, Frame, NumericProfile

numbers = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=200)


@given(numbers, numbers)
def test_shares_add_up_whatever_the_values(left: list[float], right: list[float]) -> None:
    frame = Frame.of(np.array(left))
    found = histogram_of(NumericProfile.of(np.array(left), frame), NumericProfile.of(np.array(right), frame))
    assert found is not None
    assert len(found["labels"]) == len(found["reference"]) == len(found["window"])
    assert sum(found["reference"]) == pytest.approx(1, abs=1e-4)
    assert sum(found["window"]) == pytest.approx(1, abs=1e-4)


def test_it_counts_what_numpy_counts() -> None:
    draw = np.random.default_rng(3)
    before, after = draw.normal(size=50_000), draw.normal(0.5, size=20_000)
    frame = Frame.of(before)
    found = histogram_of(NumericProfile.of(before, frame), NumericProfile.of(after, frame))
    assert found is not None
    edges = np.linspace(float(np.quantile(before, 0.005)), float(np.quantile(before, 0.995)), 17)
    for shares, values in ((found["reference"], before), (found["window"], after)):
        wanted = np.histogram(values, [-np.inf, *edges, np.inf])[0] / len(values)
        assert np.abs(np.array(shares) - wanted).max() < 0.01


def test_a_constant_has_one_bin_and_what_lies_beside_it() -> None:
    frame = Frame(0.0, 1.0)
    found = histogram_of(NumericProfile.of(np.full(9, 5.0), frame), NumericProfile.of(np.array([1.0, 5.0]), frame))
    assert found == {"labels": ["below 5", "5", "above 5"], "reference": [0, 1, 0], "window": [0.5, 0.5, 0]}


def test_rare_categories_are_pooled() -> None:
    before = CategoricalProfile({f"c{k}": 100 - k for k in range(30)})
    found = histogram_of(before, CategoricalProfile({"c0": 1, "new": 3}))
    assert found is not None
    assert found["labels"][-1] == "(others)"
    assert found["labels"][0] == "new"
    assert sum(found["reference"]) == pytest.approx(1, abs=1e-4)


def test_nothing_to_show() -> None:
    frame = Frame(0.0, 1.0)
    one = NumericProfile.of(np.array([1.0]), frame)
    assert histogram_of(NumericProfile.empty(frame), one) is None
    assert histogram_of(one, CategoricalProfile({"a": 1})) is None
    assert histogram_of(one, NumericProfile.of(np.array([1.0]), Frame(0.0, 2.0))) is None
