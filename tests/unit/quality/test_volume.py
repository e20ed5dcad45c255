"""The p-value of a count is right for Poisson and over-dispersed counts, and the memory is bounded and restorable."""

from __future__ import annotations

import math

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from trimtab.quality.volume import LEAST, MOST, Volume, p_value_of_count

COUNTS = st.lists(st.integers(0, 10**9), min_size=2, max_size=60)


@given(COUNTS, st.integers(0, 10**9))
def test_it_is_the_t_test_of_the_roots(before: list[int], count: int) -> None:
    roots = 2 * np.sqrt(np.array(before) + 0.375)
    spread = max(1.0, float(np.std(roots, ddof=1)))
    t = (2 * math.sqrt(count + 0.375) - roots.mean()) / (spread * math.sqrt(1 + 1 / len(before)))
    assert p_value_of_count(before, count) == pytest.approx(2 * stats.t.sf(abs(t), len(before) - 1), rel=1e-6)


@pytest.mark.parametrize("shape", [None, 50.0, 5.0, 2.0])
@pytest.mark.parametrize("mean", [5, 50, 1_000])
@pytest.mark.parametrize("size", [LEAST, 60])
def test_how_often_healthy_counts_look_wrong(shape: float | None, mean: int, size: int) -> None:
    draw = np.random.default_rng(17)
    shaped = draw.poisson(mean, (3_000, size + 1))
    if shape is not None:
        shaped = draw.negative_binomial(shape, shape / (shape + mean), (3_000, size + 1))
    found = np.array([p_value_of_count(row[:-1].tolist(), int(row[-1])) for row in shaped])
    # 0.05 of 3,000 is known to 0.004, and 0.01 to 0.0018; less is caution, as where the variance's floor bites.
    assert 0.02 < np.mean(found <= 0.05) < 0.065
    assert 0.001 < np.mean(found <= 0.01) < 0.016


def test_rare_events_are_judged_with_caution() -> None:
    draw = np.random.default_rng(18)
    rows = draw.poisson(1, (3_000, 61))
    found = np.array([p_value_of_count(row[:-1].tolist(), int(row[-1])) for row in rows])
    assert np.mean(found <= 0.05) < 0.03


@given(st.lists(st.integers(0, 200), max_size=400), st.integers(0, 400))
def test_a_successor_goes_on_and_memory_is_bounded(counts: list[int], at: int) -> None:
    one, other = Volume(2.0), Volume(2.0)
    for number, count in enumerate(counts):
        if number == at:
            other = Volume(2.0, orjson.loads(orjson.dumps(other.snapshot())))
        found = one.judge(count, 0.01)
        assert found == other.judge(count, 0.01)
        assert found is None or all(map(math.isfinite, found))
        state = one.snapshot()
        assert len(state["healthy"]) <= MOST
        assert len(state["wrong"]) < LEAST


def healthy(factor: float = 2.0) -> Volume:
    volume = Volume(factor)
    for count in [95, 105] * 10:
        assert volume.judge(count, 0.01) is None
    return volume


@pytest.mark.parametrize(
    ("count", "wrong"), [(0, True), (50, True), (51, False), (100, False), (199, False), (200, True)]
)
def test_far_fewer_and_far_more(count: int, wrong: bool) -> None:
    found = healthy().judge(count, 0.01)
    assert found is not None
    assert found.wrong == wrong
    assert found.ratio == count / 100


def test_what_may_be_chance_is_not_wrong() -> None:
    found = healthy(factor=1.1).judge(118, level=0.001)
    assert found is not None
    assert 0.001 < found.p_value < 0.2
    assert not found.wrong


def test_a_level_that_lasts_is_the_new_normal_and_an_outage_is_none() -> None:
    volume = healthy()
    for _ in range(LEAST + 5):
        found = volume.judge(0, 0.01)
        assert found is not None
        assert found.wrong
    for _ in range(LEAST):
        found = volume.judge(300, 0.01)
        assert found is not None
        assert found.wrong
    found = volume.judge(310, 0.01)
    assert found is not None
    assert (found.wrong, found.expected) == (False, 300)


def test_only_the_last_windows_are_remembered() -> None:
    volume = Volume(2.0)
    for count in range(3 * MOST):
        volume.judge(1_000 + count % 7, 1e-9)
    assert len(volume.snapshot()["healthy"]) == MOST


def test_wrong_windows_are_not_learnt() -> None:
    volume = healthy()
    for count in [0, 0, 0, 1_000, 1_000]:
        volume.judge(count, 0.01)
    found = volume.judge(100, 0.01)
    assert found is not None
    assert found.expected == 100
