"""The same numbers as SciPy's, and as formulas written out, on the same data."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import jensenshannon

from tests.unit.drift.checks import sample
from trimtab.drift.binning import binned
from trimtab.drift.chi_squared import chi_squared
from trimtab.drift.jensen_shannon import jensen_shannon
from trimtab.drift.ks import ks
from trimtab.drift.linf import linf
from trimtab.drift.psi import psi
from trimtab.drift.wasserstein import wasserstein
from trimtab.profiles import CategoricalProfile, Frame, NumericProfile
from trimtab.profiles.cells import FloatArray

SAMPLES: dict[str, tuple[FloatArray, FloatArray]] = {
    "shifted": (sample(), sample(1_000, seed=1) + 0.5),
    "wider": (sample(), sample(1_000, seed=1) * 1.5),
    "unchanged": (sample(), sample(1_000, seed=1)),
    "skewed": (np.exp(sample() / 2), np.exp(sample(1_000, seed=1) / 2 + 0.2)),
    "counts": (np.floor(np.abs(sample()) * 3), np.floor(np.abs(sample(1_000, seed=1)) * 4)),
    "far from zero": (sample() + 1e6, sample(1_000, seed=1) + 1e6 - 0.3),
}


def profiles(name: str) -> tuple[NumericProfile, NumericProfile]:
    reference, current = SAMPLES[name]
    frame = Frame.of(reference)
    return NumericProfile.of(reference, frame), NumericProfile.of(current, frame)


@pytest.mark.parametrize("name", SAMPLES)
def test_ks(name: str) -> None:
    reference, current = profiles(name)
    exact = stats.ks_2samp(*SAMPLES[name], method="asymp")
    found = ks(reference, current)
    cell_error = max(float(p.counts.max()) / p.count for p in (reference, current))
    assert exact.statistic - cell_error <= found.value <= exact.statistic + 1e-12
    assert found.p_value is not None
    assert found.p_value >= exact.pvalue * 0.99
    if name != "counts" and exact.pvalue > 1e-6:
        assert found.p_value == pytest.approx(exact.pvalue, rel=0.5)


def test_the_ks_bound_is_the_cells_error() -> None:
    reference, _ = profiles("shifted")
    assert reference.counts.max() / reference.count < 0.012


@pytest.mark.parametrize("name", SAMPLES)
def test_wasserstein(name: str) -> None:
    before, after = SAMPLES[name]
    exact = stats.wasserstein_distance(before, after) / before.std()
    assert wasserstein(*profiles(name)).value == pytest.approx(exact, rel=0.03, abs=0.01)


def test_wasserstein_of_a_constant_is_in_its_frames_scale() -> None:
    constant = np.full(100, 4.0)
    frame = Frame.of(constant)
    current = NumericProfile.of(constant + 3 * frame.scale, frame)
    assert wasserstein(NumericProfile.of(constant, frame), current).value == pytest.approx(3, rel=0.02)


@pytest.mark.parametrize("name", SAMPLES)
def test_jensen_shannon(name: str) -> None:
    expected, found = binned(*profiles(name), 20)
    assert jensen_shannon(*profiles(name)).value == pytest.approx(jensenshannon(expected, found, base=2), rel=1e-9)


@pytest.mark.parametrize("name", SAMPLES)
def test_psi_as_written_on_paper(name: str) -> None:
    expected, found = (counts.tolist() for counts in binned(*profiles(name), 10))
    total = 0.0
    for e, f in zip(expected, found, strict=True):
        p = (e + 0.5) / (sum(expected) + 0.5 * len(expected))
        q = (f + 0.5) / (sum(found) + 0.5 * len(found))
        total += (q - p) * math.log(q / p)
    assert psi(*profiles(name)).value == pytest.approx(total, rel=1e-9)


def test_psi_of_half_a_deviation_is_a_quarter() -> None:
    """For normals PSI is the squared shift: this pins units and base."""
    frame = Frame.of(sample())
    shifted = NumericProfile.of(sample() + 0.5, frame)
    assert psi(NumericProfile.of(sample(), frame), shifted).value == pytest.approx(0.25, rel=0.1)


counts = st.lists(st.tuples(st.integers(40, 500), st.integers(40, 500)), min_size=2, max_size=8)


def categorical(rows: list[tuple[int, int]]) -> tuple[CategoricalProfile, CategoricalProfile]:
    left, right = ({f"c{i}": row[side] for i, row in enumerate(rows)} for side in (0, 1))
    return CategoricalProfile(left), CategoricalProfile(right)


@settings(max_examples=20, deadline=None)
@given(counts)
def test_the_p_value_of_chi_squared(rows: list[tuple[int, int]]) -> None:
    exact = stats.chi2_contingency(np.array(rows).T, correction=False)
    assert chi_squared(*categorical(rows)).p_value == pytest.approx(exact.pvalue, rel=1e-9, abs=1e-300)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 500), min_size=2, max_size=8))
def test_cramers_v_of_equal_sizes(left: list[int]) -> None:
    rows = list(zip(left, left[::-1], strict=True))
    exact = stats.contingency.association(np.array(rows).T, method="cramer", correction=False)
    assert chi_squared(*categorical(rows)).value == pytest.approx(exact, rel=1e-9, abs=1e-9)


def test_cramers_v_of_unequal_sizes_is_that_of_equal_ones() -> None:
    rows = [(90, 60), (10, 40)]
    small = chi_squared(*categorical(rows))
    large = chi_squared(*categorical([(1_000 * a, b) for a, b in rows]))
    assert small.value == pytest.approx(large.value)
    plain = stats.contingency.association(np.array([(90_000, 10_000), (60, 40)]), correction=False)
    assert plain < 0.04 < small.value


@settings(max_examples=20, deadline=None)
@given(counts)
def test_linf(rows: list[tuple[int, int]]) -> None:
    left, right = (np.array(side) / sum(side) for side in zip(*rows, strict=True))
    assert linf(*categorical(rows)).value == pytest.approx(np.abs(left - right).max(), rel=1e-9)
