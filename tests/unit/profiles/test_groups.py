"""Rows split as their keys say."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.profiles.strategies import briefly
from trimtab.profiles.groups import split


@briefly
@given(st.lists(st.tuples(st.integers(-3, 3), st.integers(0, 2), st.integers(5, 5)), min_size=1, max_size=30))
def test_split_gives_each_key_its_rows_in_their_order(rows: list[tuple[int, int, int]]) -> None:
    keys = [np.array(key) for key in zip(*rows, strict=True)]
    found = {key: np.arange(len(rows))[where].tolist() for key, where in split(*keys)}
    expected: dict[tuple[int, ...], list[int]] = {}
    for number, key in enumerate(rows):
        expected.setdefault(key, []).append(number)
    assert found == expected
