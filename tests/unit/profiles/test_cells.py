from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.profiles.strategies import arrays, briefly
from trimtab.profiles import CELL_RELATIVE_WIDTH, IDENTITY, Frame, cell_bounds, cell_index
from trimtab.profiles.cells import CellArray, FloatArray, merge_cells

finite = st.floats(allow_nan=False, allow_infinity=False)
FLOAT32_ROUNDING = 6.1e-8


@briefly
@given(arrays(finite), st.sampled_from([IDENTITY, Frame(-3.5, 1e-3), Frame(1e9, 1e12)]))
def test_cells_are_ordered_like_values(values: FloatArray, frame: Frame) -> None:
    assert (np.diff(cell_index(np.sort(values), frame)) >= 0).all()


def outside(values: FloatArray, cells: CellArray) -> FloatArray:
    """Values that lie outside of their cell's bounds by more than float32 rounding."""
    low, high = cell_bounds(cells)
    slack = np.abs(values) * FLOAT32_ROUNDING + 2e-45
    found: FloatArray = values[(values < low - slack) | (values > high + slack)]
    return found


@briefly
@given(arrays(finite))
def test_a_value_lies_in_its_cell(values: FloatArray) -> None:
    cells = cell_index(values, IDENTITY)
    assert outside(values, cells).size == 0
    # and the oracle sees a cell that is off by one
    ordinary = np.abs(values) > 1e-30
    low, high = cell_bounds(cells[ordinary] + np.where(values[ordinary] > 0, -2, 2))
    assert outside(values[ordinary], cells[ordinary] + np.where(values[ordinary] > 0, -2, 2).astype(np.int32)).size == (
        ordinary.sum()
    )
    assert (low <= high).all()


def test_cells_tile_the_line_and_keep_their_relative_width() -> None:
    low, high = cell_bounds(np.arange(-8161, 8161))
    assert (high[:-1] == low[1:]).all()
    assert low[0] == -np.inf
    assert high[-1] == np.inf
    ordinary = (low >= 2.0**-126) & np.isfinite(high)
    width = (high - low)[ordinary] / low[ordinary]
    assert width.max() <= CELL_RELATIVE_WIDTH == 1 / 32
    assert width.min() >= CELL_RELATIVE_WIDTH / 2 * (1 - 1e-5) / 1.02


def test_zero_has_one_cell_and_mirrored_values_mirrored_cells() -> None:
    assert cell_index(np.array([0.0, -0.0]), IDENTITY).tolist() == [0, 0]
    assert cell_index(np.array([5.0, -1e-300]), Frame(5.0, 2.0)).tolist()[0] == 0
    up, down = cell_index(np.array([2.7, -2.7]), IDENTITY).tolist()
    assert down == -1 - up


def test_no_value_is_too_far_out() -> None:
    cells = cell_index(np.array([-1e140, 1e39, 1e140]), Frame(0.0, 1e-140))
    assert cells.tolist() == [-8161, 8160, 8160]


def test_only_cells_have_bounds() -> None:
    with pytest.raises(ValueError, match="cells run from -8161 to 8160"):
        cell_bounds(8161)


def test_the_cells_of_parts_are_those_of_the_whole() -> None:
    values = np.linspace(-5, 5, 70_001)
    whole = cell_index(values, IDENTITY)
    assert np.array_equal(whole, np.concatenate([cell_index(v, IDENTITY) for v in np.array_split(values, 50)]))


cell_lists = st.lists(st.integers(-50, 50), max_size=40)


@briefly
@given(cell_lists, cell_lists)
def test_merging_adds_counts(left: list[int], right: list[int]) -> None:
    parts = [np.unique(np.array(x, np.int32), return_counts=True) for x in (left, right)]
    cells, counts = merge_cells(*parts[0], *parts[1])
    assert dict(zip(cells.tolist(), counts.tolist(), strict=True)) == Counter(left + right)
    assert (np.diff(cells) > 0).all()
