"""Counting who serves which version."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from trimtab.windows.followers import EVERY_MS, GONE_AFTER_MS, Followers

STEPS = st.lists(
    st.tuples(st.sampled_from("abcd"), st.one_of(st.none(), st.integers(0, 3)), st.integers(0, 9_000)), max_size=60
)


@given(STEPS, st.booleans())
def test_as_counted_by_one_who_remembers_everything(steps: list[tuple[str, int | None, int]], restart: bool) -> None:
    followers, now_ms = Followers(), 0
    heard: dict[str, tuple[int, int]] = {}
    told: set[int] = set()
    for instance, version, later_ms in steps:
        now_ms += later_ms
        if version is None:
            followers.end(instance)
            heard.pop(instance, None)
        else:
            followers.hear(instance, version, now_ms)
            heard[instance] = version, now_ms
        counts = followers.counts(now_ms)
        if counts is None:
            continue
        alive = Counter(v for v, ms in heard.values() if now_ms - ms < GONE_AFTER_MS)
        assert counts == {v: alive[v] for v in {*alive, *told}}
        told = set(alive)
        if restart:
            followers = Followers(followers.snapshot())
            for other, (served, ms) in heard.items():
                followers.hear(other, served, ms)


def test_counts_are_told_at_even_times() -> None:
    followers = Followers()
    followers.hear("a", 1, 0)
    told = [now_ms for now_ms in range(0, 3 * EVERY_MS, 100) if followers.counts(now_ms)]
    assert told == [0, EVERY_MS, 2 * EVERY_MS]
