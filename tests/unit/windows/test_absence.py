"""A silence is told once when it has lasted, and once when it is over; what was not read is no silence."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from trimtab.windows import Absence

LIMIT = 100


@given(st.lists(st.tuples(st.sampled_from(["hear", "look"]), st.integers(1, 80)), max_size=60))
def test_it_alternates_and_is_right(steps: list[tuple[str, int]]) -> None:
    absence = Absence({"inputs": LIMIT}, now_ms=0)
    now = heard = 0
    told: list[bool] = []
    for what, later in steps:
        now += later
        if what == "hear":
            absence.hear(["inputs", "performance"], now)
            heard = now
        else:
            waits = absence.waits(now)
            changes = absence.changes(now)
            assert waits == (now - heard >= LIMIT and told[-1:] != [True])
            for change in changes:
                assert change.silent == (now - heard >= LIMIT)
                told.append(change.silent)
            if told:
                assert told[-1] == (now - heard >= LIMIT)
    assert all(first != second for first, second in pairwise(told))


def test_what_was_not_read_is_no_silence() -> None:
    absence = Absence({"inputs": LIMIT}, now_ms=0)
    assert absence.waits(1_000)
    assert absence.changes(50) == []
    assert [change.silent for change in absence.changes(1_000)] == [True]


def test_an_alert_of_before_the_start_is_resolved_when_something_comes() -> None:
    absence = Absence({"inputs": LIMIT}, now_ms=0)
    assert absence.changes(10) == []
    absence.hear(["inputs"], 20)
    assert [change.silent for change in absence.changes(30)] == [False]


def test_kinds_without_a_limit_may_be_silent() -> None:
    absence = Absence({}, now_ms=0)
    assert not absence.waits(10**12)
    assert absence.changes(10**12) == []
