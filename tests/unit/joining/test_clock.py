"""No part is let go while what it waits for has still to be read."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from trimtab.joining import expiry_clock

SIDES = ("features", "predictions", "labels")


@given(st.lists(st.sampled_from(SIDES), max_size=300), st.integers(1, 100))
def test_whatever_the_speeds_no_side_is_overtaken(turns: list[str], count: int) -> None:
    """Every side has an event each ms, in order; those of one time belong together."""
    read = dict.fromkeys(SIDES, 0)
    for side in turns:
        read[side] = min(read[side] + 5, count)
        behind = [name for name in SIDES if read[name] < count]
        clock = expiry_clock({name: at for name, at in read.items() if at}, behind)
        if clock is not None and behind:
            assert clock <= min(read.values())


def test_a_side_that_ended_holds_nobody_back() -> None:
    clocks = {"predictions": 5_000, "labels": 100, "features": 50}
    assert expiry_clock(clocks, ["predictions"]) == 5_000
    assert expiry_clock(clocks, []) == 5_000
    assert expiry_clock(clocks, ["predictions", "features"]) == 50


def test_without_a_clock_nothing_is_let_go() -> None:
    assert expiry_clock({}, []) is None
    assert expiry_clock({"labels": 5}, ["labels", "features"]) is None
