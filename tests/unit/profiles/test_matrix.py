"""Many features at once give what one after the other gives, and rows split as their keys say."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as nst

from tests.unit.profiles.strategies import briefly
from trimtab.profiles import Frame, NumericProfile
from trimtab.profiles.groups import split
from trimtab.profiles.matrix import numeric_profiles

FRAMES = [Frame(0.0, 1.0), Frame(3.0, 0.01), Frame(-1e6, 1e9)]
odd = st.one_of(st.floats(), st.floats(-10, 10), st.sampled_from([0.0, -0.0, math.nan, 1e200, -math.inf, 7.0]))


@briefly
@given(nst.arrays(np.float64, st.tuples(st.just(3), st.integers(0, 12)), elements=odd))
def test_a_matrix_is_profiled_as_its_rows(values: np.ndarray) -> None:
    found = numeric_profiles(values, FRAMES)
    for profile, row, frame in zip(found, values, FRAMES, strict=True):
        one = NumericProfile.of(row, frame)
        assert (profile.count, profile.missing, profile.non_finite) == (one.count, one.missing, one.non_finite)
        assert (profile.minimum, profile.maximum, profile.frame) == (one.minimum, one.maximum, one.frame)
        assert (profile.cells.tolist(), profile.counts.tolist()) == (one.cells.tolist(), one.counts.tolist())
        assert math.isclose(profile.mean, one.mean, rel_tol=1e-12, abs_tol=1e-300)
        assert math.isclose(profile.m2, one.m2, rel_tol=1e-9, abs_tol=1e-300)


@pytest.mark.parametrize("count", [1, 100, 511, 513, 20_000])
def test_small_and_large_windows_agree(count: int) -> None:
    values = np.random.default_rng(count).normal(size=(3, count))
    for profile, row, frame in zip(numeric_profiles(values, FRAMES), values, FRAMES, strict=True):
        one = NumericProfile.of(row, frame)
        assert profile.counts.tolist() == one.counts.tolist()
        assert profile.cells.tolist() == one.cells.tolist()


@briefly
@given(st.lists(st.tuples(st.integers(-3, 3), st.integers(0, 2), st.integers(5, 5)), min_size=1, max_size=30))
def test_split_gives_each_key_its_rows_in_their_order(rows: list[tuple[int, int, int]]) -> None:
    keys = [np.array(key) for key in zip(*rows, strict=True)]
    found = {key: np.arange(len(rows))[where].tolist() for key, where in split(*keys)}
    expected: dict[tuple[int, ...], list[int]] = {}
    for number, key in enumerate(rows):
        expected.setdefault(key, []).append(number)
    assert found == expected
