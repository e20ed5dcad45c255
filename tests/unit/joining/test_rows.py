"""Rows against a plain dictionary, through commits, restarts and rows that go, at the sizes at which memory grows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.joining.test_join import Memory
from trimtab.events.columns import Categories, Texts
from trimtab.events.tables import LabelTable, Sources
from trimtab.joining import rows as module
from trimtab.joining.hashing import hash_ids
from trimtab.joining.rows import Flag, Rows

KEY = (3, 5)


def labels(first: int, count: int) -> LabelTable:
    numbers = np.arange(first, first + count)
    ids = Texts.of([f"id-{number}" for number in numbers])
    where = Sources(0, numbers, numbers + 1_000)
    values = Categories.of(["1"] * count)
    return LabelTable(None, ids, numbers * 10, values, where)


class Model:
    """The rows, and what they must hold."""

    def __init__(self) -> None:
        self.store = Memory()
        self.rows: Rows[LabelTable] = Rows(self.store, b"l")  # type: ignore[arg-type]
        self.alive: set[int] = set()
        self.made = 0

    def add(self, count: int) -> None:
        table = labels(self.made, count)
        self.rows.add(table, hash_ids(table.ids, KEY), 0, 0)
        self.alive |= set(range(self.made, self.made + count))
        self.made += count

    def forget(self, numbers: list[int]) -> None:
        found = self.find(numbers)
        if found.size:
            self.rows.mark(found, Flag.GONE)
        self.alive -= set(numbers)

    def find(self, numbers: list[int]) -> np.ndarray:
        ids = Texts.of([f"id-{number}" for number in numbers])
        return self.rows.find(hash_ids(ids, KEY))[1]

    def commit(self) -> None:
        self.store.write(self.rows.changes())

    def restart(self) -> None:
        self.commit()
        self.rows = Rows(self.store, b"l")  # type: ignore[arg-type]

    def check(self) -> None:
        found = self.rows.find(hash_ids(Texts.of([f"id-{number}" for number in range(self.made)]), KEY))
        assert found[0].tolist() == sorted(self.alive)
        assert {(int(t) // 10) for _, table in self.rows.read(found[1]) for t in table.time_ms.tolist()} == self.alive
        assert len(self.rows.due(10**12)) == len(self.alive)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(1, 40)),
        st.tuples(st.just("forget"), st.integers(0, 60), st.integers(1, 60)),
        st.tuples(st.just("commit")),
        st.tuples(st.just("restart")),
    ),
    max_size=40,
)


@given(STEPS)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_comes_goes_and_is_read_again(monkeypatch: pytest.MonkeyPatch, steps: list[tuple[Any, ...]]) -> None:
    # As small as hypothesis' examples are, so that they reach every edge.
    monkeypatch.setattr(module, "_ROOM", 16)
    model = Model()
    for step in steps:
        if step[0] == "add":
            model.add(step[1])
        elif step[0] == "forget":
            model.forget([number for number in range(step[1], step[1] + step[2]) if number < model.made])
        elif step[0] == "commit":
            model.commit()
        else:
            model.restart()
        model.check()


def test_a_restart_after_the_first_rows_have_gone() -> None:
    model = Model()
    for _ in range(40):
        model.add(100)
        model.commit()
    model.forget(list(range(1_700)))
    model.restart()
    model.check()
    model.add(3_000)
    model.restart()
    model.check()


def test_a_restart_over_a_gap_wider_than_the_rows() -> None:
    model = Model()
    for _ in range(60):
        model.add(200)
        model.commit()
    model.forget(list(range(400, 11_000)))
    model.restart()
    model.check()
