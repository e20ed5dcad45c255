"""Retention takes what it may and nothing that is needed, whatever was promoted, imported, pinned or deleted before."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from trimtab.config import RetentionSpec
from trimtab.training import Inventory
from trimtab.training.inventory import runs, said


@st.composite
def inventories(draw: st.DrawFn) -> Inventory:
    """Versions of any history: each has a parent below it, which may be gone."""
    numbers = draw(st.sets(st.integers(1, 60), max_size=25))
    held = Inventory(used=set(draw(st.sets(st.integers(1, 80), max_size=5))))
    for number in numbers:
        parent = draw(st.one_of(st.none(), st.integers(1, number - 1))) if number > 1 else None
        held.add(number, parent, served=draw(st.booleans()))
        if draw(st.integers(0, 5)) == 0:
            held.pinned.add(number)
    return held


def has_a_reason(held: Inventory, version: int, spec: RetentionSpec, needed: set[int]) -> bool:
    """Why a version stays by itself, asked of that version alone."""
    newer = sum(other > version for other in held.parents)
    return (
        newer < spec.keep_last
        or (spec.keep_champions and version in held.served)
        or version in held.pinned
        or version in needed
    )


@given(inventories(), st.integers(1, 8), st.booleans(), st.sets(st.integers(1, 60), max_size=4))
def test_what_has_a_reason_stays_with_its_parent_and_all_else_goes(
    held: Inventory, keep_last: int, keep_champions: bool, needed: set[int]
) -> None:
    spec = RetentionSpec(keep_last=keep_last, keep_champions=keep_champions)
    gone = held.expired(spec, needed)
    reasons = {version for version in held.parents if has_a_reason(held, version, spec, needed)}
    parents = {held.parents[version] for version in reasons}
    assert gone == sorted(v for v in held.parents if v not in reasons and v not in parents)
    for version in gone:
        held.remove(version)
    # A second look finds no more reasons to keep, so a parent's parent stays while the parent is only a parent.
    assert not set(held.expired(spec, needed)) & reasons
    assert held.used >= set(gone)


@given(inventories())
def test_the_checkpoint_has_all_of_it(held: Inventory) -> None:
    assert Inventory.from_wire(held.to_wire()) == held


def test_ten_thousand_versions_are_a_few_bytes_of_a_checkpoint() -> None:
    held = Inventory()
    for version in range(1, 10_001):
        held.add(version, version - 1 or None, served=True)
    assert held.to_wire() == {
        "versions": [[1, 1, 0], [2, 10_000, 1]],
        "served": [[1, 10_000]],
        "pinned": [],
        "used": [[1, 10_000]],
    }


@given(st.sets(st.integers(1, 50)))
def test_runs_hold_each_number_once(numbers: set[int]) -> None:
    found = runs(numbers)
    assert [n for first, last in found for n in range(first, last + 1)] == sorted(numbers)
    assert all(after[0] > before[1] + 1 for before, after in pairwise(found))
    assert said(numbers).count(",") == max(0, len(found) - 1)


def test_what_an_earlier_release_left_is_counted_from_its_manifests() -> None:
    manifests: dict[int, dict[str, Any]] = {
        2: {"parent": 1},
        3: {"parent": None},
        9: {"parent": None, "imported": {"order": "a"}},
    }
    held = Inventory.of(manifests, pinned=[3, 40], next_version=6)
    assert held.parents == {2: 1, 3: None, 9: None}
    assert held.served == {2, 3}
    assert held.pinned == {3}
    assert held.used == {1, 2, 3, 4, 5, 9}
