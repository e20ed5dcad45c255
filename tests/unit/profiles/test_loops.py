"""The compiled loops give what NumPy gives, value by value, for numbers of every kind, size and layout."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as nst

from tests.unit.profiles.strategies import briefly
from trimtab.profiles import LARGEST, Frame, NumericProfile, cell_index, loops
from trimtab.profiles.cells import LAST_CELL, FloatArray

FRAMES = [Frame(0.0, 1.0), Frame(3.0, 0.01), Frame(-1e6, 1e9)]
odd = st.one_of(
    st.floats(),
    st.floats(-10, 10),
    st.sampled_from([0.0, -0.0, math.nan, 1e200, -math.inf, 7.0, LARGEST, -LARGEST, 5e-324, 3.0, 3.0 + 2**-51]),
)


def by_numpy(values: FloatArray, frame: Frame) -> NumericProfile:
    usable = values[np.abs(values) <= LARGEST]
    missing = int(np.isnan(values).sum())
    if not usable.size:
        return NumericProfile(missing=missing, non_finite=values.size - missing, frame=frame)
    cells, counts = np.unique(cell_index(usable, frame), return_counts=True)
    constant = usable.min() == usable.max()
    mean, m2 = (usable[0], 0.0) if constant else (usable.mean(), float(np.square(usable - usable.mean()).sum()))
    extremes = float(usable.min()) + 0.0, float(usable.max()) + 0.0
    non_finite = values.size - missing - usable.size
    return NumericProfile(usable.size, missing, non_finite, float(mean), m2, *extremes, frame, cells, counts)


def same(found: NumericProfile, expected: NumericProfile) -> bool:
    """Everything to the bit but mean and second moment, which may be rounded otherwise."""
    exact = ("count", "missing", "non_finite", "minimum", "maximum", "frame")
    largest = max(abs(expected.minimum), abs(expected.maximum)) if expected.count else 0.0
    return (
        all(getattr(found, name) == getattr(expected, name) for name in exact)
        and [math.copysign(1, found.minimum), math.copysign(1, found.mean)].count(-1.0)
        == [math.copysign(1, expected.minimum), math.copysign(1, expected.mean + 0.0)].count(-1.0)
        and found.cells.tolist() == expected.cells.tolist()
        and found.counts.tolist() == expected.counts.tolist()
        and (found.cells.dtype.name, found.counts.dtype.name) == ("int32", "int64")
        and math.isclose(found.mean, expected.mean, rel_tol=1e-12, abs_tol=1e-14 * largest)
        and math.isclose(found.m2, expected.m2, rel_tol=1e-9, abs_tol=1e-12 * found.count * largest**2)
    )


@briefly
@given(nst.arrays(np.float64, st.integers(0, 40), elements=odd), st.sampled_from(FRAMES))
def test_odd_numbers(values: FloatArray, frame: Frame) -> None:
    assert same(NumericProfile.of(values, frame), by_numpy(values, frame))


# Around the ends of the lanes, of a block and of several.
@pytest.mark.parametrize("count", [1, 3, 4, 5, 1_023, 1_024, 1_025, 2_048, 70_001])
@pytest.mark.parametrize("frame", FRAMES)
def test_every_length(count: int, frame: Frame) -> None:
    random = np.random.default_rng(count)
    values = random.normal(3, 2, count) * 10.0 ** random.integers(-3, 4, count)
    assert same(NumericProfile.of(values, frame), by_numpy(values, frame))
    values[random.random(count) < 0.1] = np.nan
    assert same(NumericProfile.of(values, frame), by_numpy(values, frame))


def test_the_oracle_sees_a_cell_and_a_moment_that_are_wrong() -> None:
    values = np.arange(1.0, 9.0)
    found = by_numpy(values, FRAMES[0])
    fields = {name: getattr(found, name) for name in NumericProfile.__dataclass_fields__}
    assert same(NumericProfile(**fields), found)
    for change in ({"cells": found.cells + np.int32(1)}, {"m2": found.m2 * 1.001}, {"mean": found.mean + 1e-6}):
        assert not same(NumericProfile(**{**fields, **change}), found)


def test_a_small_spread_far_from_zero_is_kept() -> None:
    values = 1e9 + np.random.default_rng(0).normal(size=50_000)
    assert NumericProfile.of(values, FRAMES[0]).std == pytest.approx(values.std(), rel=1e-9)


def test_any_layout_is_read() -> None:
    matrix = np.random.default_rng(1).normal(size=(50, 3))
    expected = by_numpy(np.ascontiguousarray(matrix[:, 1]), FRAMES[0])
    readonly = np.frombuffer(matrix[:, 1].tobytes())
    unaligned = np.frombuffer(b"x" + matrix[:, 1].tobytes(), np.float64, offset=1)
    for values in (matrix[:, 1], readonly, unaligned, matrix[::-1, 1], matrix[:, 1].astype(">f8")):
        assert same(NumericProfile.of(values, FRAMES[0]), expected)


def test_the_outermost_cells_are_counted() -> None:
    found = NumericProfile.of(np.array([-1e100, 1e100, 0.0]), FRAMES[0])
    assert found.cells.tolist() == [-1 - LAST_CELL, 0, LAST_CELL]
    assert -loops.CELLS // 2 <= -1 - LAST_CELL


def test_threads_do_not_share_what_they_count_in() -> None:
    values = np.random.default_rng(2).normal(size=200_000)
    expected = by_numpy(values, FRAMES[0])
    found: list[NumericProfile] = []
    threads = [
        threading.Thread(target=lambda: found.extend(NumericProfile.of(values, FRAMES[0]) for _ in range(20)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 80
    assert all(same(one, expected) for one in found)


histograms = st.dictionaries(st.integers(-50, 50), st.integers(1, 2**40), max_size=40)


@briefly
@given(histograms, histograms)
def test_histograms_are_added(left: dict[int, int], right: dict[int, int]) -> None:
    arrays = [(np.array(sorted(h), np.int32), np.array([h[c] for c in sorted(h)], np.int64)) for h in (left, right)]
    cells, counts = loops.merged(*arrays[0], *arrays[1])
    expected = {cell: left.get(cell, 0) + right.get(cell, 0) for cell in sorted({*left, *right})}
    assert list(zip(cells.tolist(), counts.tolist(), strict=True)) == list(expected.items())


def test_where_nothing_may_be_written_they_are_compiled_anyway(tmp_path: Path) -> None:
    """A container with a read-only file system: the code lies where no cache can, and home is no folder."""
    package = tmp_path / "trimtab" / "profiles"
    package.mkdir(parents=True)
    for name in ("loops", "frame"):
        (package / f"{name}.py").write_bytes((Path(loops.__file__).parent / f"{name}.py").read_bytes())
    for folder in (package, package.parent):
        (folder / "__init__.py").touch()
    (package / "__pycache__").write_text("no folder")
    home = tmp_path / "home"
    home.write_text("no folder")
    code = "from trimtab.profiles.loops import *; import numpy as np; print(total(np.ones(1, 'i4'), np.ones(1, 'i8')))"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "HOME": str(home), "XDG_CACHE_HOME": str(home)}
    environment.pop("NUMBA_CACHE_DIR", None)
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "1", done.stderr
