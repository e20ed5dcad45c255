"""Nothing that came is lost or counted twice, and restarts, flushes and partitions change no window."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab.config import WindowSpec
from trimtab.windows import Arrivals, Arrived

SIZE, EVENTS, IDLE = 100, 120, 50
WHAT = ("used", "refused", "duplicates")
TOPICS = ("features", "predictions", "labels")
Event = tuple[str, int, str]


def events(seed: int) -> list[Event]:
    draw = random.Random(seed)
    return [(draw.choice(TOPICS), 10 * k + draw.randrange(10), draw.choice(WHAT)) for k in range(EVENTS)]


def record(found: list[tuple[Event, int]], partitions: int) -> dict[str, Any]:
    """One flush: events with their partitions."""
    rows: dict[tuple[str, int, int], Any] = {}
    for (topic, ms, what), partition in found:
        empty = {"latest_ms": 0, "used": 0, "refused": 0, "duplicates": 0}
        row = rows.setdefault((topic, partition, ms - ms % SIZE), empty)
        row[what] += 1
        row["latest_ms"] = max(row["latest_ms"], ms)
    names = ("topic", "partition", "start_ms")
    return {
        "source_partitions": partitions,
        "arrivals": [dict(zip(names, key, strict=True)) | row for key, row in rows.items()],
    }


def played(found: list[Event], partitions: int, seed: int, *, restarts: bool) -> list[Arrived]:
    draw = random.Random(seed)
    spec = WindowSpec(size=SIZE, idle_timeout=10**9)
    arrivals, out = Arrivals(spec, 0), []
    # A clock must not run ahead of a partition that was not read yet, as a consumer that is behind would make it.
    records = [record([(("features", 0, "used"), p) for p in range(partitions)], partitions)]
    records += [record([((topic, 0, "used"), p) for p in range(partitions)], partitions) for topic in TOPICS[1:]]
    dealt = [(event, draw.randrange(partitions)) for event in found]
    while dealt:
        size = draw.randrange(1, 30)
        some, dealt = dealt[:size], dealt[size:]
        draw.shuffle(some)
        records.append(record(some, partitions))
    for offset, one in enumerate(records):
        out += arrivals.step(offset, one, 0)
        if restarts:
            arrivals = Arrivals(spec, 0, orjson.loads(orjson.dumps(arrivals.snapshot())))
            for again in range(draw.randrange(offset + 1), offset + 1):
                assert arrivals.step(again, records[again], 0) == []
    return out + arrivals.tick(dict.fromkeys(range(partitions), 10**9))


def numbers(windows: list[Arrived], first: int) -> list[Arrived]:
    """Without the events at 0 that start the clocks, which depend on the number of partitions."""
    return [w._replace(used=w.used - first) if w.start_ms == 0 else w for w in windows]


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 4), st.booleans())
def test_the_same_windows(seed: int, partitions: int, restarts: bool) -> None:
    found = events(seed)
    windows = played(found, partitions, seed, restarts=restarts)
    wanted: dict[int, Counter[str]] = {}
    for _, ms, what in found:
        wanted.setdefault(ms - ms % SIZE, Counter())[what] += 1
    assert numbers(windows, 3 * partitions) == [
        Arrived(start, start + SIZE, *(wanted[start][what] for what in WHAT)) for start in sorted(wanted)
    ]


@given(st.lists(st.tuples(st.integers(0, 500), st.sampled_from(WHAT), st.booleans()), max_size=50))
def test_nothing_is_lost_in_any_order(steps: list[tuple[int, str, bool]]) -> None:
    arrivals = Arrivals(WindowSpec(size=SIZE, idle_timeout=IDLE), 0)
    out: list[Arrived] = []
    for offset, (ms, what, ends) in enumerate(steps):
        out += arrivals.step(offset, record([(("labels", ms, what), 0)], 1), ms)
        if ends:
            out += arrivals.tick({0: ms + IDLE})
    out += arrivals.tick({0: 10**6})
    for place, what in enumerate(WHAT):
        assert sum(window[2 + place] for window in out) == sum(step[1] == what for step in steps)
    starts = [window.start_ms for window in out]
    assert starts == sorted(set(starts))


def test_a_service_whose_every_event_is_refused_is_told_of() -> None:
    arrivals = Arrivals(WindowSpec(size=SIZE, idle_timeout=IDLE), 0)
    assert arrivals.step(0, record([(("predictions", 20, "refused"), 0)], 1), 20) == []
    assert arrivals.waits(120)
    assert arrivals.tick({0: 99}) == []
    assert arrivals.tick({0: 100}) == [Arrived(0, 100, refused=1)]
    assert not arrivals.waits(10**9)


def test_windows_by_count_are_as_long_as_they_can_be() -> None:
    arrivals = Arrivals(WindowSpec(size=SIZE, count=10, longest=500, idle_timeout=IDLE), 0)
    arrivals.step(0, record([(("labels", 120, "used"), 0), (("labels", 480, "used"), 0)], 1), 0)
    assert arrivals.tick({0: 10**6}) == [Arrived(0, 500, used=2)]
