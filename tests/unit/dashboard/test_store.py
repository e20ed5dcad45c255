"""The store holds what was written, once, within its bounds, and is made anew when the log is another one."""

import random
from pathlib import Path

import orjson
import pytest

from tests.browser import world
from tests.unit.dashboard.worlds import SOURCE, everything, put
from trimtab.dashboard.store import Queries, Store, Taken

DAY_MS = 86_400_000


def windows(model: str, count: int, until_ms: int) -> list[world.Message]:
    rng = random.Random(1)
    found: list[world.Message] = []
    for at in range(count):
        end_ms = until_ms - (count - 1 - at) * world.HOUR_MS
        found += world.whole(world.window(model, 1, end_ms, rng))
    return found


def table(store: Store, name: str) -> list[object]:
    return Queries(store.path)._db.execute(f"SELECT * FROM {name}").fetchall()


def spelled(store: Store, name: str) -> list[tuple[object, ...]]:
    """Rows with names in place of their numbers, which depend on the order of coming."""
    numbers = dict(Queries(store.path)._db.execute("SELECT id, name FROM names"))
    rows = Queries(store.path)._db.execute(f"SELECT * FROM {name}")
    named = {
        at for at, column in enumerate(rows.description) if column[0] in ("model", "segment", "feature", "statistic")
    }
    return sorted(
        tuple(numbers.get(value, value) if at in named else as_read(value) for at, value in enumerate(row))
        for row in rows
    )


def as_read(value: object) -> object:
    """JSON whatever the order of its fields."""
    return orjson.dumps(orjson.loads(value), option=orjson.OPT_SORT_KEYS) if isinstance(value, bytes) else str(value)


def test_a_window_is_one_row_with_its_numbers_verdicts_and_statistics(store: Store) -> None:
    queries, until_ms = Queries(store.path), world.now_hour_ms()
    numbers = queries.windows("numbers", "credit", most=3)
    assert [one.end_ms for one in numbers] == [until_ms - 2 * world.HOUR_MS, until_ms - world.HOUR_MS, until_ms]
    # Inputs and performance of a window came in one record each, or in two batches.
    assert {"events", "labelled", "accuracy"} <= set(numbers[-1].data)
    [drift] = queries.windows("drifts", "fraud", most=1)
    assert drift.data["amount"]["status"] == "drift"
    assert drift.data["amount"]["effect"] > 1
    found = queries.statistics("fraud", "amount", until_ms, 1)
    assert set(found) == set(world.STATISTICS)
    assert max(value / world.STATISTICS[name] for name, (value, _) in found.items()) == pytest.approx(
        drift.data["amount"]["effect"], abs=1e-3
    )
    histograms = queries.histograms("fraud", "amount", until_ms, 1)
    assert histograms is not None
    assert len(histograms.labels) == len(histograms.reference) == len(histograms.window) == 10
    assert queries.segments("credit") == ["channel=branch", "channel=web"]


def test_what_is_read_twice_counts_once(tmp_path: Path) -> None:
    one, two = Store(tmp_path / "one.db", SOURCE), Store(tmp_path / "two.db", SOURCE)
    records = everything()
    put(one, records)
    put(two, records[: len(records) // 2])
    put(two, records)
    for name in ("numbers", "drifts", "statistics", "histograms", "live", "incidents", "notices", "letters"):
        assert spelled(one, name) == spelled(two, name), name
    assert Queries(two.path).letter_counts() == {"malformed": 1}
    one.close()
    two.close()


def test_reading_goes_on_where_it_ended(tmp_path: Path) -> None:
    store = Store(tmp_path / "store.db", SOURCE)
    put(store, [world.follower(0)], first=41)
    store.close()
    again = Store(tmp_path / "store.db", SOURCE)
    assert again.offsets() == {("followers", 0): 42}
    assert "credit/api-1" in Queries(again.path).keyed("followers")
    again.close()


@pytest.mark.parametrize("damage", ["another log", "no database", "another layout"])
def test_a_file_that_does_not_fit_is_made_anew(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "store.db"
    store = Store(path, SOURCE)
    put(store, [world.follower(0)])
    if damage == "another layout":
        store._db.execute("UPDATE meta SET value = '0' WHERE name = 'layout'")
        store._db.commit()
    store.close()
    if damage == "no database":
        path.write_bytes(b"x" * 5_000)
    again = Store(path, "other/t." if damage == "another log" else SOURCE)
    assert again.offsets() == {}
    assert Queries(path).keyed("followers") == {}
    again.close()


def test_a_reader_sees_a_store_that_was_made_anew(tmp_path: Path) -> None:
    store = Store(tmp_path / "store.db", SOURCE)
    queries = Queries(store.path)
    put(store, [world.follower(0)])
    assert queries.keyed("followers")
    store.renew()
    assert queries.keyed("followers") == {}
    store.close()


def test_old_windows_leave_and_details_sooner(tmp_path: Path) -> None:
    store = Store(tmp_path / "store.db", SOURCE, keep_ms=10 * DAY_MS, detail_ms=2 * DAY_MS)
    until_ms = world.now_hour_ms()
    put(store, windows("credit", 24 * 12, until_ms), until_ms)
    queries = Queries(store.path)
    assert len(queries.windows("numbers", "credit")) == 241  # older ones are not even taken
    assert len(table(store, "statistics")) == 49
    assert store.prune(until_ms + 5 * DAY_MS)
    assert not store.prune(until_ms + 5 * DAY_MS), "once a day"
    assert 4 * 24 <= len(queries.windows("numbers", "credit")) <= 6 * 24
    assert len(queries.windows("drifts", "credit")) == len(queries.windows("numbers", "credit"))
    assert table(store, "statistics") == table(store, "histograms") == []
    store.close()


def test_more_windows_than_are_allowed_leave_the_oldest_first(tmp_path: Path) -> None:
    store = Store(tmp_path / "store.db", SOURCE, windows=20)
    until_ms = world.now_hour_ms()
    put(store, windows("credit", 50, until_ms))
    store.trim()
    ends = [one.end_ms for one in Queries(store.path).windows("numbers", "credit")]
    assert ends == [until_ms - at * world.HOUR_MS for at in reversed(range(20))]
    store.close()


def test_damaged_records_are_skipped_and_the_rest_is_taken(tmp_path: Path) -> None:
    store = Store(tmp_path / "store.db", SOURCE)
    good = world.metric("credit", 1, "income", "psi", 0.1, world.now_hour_ms())
    bad = [b"{", b"[]", b'{"model": 1}', b"null", b'{"a":1},{"b":2}', None]
    for topic in ("metrics", "windows", "alerts", "notices", "silences", "health", "dead-letters"):
        put(store, [world.Message(topic, "k", value, 0, good.time_ms) for value in bad])
    put(store, [good, *(world.Message("metrics", "k", value, 0, good.time_ms) for value in bad)])
    assert len(table(store, "statistics")) == 1
    assert Queries(store.path).letter_counts() == {}
    store.close()


def test_an_incident_is_resolved_in_any_order(tmp_path: Path) -> None:
    store = Store(tmp_path / "store.db", SOURCE)
    fired, resolved = (world.alert("credit", "age", 0, state=state) for state in ("firing", "resolved"))
    put(store, [resolved, fired])
    put(store, [fired])
    found = Queries(store.path).incident(world.INCIDENT)
    assert found is not None
    assert (found["state"], found["resolved_ms"]) == ("resolved", resolved.value["raised_ms"])
    assert Queries(store.path).incidents(state="firing") == []
    store.close()


def test_a_tombstone_removes_and_others_stay(tmp_path: Path) -> None:
    store = Store(tmp_path / "store.db", SOURCE)
    put(store, world.health(5))
    put(store, [world.Message("health", "monitor/1", None, 0, 6)])
    assert set(Queries(store.path).keyed("health")) == {"collector/1", "trainer/1"}
    store.close()


def test_the_bytes_of_an_online_state_are_not_kept(tmp_path: Path) -> None:
    store = Store(tmp_path / "store.db", SOURCE)
    state = {"model": "churn", "version": 1, "learnt_offset": 7, "snapshot": {"size_bytes": 3, "inline": "SECRET"}}
    store.write({"serving": [Taken(0, 0, 0, b"churn/online", orjson.dumps(state))]}, 0)
    assert Queries(store.path).one_keyed("online", "churn") == {
        "model": "churn", "version": 1, "learnt_offset": 7, "snapshot": {"size_bytes": 3},
    }  # fmt: skip
    store.close()
