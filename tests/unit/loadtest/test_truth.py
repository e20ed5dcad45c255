"""The truth, against the peers' own definition of PSI and against a loop over the events."""

from __future__ import annotations

import math
from bisect import bisect_right

import pytest

from loadtest.peers.scripts.task import BINS, EDGES, FEATURES, psi
from loadtest.peers.stream import EVENTS_A_WINDOW, block
from loadtest.peers.truth import reference, truth_of


def test_each_window_is_the_same_whenever_it_is_made() -> None:
    again = block(3)
    assert (block(3).features == again.features).all()
    assert (block(3).scores == again.scores).all()
    assert not (block(4).features == again.features).any()


def test_psi_is_that_of_counting_one_by_one() -> None:
    found = truth_of(2)[block(1).start_ms]
    assert found.events == EVENTS_A_WINDOW
    for number, name in enumerate(FEATURES):
        counts = [0] * BINS
        for value in block(1).features[:, number].tolist():
            counts[bisect_right(EDGES, value)] += 1
        assert found.psi[name] == pytest.approx(psi(counts), rel=1e-9)


def test_both_definitions_agree_that_nothing_has_drifted() -> None:
    [window] = truth_of(1).values()
    for name in FEATURES:
        assert 0.0 < window.psi[name] < 0.01
        assert 0.0 < window.trimtab_psi[name] < 0.01


def test_an_empty_bin_costs_a_finite_amount() -> None:
    assert math.isfinite(psi([0] + [10] * 19))


def test_the_reference_is_the_same_each_time() -> None:
    assert reference() == reference()
