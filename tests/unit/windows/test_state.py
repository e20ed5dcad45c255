"""Windows: nothing lost, nothing twice, the same result in any order and after any restart."""

from __future__ import annotations

from collections import Counter
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab.config import WindowSpec
from trimtab.profiles import CategoricalProfile, WindowProfile
from trimtab.windows import ClosedWindow, WindowKey, WindowState

SIZE = 100
Event = tuple[int, int]  # partition, event time


def piece(kind: str, start: int, count: int, partition: int = 0, **other: Any) -> dict[str, Any]:
    profile = WindowProfile(count, {}, {"colour": CategoricalProfile({"red": count})})
    return {
        "kind": kind,
        "version": 1,
        "reference": None,
        "segment": "",
        "start_ms": start,
        "end_ms": start + SIZE,
        "last_produced_ms": start,
        "offsets": [{"partition": partition, "first": start, "last": start + count}],
        "sketch": profile.to_bytes(),
        **other,
    }


def batch(events: list[Event], clocks: dict[int, int], partitions: int, kind: str = "inputs") -> dict[str, Any]:
    """What a collector's flush of these events looks like."""
    counts = Counter((time // SIZE * SIZE, partition) for partition, time in events)
    return {
        "model": "m",
        "source_partitions": partitions,
        "clocks": [{"kind": kind, "partition": p, "time_ms": t} for p, t in clocks.items()],
        "counts": {},
        "profiles": [piece(kind, start, n, partition) for (start, partition), n in counts.items()],
    }


def records_of(flushes: list[list[Event]], partitions: int) -> list[dict[str, Any]]:
    clocks: dict[int, int] = {}
    records = []
    for events in flushes:
        for partition, time in events:
            clocks[partition] = max(time, clocks.get(partition, time))
        records.append(batch(events, dict(clocks), partitions))
    return records


def totals(closed: list[ClosedWindow]) -> dict[int, int]:
    found: Counter[int] = Counter()
    for window in closed:
        found[window.key.start_ms] += window.profile.count
    return dict(found)


def tick(state: WindowState, now_ms: int) -> list[ClosedWindow]:
    """Everything was read up to now."""
    return state.tick(dict.fromkeys(range(3), now_ms))


def end(state: WindowState) -> list[ClosedWindow]:
    return tick(state, 10**15)


SPECS = {
    "tumbling": WindowSpec(size=SIZE),
    "hopping": WindowSpec(size=3 * SIZE, hop=SIZE),
    "by count": WindowSpec(size=SIZE, count=6, longest=4 * SIZE),
}
whole = st.sampled_from(["tumbling", "by count"])

streams = st.integers(1, 3).flatmap(
    lambda partitions: st.tuples(
        st.just(partitions),
        st.lists(st.lists(st.tuples(st.integers(0, partitions - 1), st.integers(0, 1_000)), max_size=5), max_size=25),
    )
)


@given(streams, st.integers(0, 150), whole)
def test_nothing_vanishes(stream: tuple[int, list[list[Event]]], lateness: int, windows: str) -> None:
    partitions, flushes = stream
    state = WindowState(SPECS[windows].model_copy(update={"lateness": lateness}), now_ms=0)
    closed: list[ClosedWindow] = []
    for offset, record in enumerate(records_of(flushes, partitions)):
        closed += state.step(offset, record, now_ms=0)
    closed += end(state)
    assert len({window.key for window in closed}) == len(closed)
    late = sum(event.count for event in state.take_late())
    assert sum(totals(closed).values()) + late == sum(map(len, flushes))
    assert sorted(state.release()) == list(range(len(flushes)))
    assert state.open_windows == 0


@given(st.data(), st.lists(st.lists(st.integers(0, 30), max_size=30), min_size=1, max_size=3))
def test_partitions_that_run_apart_give_the_same_windows(data: st.DataObject, steps: list[list[int]]) -> None:
    """Each partition is in order; how they are interleaved does not matter."""
    queues = []
    for partition, gaps in enumerate(steps):
        clock, queue = 0, []
        for gap in gaps:
            clock += gap
            queue.append((partition, clock))
        queues.append(queue)
    expected = Counter(time // SIZE * SIZE for queue in queues for _, time in queue)
    order = data.draw(st.permutations([p for p, queue in enumerate(queues) for _ in queue]))
    flushes = [[queues[p].pop(0)] for p in order]
    state = WindowState(WindowSpec(size=SIZE), now_ms=0)
    closed: list[ClosedWindow] = []
    for offset, record in enumerate(records_of(flushes, len(steps))):
        closed += state.step(offset, record, now_ms=0)
    closed += end(state)
    assert totals(closed) == dict(expected)
    assert not state.take_late()


class Log:
    """A role in small: keeps what was committed, acknowledges, and can crash between any two records."""

    def __init__(self, records: list[dict[str, Any]], spec: WindowSpec) -> None:
        self.records, self.spec = records, spec
        self.snapshot: dict[str, Any] = {}
        self.acked: set[int] = set()
        self.outputs: list[tuple[WindowKey, int]] = []
        self.late = 0

    def commit(self, state: WindowState, closed: list[ClosedWindow]) -> None:
        self.late += sum(event.count for event in state.take_late())
        self.outputs += [(window.key, window.profile.count) for window in closed]
        self.snapshot = orjson.loads(orjson.dumps(state.snapshot()))
        self.acked |= set(state.release())

    def run(self, until: int) -> None:
        first = next((o for o in range(len(self.records)) if o not in self.acked), len(self.records))
        state = WindowState.restore(self.snapshot, self.spec, now_ms=0)
        for offset in range(first, until):
            closed = state.step(offset, self.records[offset], now_ms=0)
            if closed:
                self.commit(state, closed)
        if until == len(self.records):
            self.commit(state, end(state))


@settings(max_examples=300)
@given(streams, st.lists(st.integers(0, 25), max_size=4), st.integers(0, 50), st.sampled_from(sorted(SPECS)))
def test_crashes_change_nothing(
    stream: tuple[int, list[list[Event]]], crashes: list[int], lateness: int, windows: str
) -> None:
    partitions, flushes = stream
    records = records_of(flushes, partitions)
    spec = SPECS[windows].model_copy(update={"lateness": lateness})
    calm, shaken = Log(records, spec), Log(records, spec)
    calm.run(len(records))
    for crash in crashes:
        shaken.run(min(crash, len(records) - 1)) if records else None
    shaken.run(len(records))
    assert shaken.outputs == calm.outputs
    assert shaken.late == calm.late


def test_the_slowest_partition_holds_the_watermark() -> None:
    state = WindowState(WindowSpec(size=SIZE, idle_timeout=10_000), now_ms=0)
    assert state.step(0, batch([(0, 950)], {0: 950}, 2), now_ms=0) == []
    assert state.step(1, batch([(1, 10)], {0: 950, 1: 10}, 2), now_ms=1) == []
    [window] = state.step(2, batch([(1, 120)], {0: 950, 1: 120}, 2), now_ms=2)
    assert window.key.start_ms == 0
    assert not state.has_late


def test_a_silent_partition_holds_for_the_idle_timeout_only() -> None:
    state = WindowState(WindowSpec(size=SIZE, idle_timeout=1_000), now_ms=0)
    state.step(0, batch([(0, 50)], {0: 50}, 2), now_ms=0)
    assert state.step(1, batch([(0, 250)], {0: 250}, 2), now_ms=999) == []
    assert [window.key.start_ms for window in tick(state, 1_000)] == [0]


def test_a_partition_with_unread_records_is_not_silent() -> None:
    state = WindowState(WindowSpec(size=SIZE, idle_timeout=1_000), now_ms=0)
    state.step(0, batch([(0, 50)], {0: 50}, 2), now_ms=0)
    assert state.step(1, batch([(0, 250)], {0: 250}, 2), now_ms=5_000) == []
    assert not state.waits(999)
    assert state.waits(5_000)
    assert state.tick({0: 5_000, 1: 999}) == []
    assert state.step(2, batch([(1, 60)], {0: 250, 1: 60}, 2), now_ms=9_000) == []
    assert [window.profile.count for window in state.tick({0: 5_500, 1: 10_000})] == [2]
    assert not state.has_late


def test_constant_event_times_are_a_sign_of_life() -> None:
    state = WindowState(WindowSpec(size=SIZE, idle_timeout=1_000), now_ms=0)
    for now in range(0, 5_000, 500):
        assert state.step(now, batch([(0, 50)], {0: 50}, 1), now_ms=now) == []
    assert [window.profile.count for window in tick(state, 5_500)] == [10]


def test_a_window_does_not_close_before_its_end_because_its_stream_is_slow() -> None:
    """One event in a while is idle all the time; what it says of the hour that goes on is not late."""
    state = WindowState(WindowSpec(size=SIZE, idle_timeout=10), now_ms=1_000_000)
    assert state.step(0, batch([(0, 1_000_010)], {0: 1_000_010}, 1), now_ms=1_000_010) == []
    assert not state.waits(1_000_019)
    assert state.waits(1_000_020)
    assert state.tick({0: 1_000_050}) == []
    assert not state.waits(1_000_099)
    assert state.step(1, batch([(0, 1_000_060)], {0: 1_000_060}, 1), now_ms=1_000_060) == []
    assert state.tick({0: 1_000_099}) == []
    assert state.waits(1_000_100)
    assert [window.profile.count for window in state.tick({0: 1_000_100})] == [2]
    assert not state.has_late


def test_late_events_are_counted_by_window_once() -> None:
    state = WindowState(WindowSpec(size=SIZE), now_ms=0)
    state.step(0, batch([(0, 150)], {0: 150}, 1), now_ms=0)
    state.step(1, batch([(0, 20), (0, 30)], {0: 150}, 1), now_ms=0)
    assert [(event.key.start_ms, event.count) for event in state.take_late()] == [(0, 2)]
    assert state.take_late() == []
    assert state.snapshot()["late"] == {"inputs": 2}


def test_a_replay_closes_nothing_before_it_is_complete() -> None:
    """However long it takes: else pieces that come back later would be dropped as already counted."""
    spec = WindowSpec(size=SIZE, idle_timeout=1_000)
    records = records_of([[(0, 150)], [(1, 150)], [(0, 160)], [(1, 210)]], 2)
    first = WindowState(spec, now_ms=0)
    for offset, record in enumerate(records):
        first.step(offset, record, now_ms=0)
    again = WindowState.restore(first.snapshot(), spec, now_ms=0)
    assert again.step(0, records[0], now_ms=0) == []
    assert tick(again, 5_000) == []
    for offset in (1, 2, 3):
        assert again.step(offset, records[offset], now_ms=5_000) == []
    assert [window.profile.count for window in tick(again, 10_000)] == [3, 1]


def test_references_and_segments_are_windows_of_their_own() -> None:
    state = WindowState(WindowSpec(size=SIZE), now_ms=0)
    profiles = [piece("inputs", 0, 1), piece("inputs", 0, 2, reference="r"), piece("inputs", 0, 3, segment="a=b")]
    state.step(0, batch([], {}, 1) | {"profiles": profiles}, now_ms=0)
    assert [window.profile.count for window in end(state)] == [3, 1, 2]


def test_a_damaged_record_changes_nothing() -> None:
    state = WindowState(WindowSpec(size=SIZE), now_ms=0)
    damaged = batch([], {}, 1) | {"profiles": [piece("inputs", 0, 1), piece("inputs", 0, 1, sketch=b"{}")]}
    with pytest.raises(ValueError, match="profile record"):
        state.step(0, damaged, now_ms=0)
    assert (state.open_windows, state.release()) == (0, [0])


def test_an_event_may_be_late_for_one_hopping_window_and_in_time_for_the_next() -> None:
    state = WindowState(SPECS["hopping"], now_ms=0)
    state.step(0, batch([(0, 150)], {0: 150}, 1), now_ms=0)
    closed = state.step(1, batch([(0, 20), (0, 320)], {0: 320}, 1), now_ms=0)
    assert [(window.key.start_ms, window.key.end_ms, window.profile.count) for window in closed] == [
        (-100, 200, 2),
        (0, 300, 2),
    ]
    assert [(event.key.start_ms, event.count) for event in state.take_late()] == [(0, 1)]


def test_a_hopping_window_goes_on_after_a_restart() -> None:
    records = records_of([[(0, 50)], [(0, 150)], [(0, 250)], [(0, 350)]], 1)
    first = WindowState(SPECS["hopping"], now_ms=0)
    for offset, record in enumerate(records[:3]):
        first.step(offset, record, now_ms=0)
    assert first.release() == []
    again = WindowState.restore(first.snapshot(), SPECS["hopping"], now_ms=0)
    closed = [window for offset, record in enumerate(records) for window in again.step(offset, record, now_ms=0)]
    assert [(window.key.start_ms, window.profile.count) for window in closed] == [(0, 3)]
    assert again.release() == [0]


def test_a_window_by_count_goes_on_until_it_is_full_or_too_long() -> None:
    state = WindowState(SPECS["by count"], now_ms=0)
    events = [(0, 10)] * 4 + [(0, 110)] * 3 + [(0, 210), (0, 610), (0, 990)]
    closed = state.step(0, batch(events, {0: 990}, 1), now_ms=0)
    found = [(window.key.start_ms, window.key.end_ms, window.profile.count) for window in closed]
    assert found == [(0, 200, 7), (200, 600, 1)]


def test_a_quiet_stream_does_not_cut_a_window_by_count() -> None:
    """Before it is as long as it may be; what comes in time for it is in it."""
    state = WindowState(SPECS["by count"].model_copy(update={"idle_timeout": 10}), now_ms=1_000_000)
    state.step(0, batch([(0, 1_000_010)], {0: 1_000_010}, 1), now_ms=1_000_010)
    assert state.tick({0: 1_000_250}) == []
    assert state.snapshot()["begun"] == [["inputs", 1, None, "", 1_000_000]]
    assert not state.waits(1_000_399)
    state.step(1, batch([(0, 1_000_260)], {0: 1_000_260}, 1), now_ms=1_000_260)
    [window] = state.tick({0: 1_000_400})
    assert (window.key.start_ms, window.key.end_ms, window.profile.count) == (1_000_000, 1_000_300, 2)
    assert (state.snapshot()["begun"], state.open_windows, state.release()) == ([], 0, [0, 1])


@given(st.permutations(range(3)), st.integers(1, 4), st.booleans())
def test_a_stream_that_comes_back_leaves_no_partition_behind(order: list[int], bursts: int, restart: bool) -> None:
    """All partitions pause for longer than the idle timeout, then hold records that are read one after the other."""
    spec, now_ms, counted = WindowSpec(size=SIZE, lateness=10, idle_timeout=100), 0, Counter[int]()
    state = WindowState(spec, now_ms=0)
    clocks: dict[int, int] = {}
    for burst in range(bursts):
        now_ms += 1_000
        # What each partition had was read before the burst, not since.
        closed = state.tick(dict.fromkeys(range(3), now_ms - 1))
        for partition in order:
            times = range(burst * 5 * SIZE, (burst + 1) * 5 * SIZE, 10)
            clocks[partition] = max(times)
            now_ms += 5
            closed += state.step(state.offset + 1, batch([(partition, t) for t in times], dict(clocks), 3), now_ms)
            closed += state.tick({p: now_ms if p == partition else now_ms - 100 for p in range(3)})
        if restart and burst == 0:
            state = replayed(state, spec, burst, order, now_ms)
        counted.update(totals(closed))
    counted.update(totals(end(state)))
    assert not state.take_late()
    assert counted == dict.fromkeys(range(0, bursts * 5 * SIZE, SIZE), 30)


def replayed(state: WindowState, spec: WindowSpec, burst: int, order: list[int], now_ms: int) -> WindowState:
    """The machine after a crash, with every record that was not acknowledged taken in again."""
    free = set(state.release())
    again = WindowState.restore(state.snapshot(), spec, now_ms)
    clocks: dict[int, int] = {}
    for offset, partition in enumerate(order):
        times = range(burst * 5 * SIZE, (burst + 1) * 5 * SIZE, 10)
        clocks[partition] = max(times)
        if offset not in free:
            assert not again.step(offset, batch([(partition, t) for t in times], dict(clocks), 3), now_ms)
    return again


def test_an_idle_partition_lets_the_others_go_on_once_it_was_read() -> None:
    state = WindowState(WindowSpec(size=SIZE, lateness=0, idle_timeout=50), now_ms=0)
    state.step(0, batch([(0, 10)], {0: 10}, 3), now_ms=10)
    assert state.tick(dict.fromkeys(range(3), 55)) == []
    assert state.step(1, batch([(0, 250)], {0: 250}, 3), now_ms=58) == []
    assert state.waits(58)
    assert state.tick({0: 58, 1: 58, 2: 57}) == []
    assert totals(state.tick({0: 58, 1: 58, 2: 58})) == {0: 1}
    assert not state.waits(59)
