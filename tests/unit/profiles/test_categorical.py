import json
from collections import Counter
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.profiles.strategies import briefly, categories, known
from trimtab.profiles import MAX_CATEGORIES, MAX_NAME_CHARS, MAX_NEW, CategoricalProfile

Names = list[str | None]


@briefly
@given(categories, known)
def test_every_value_is_counted_once(values: Names, admitted: frozenset[str] | None) -> None:
    profile = CategoricalProfile.of(values, admitted)
    there = Counter(value for value in values if value is not None)
    assert {**profile.counts, **profile.new} == there
    assert (profile.missing, profile.total, profile.count) == (values.count(None), len(values), there.total())
    assert admitted is None or profile.counts.keys() <= admitted


@briefly
@given(categories, categories, categories, known)
def test_merge_laws(a: Names, b: Names, c: Names, admitted: frozenset[str] | None) -> None:
    x, y, z = (CategoricalProfile.of(values, admitted) for values in (a, b, c))
    assert x.merge(y) == y.merge(x) == CategoricalProfile.of(a + b, admitted)
    assert x.merge(y).merge(z) == x.merge(y.merge(z))
    assert x.merge(CategoricalProfile.empty()) == x


many = st.lists(st.integers(0, 400).map(str), max_size=30)


@briefly
@given(many, many, many, st.sampled_from([None, frozenset(map(str, range(150)))]))
def test_merge_laws_hold_beyond_the_bound(
    a: list[str], b: list[str], c: list[str], admitted: frozenset[str] | None
) -> None:
    wide: list[str] = [str(n) for n in range(350)]
    x, y, z = (CategoricalProfile.of(values, admitted) for values in (wide + a, b, wide[::2] + c))
    whole = CategoricalProfile.of(wide + a + b + wide[::2] + c, admitted)
    for merged in (x.merge(y).merge(z), z.merge(x.merge(y)), y.merge(z).merge(x)):
        assert merged == whole
    assert len(whole.counts) <= MAX_CATEGORIES
    assert len(whole.new) <= MAX_NEW
    assert whole.other > 0


def test_keeping_the_most_frequent_would_break_the_law() -> None:
    """What the rule avoids: 'most frequent so far' depends on the grouping, here with a bound of 2."""

    def merge(left: Counter[str], right: Counter[str]) -> Counter[str]:
        return Counter(dict((left + right).most_common(2)))

    parts = [Counter(a=3, b=2), Counter(c=3, d=2), Counter(b=2, d=2)]
    assert reduce(merge, parts) != merge(parts[0], merge(parts[1], parts[2]))


def test_a_new_name_that_becomes_known_is_counted_there() -> None:
    before = CategoricalProfile.of(["a", "b"], frozenset("a"))
    after = CategoricalProfile.of(["b", "c"], frozenset("b"))
    assert before.merge(after) == CategoricalProfile({"a": 1, "b": 2}, new={"c": 1})


def test_long_names_and_lone_surrogates() -> None:
    wide: list[str | None] = [f"\ud800{n}" for n in range(300)]
    profile = CategoricalProfile.of(["x" * (MAX_NAME_CHARS + 1), *wide])
    assert profile.count == 301
    assert len(profile.counts) == MAX_CATEGORIES


def test_input_is_not_changed_by_a_merge() -> None:
    left, right = CategoricalProfile({"a": 1}), CategoricalProfile({"a": 2, "b": 1})
    left.merge(right)
    assert (left, right) == (CategoricalProfile({"a": 1}), CategoricalProfile({"a": 2, "b": 1}))


@briefly
@given(categories, known)
def test_the_wire_keeps_everything(values: Names, admitted: frozenset[str] | None) -> None:
    profile = CategoricalProfile.of(values, admitted)
    assert CategoricalProfile.from_wire(json.loads(json.dumps(profile.to_wire()))) == profile


@pytest.mark.parametrize("damage", [{"other": -1}, {"counts": {"a": -1}}, {"new": {"a": -1}}])
def test_a_damaged_wire_is_refused(damage: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="below zero"):
        CategoricalProfile.from_wire({**CategoricalProfile({"a": 1}).to_wire(), **damage})
