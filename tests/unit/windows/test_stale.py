"""A version that is served long after another became champion is told once, and once when it is gone."""

from __future__ import annotations

from itertools import pairwise

import orjson
from hypothesis import given
from hypothesis import strategies as st

from trimtab.windows import Champion, Stale, Staleness

LIMIT = 100
STEPS = st.lists(
    st.tuples(st.sampled_from(["serve", "promote", "look"]), st.integers(1, 3), st.integers(1, 80)), max_size=60
)


def everything(_: int) -> bool:
    return True


@given(STEPS, st.booleans())
def test_it_alternates_and_says_what_is_so(steps: list[tuple[str, int, int]], restarts: bool) -> None:
    staleness, champion = Staleness(LIMIT), Champion(1, 0)
    now, heard, since = 0, dict.fromkeys((1, 2, 3), -LIMIT), dict.fromkeys((1, 2, 3), 0)
    since.pop(1)
    told: list[Stale] = []
    for what, version, later in steps:
        now += later
        if what == "serve":
            staleness.hear(version, now)
            heard[version] = now
        elif what == "promote" and version != champion.version:
            champion = Champion(version, now)
        elif what == "look":
            changes = staleness.changes(champion, everything, now)
            told += changes
            served = {v for v, ms in heard.items() if now - ms < LIMIT}
            long = {v for v in served if v != champion.version and heard[v] - champion.since_ms >= LIMIT}
            if long:
                assert told[-1].stale
            if not served - {champion.version} and told:
                assert not told[-1].stale
            for change in changes:
                assert change.champion == champion
                assert change.version != 0
                assert not change.stale or change.version in long
        if restarts:
            staleness = Staleness(LIMIT, orjson.loads(orjson.dumps(staleness.snapshot())))
    assert all(first.stale != second.stale for first, second in pairwise(told))
    assert not told or told[0].stale


def test_a_rollback_makes_the_newer_version_stale() -> None:
    staleness = Staleness(LIMIT)
    back = Champion(6, 1_000)
    for ms in (990, 1_050, 1_099):
        staleness.hear(6, ms)
        staleness.hear(7, ms)
        assert staleness.changes(back, everything, ms + 1) == []
    staleness.hear(7, 1_100)
    assert staleness.changes(back, everything, 1_101) == [Stale(True, 7, back, 1_100, LIMIT)]
    assert not staleness.waits(1_199)
    assert staleness.waits(1_200)
    assert staleness.changes(back, everything, 1_199) == []
    assert [change.stale for change in staleness.changes(back, everything, 1_200)] == [False]


def test_another_promotion_gives_it_no_new_time() -> None:
    staleness = Staleness(LIMIT)
    staleness.hear(1, 1_100)
    assert [change.stale for change in staleness.changes(Champion(2, 1_000), everything, 1_101)] == [True]
    staleness.hear(1, 1_150)
    assert staleness.changes(Champion(3, 1_120), everything, 1_151) == []
    assert staleness.told


def test_what_says_nothing() -> None:
    """No champion, no version named, a version that the registry does not have, no limit."""
    staleness = Staleness(LIMIT)
    for version in (0, 1):
        staleness.hear(version, 10_000)
    assert staleness.changes(None, everything, 10_001) == []
    assert staleness.changes(Champion(2, 0), lambda version: version == 2, 10_001) == []
    without = Staleness(None)
    without.hear(1, 10_000)
    assert without.changes(Champion(2, 0), everything, 10_001) == []
    assert not without.waits(10**12)
