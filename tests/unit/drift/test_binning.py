from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.drift.checks import sample
from trimtab.drift.binning import binned, by_category
from trimtab.profiles import IDENTITY, CategoricalProfile, Frame, NumericProfile

values = st.lists(st.floats(-100, 100, allow_subnormal=False) | st.sampled_from([0.0, 1.0]), min_size=1, max_size=60)


@settings(max_examples=20, deadline=None)
@given(values, values, st.sampled_from([2, 10, 20]))
def test_no_value_is_lost_and_no_bin_is_empty(left: list[float], right: list[float], bins: int) -> None:
    reference, current = (NumericProfile.of(np.array(v), IDENTITY) for v in (left, right))
    expected, found = binned(reference, current, bins)
    assert (expected.sum(), found.sum()) == (len(left), len(right))
    assert ((expected + found) > 0).all()
    assert expected.size <= (bins if reference.cells.size > bins else 2 * bins + 1)
    assert reference.cells.size <= bins or (expected > 0).all()


def test_bins_have_about_equal_mass() -> None:
    reference = NumericProfile.of(sample(), Frame.of(sample()))
    expected, _ = binned(reference, reference, 10)
    assert expected.size == 10
    assert np.abs(expected / expected.sum() - 0.1).max() < 0.01


def test_a_new_value_between_two_known_ones_has_its_own_bin() -> None:
    flags = NumericProfile.of(np.array([0.0, 1.0] * 5), IDENTITY)
    current = NumericProfile.of(np.array([-1.0, 0.0, 0.5, 1.0, 2.0]), IDENTITY)
    expected, found = binned(flags, current, 10)
    assert expected.tolist() == [0, 5, 0, 5, 0]
    assert found.tolist() == [1, 1, 1, 1, 1]


def test_frames_must_agree() -> None:
    one = NumericProfile.of(np.array([1.0]), IDENTITY)
    with pytest.raises(ValueError, match="different frames"):
        binned(one, NumericProfile.of(np.array([1.0]), Frame(0.0, 2.0)), 10)


def test_a_whole_reference_is_compared_name_by_name() -> None:
    names, before, after = by_category(CategoricalProfile({"a": 2}), CategoricalProfile({"a": 1}, new={"b": 3}))
    assert names == ("a", "b")
    assert (before.tolist(), after.tolist()) == ([2, 0], [1, 3])


def test_a_curtailed_reference_is_compared_by_what_it_kept() -> None:
    reference = CategoricalProfile({"a": 2, "c": 0}, other=7)
    names, before, after = by_category(reference, CategoricalProfile({"a": 1, "c": 4}, other=1, new={"b": 3}))
    assert names == ("a", "c", None)
    assert (before.tolist(), after.tolist()) == ([2, 0, 7], [1, 4, 4])


@pytest.mark.parametrize("categories", [150, 1_000])
def test_unseen_categories_of_an_honest_window_are_no_drift(categories: int) -> None:
    """A short reference has not seen everything; what it missed must not look like a change."""
    from tests.unit.drift.checks import FEATURE
    from trimtab.drift.chi_squared import chi_squared
    from trimtab.drift.linf import linf
    from trimtab.profiles import Reference

    draw = np.random.default_rng(5)
    alarms = {"chi2": 0, "linf": 0}
    for _ in range(100):
        seen, later = ([str(n) for n in draw.integers(0, categories, size)] for size in (300, 200))
        reference = Reference.of("r", {}, {FEATURE: [*seen]}, {})
        before = reference.profile.categorical[FEATURE]
        after = CategoricalProfile.of(later, reference.known(FEATURE))
        for name, function in (("chi2", chi_squared), ("linf", linf)):
            p_value = function(before, after).p_value
            alarms[name] += p_value is not None and p_value <= 0.01
    assert max(alarms.values()) <= 4, alarms
