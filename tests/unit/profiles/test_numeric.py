import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.profiles.strategies import FRAME, anything, arrays, briefly, moderate, numeric
from trimtab.profiles import CELL_RELATIVE_WIDTH, IDENTITY, Frame, NumericProfile
from trimtab.profiles.cells import LAST_CELL, FloatArray


def same_but_for_last_bits(left: NumericProfile, right: NumericProfile) -> bool:
    """Everything but the moments to the bit; the moments within float summation's error."""
    exact = ("count", "missing", "non_finite", "minimum", "maximum", "frame")
    largest = max(abs(left.minimum), abs(left.maximum)) if left.count else 0.0
    return (
        all(getattr(left, name) == getattr(right, name) for name in exact)
        and np.array_equal(left.cells, right.cells)
        and np.array_equal(left.counts, right.counts)
        and math.isclose(left.mean, right.mean, rel_tol=1e-12, abs_tol=1e-14 * largest)
        and math.isclose(left.m2, right.m2, rel_tol=1e-9, abs_tol=1e-12 * left.count * largest**2)
    )


@briefly
@given(arrays(moderate.filter(bool)))
def test_moments(values: FloatArray) -> None:
    profile = NumericProfile.of(values, FRAME)
    assert profile.count == values.size
    if values.size:
        assert profile.mean == pytest.approx(values.mean(), rel=1e-12, abs=1e-9)
        assert profile.std == pytest.approx(values.std(), rel=1e-6, abs=1e-6)
        assert (profile.minimum, profile.maximum) == (values.min(), values.max())
        assert profile.counts.sum() == values.size


def test_missing_and_non_finite_are_told_apart() -> None:
    profile = NumericProfile.of(np.array([np.nan, np.inf, -np.inf, 1e141, 2.0, np.nan]), FRAME)
    assert (profile.count, profile.missing, profile.non_finite, profile.total) == (1, 2, 3, 6)
    assert profile.missing_rate == pytest.approx(5 / 6)
    assert NumericProfile.of(np.array([np.nan, np.inf]), FRAME).missing_rate == 1
    assert NumericProfile.empty(FRAME).missing_rate == 0


@pytest.mark.parametrize("parts", [1, 7])
def test_a_constant_has_exactly_no_spread(parts: int) -> None:
    profile = NumericProfile.empty(FRAME)
    for values in np.array_split(np.full(1_000, 0.1), parts):
        profile = profile.merge(NumericProfile.of(values, FRAME))
    assert (profile.mean, profile.std) == (0.1, 0.0)


def test_values_near_the_largest_do_not_overflow() -> None:
    profile = NumericProfile.of(np.array([1e140, -1e140]), FRAME).merge(NumericProfile.of(np.array([-1e140]), FRAME))
    assert math.isfinite(profile.m2)


@briefly
@given(arrays(anything))
def test_input_is_not_changed(values: FloatArray) -> None:
    before = values.copy()
    NumericProfile.of(values, FRAME)
    assert np.array_equal(values, before, equal_nan=True)


@briefly
@given(numeric, numeric)
def test_merge_is_commutative_to_the_bit(a: NumericProfile, b: NumericProfile) -> None:
    assert a.merge(b) == b.merge(a)


@briefly
@given(numeric, numeric, numeric)
def test_merge_is_associative(a: NumericProfile, b: NumericProfile, c: NumericProfile) -> None:
    assert same_but_for_last_bits(a.merge(b).merge(c), a.merge(b.merge(c)))


@briefly
@given(arrays(anything), arrays(anything))
def test_merged_parts_are_the_whole(left: FloatArray, right: FloatArray) -> None:
    merged = NumericProfile.of(left, FRAME).merge(NumericProfile.of(right, FRAME))
    assert same_but_for_last_bits(merged, NumericProfile.of(np.concatenate((left, right)), FRAME))


@briefly
@given(numeric)
def test_the_empty_profile_is_neutral(profile: NumericProfile) -> None:
    assert profile.merge(NumericProfile.empty(FRAME)) == profile


def test_the_merge_oracle_sees_a_mean_of_means() -> None:
    a, b = (NumericProfile.of(np.array(v), FRAME) for v in ([1.0], [2.0, 6.0, 9.0]))
    merged = a.merge(b)
    fields = {name: getattr(merged, name) for name in NumericProfile.__dataclass_fields__}
    assert same_but_for_last_bits(merged, NumericProfile(**fields))
    assert not same_but_for_last_bits(merged, NumericProfile(**{**fields, "mean": (a.mean + b.mean) / 2}))
    assert not same_but_for_last_bits(merged, NumericProfile(**{**fields, "m2": a.m2 + b.m2}))


def test_frames_must_agree() -> None:
    with pytest.raises(ValueError, match="different frames"):
        NumericProfile.empty(FRAME).merge(NumericProfile.empty(Frame(0.0, 2.0)))


@briefly
@given(arrays(moderate, 60).filter(len), st.floats(0, 1))
def test_a_quantile_is_in_the_exact_ones_cell(values: FloatArray, q: float) -> None:
    exact = float(np.quantile(values, q, method="inverted_cdf"))
    found = NumericProfile.of(values, FRAME).quantile(q)
    assert abs(found - exact) <= CELL_RELATIVE_WIDTH * abs(exact - FRAME.center) * 1.001 + 1e-9


def test_quantiles_at_the_ends() -> None:
    profile = NumericProfile.of(np.array([3.3, 1.1, 2.2]), FRAME)
    assert (profile.quantile(0), profile.quantile(1)) == (1.1, 3.3)
    assert math.isnan(NumericProfile.empty(FRAME).quantile(0.5))
    with pytest.raises(ValueError, match=r"in \[0, 1\]"):
        profile.quantile(1.5)


def test_quantiles_beyond_float32_end_at_the_extremes() -> None:
    profile = NumericProfile.of(np.array([-1e120, 1.0, 1e120]), Frame(0.0, 1.0))
    assert profile.quantile(0.99) <= 1e120
    assert profile.quantile(0.01) >= -1e120


@briefly
@given(numeric)
def test_the_wire_keeps_everything(profile: NumericProfile) -> None:
    text = json.dumps(profile.to_wire(), allow_nan=False)
    assert NumericProfile.from_wire(json.loads(text)) == profile


def test_an_empty_profile_has_no_extremes_on_the_wire() -> None:
    wire = NumericProfile.of(np.array([np.nan]), FRAME).to_wire()
    assert [wire[name] for name in ("mean", "minimum", "maximum")] == [None, None, None]


@pytest.mark.parametrize(
    "damage",
    [{"cells": [1]}, {"counts": [1, 1]}, {"cells": [4065, 4064]}, {"counts": [3, 0]}, {"mean": None}, {"count": 9}],
)
def test_a_damaged_wire_is_refused(damage: dict[str, Any]) -> None:
    wire = NumericProfile.of(np.array([10.0, 10.0, 24.0]), FRAME).to_wire()
    assert NumericProfile.from_wire(wire).count == 3
    with pytest.raises(ValueError, match="numeric profile"):
        NumericProfile.from_wire({**wire, **damage})


def test_cells_cannot_be_written_to() -> None:
    profile = NumericProfile.of(np.array([1.0]), FRAME)
    with pytest.raises(ValueError, match="read-only"):
        profile.counts[0] = 2
    assert profile != "a profile"


def test_size_is_bounded() -> None:
    spread = np.concatenate([s * np.logspace(-300, 139, 200_000) for s in (-1, 1)])
    assert NumericProfile.of(spread, Frame(0.0, 1.0)).cells.size <= 2 * 8161


@pytest.mark.parametrize("largest", [1, 255, 256, 65_535, 65_536, 2**32, 2**40])
def test_counts_of_any_size_survive_packing(largest: int) -> None:
    cells, counts = np.array([-1 - LAST_CELL, -3, LAST_CELL], np.int32), np.array([1, largest, 7], np.int64)
    profile = NumericProfile(int(counts.sum()), 2, 1, 0.5, 2.0, -9.0, 9.0, IDENTITY, cells, counts)
    assert NumericProfile.from_packed(profile.to_packed()) == profile


def test_nothing_survives_packing() -> None:
    assert NumericProfile.from_packed(NumericProfile.empty(IDENTITY).to_packed()) == NumericProfile.empty(IDENTITY)


@pytest.mark.parametrize("count", [5.5, 2**63, -1, None, "5"])
def test_a_damaged_count_is_refused(count: Any) -> None:
    packed = NumericProfile.of(np.arange(5.0), IDENTITY).to_packed()
    with pytest.raises(ValueError, match="numeric profile"):
        NumericProfile.from_packed([count, *packed[1:]])


def test_cells_in_rows_are_refused() -> None:
    wire = NumericProfile.of(np.arange(5.0), IDENTITY).to_wire()
    with pytest.raises(ValueError, match="numeric profile"):
        NumericProfile.from_wire({**wire, "cells": [wire["cells"]], "counts": [wire["counts"]]})


@pytest.mark.parametrize(
    "change", [lambda raw: raw[:-1], lambda raw: raw + b"\x01", lambda raw: raw * 2, lambda _: b""]
)
def test_damaged_counts_are_refused(change: Callable[[bytes], bytes]) -> None:
    packed = NumericProfile.of(np.arange(5.0), IDENTITY).to_packed()
    with pytest.raises(ValueError, match=r"profile|buffer"):
        NumericProfile.from_packed([*packed[:-1], change(packed[-1])])
