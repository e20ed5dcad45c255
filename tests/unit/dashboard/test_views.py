"""Views say what the records say."""

from pathlib import Path

import pytest

from tests.browser import world
from tests.unit.dashboard.worlds import SOURCE, put, view_world
from trimtab.config import Config
from trimtab.dashboard.pages.charts import performance
from trimtab.dashboard.store import Store
from trimtab.dashboard.store.queries import Window
from trimtab.dashboard.views import audit, fleet, heat, incidents, model, silences, system
from trimtab.dashboard.views.period import choose
from trimtab.dashboard.views.world import World
from trimtab.registry.audit import Chain


def test_what_needs_somebody_is_first(looked: World) -> None:
    rows = fleet.fleet(looked)["models"]
    assert [row["model"] for row in rows] == ["fraud", "churn", "credit", "pricing"]
    fraud, credit, pricing = rows[0], rows[2], rows[3]
    assert (fraud["health"], fraud["incidents"], fraud["critical"], fraud["drifted"]) == ("critical", 1, 1, 3)
    assert (fraud["status"], fraud["features"]) == ("worse", 3)
    assert (credit["health"], credit["served"], credit["reference"]) == ("ok", "credit@2", 0.905)
    assert (pricing["metric"], len(pricing["sparkline"])) == ("rmse", fleet.SPARK)
    assert credit["coverage"] == pytest.approx(380 / 430, abs=0.01)


def test_performance_is_by_version_with_its_promotions(looked: World) -> None:
    view = model.model(looked, "credit", choose({"last": "all"}, None))
    assert len(view["performance"]) == world.WINDOWS
    assert view["versions"] == [1, 2]
    first_of_two = next(point for point in view["performance"] if point["version"] == 2)
    promoted = [one for one in view["promotions"] if one["version"] == 2]
    assert [one["event_time_ms"] for one in promoted] == [first_of_two["start_ms"]]
    assert view["limit"] == pytest.approx(0.855)
    assert {row["segment"] for row in view["segments"]} == {"channel=branch", "channel=web"}
    assert {number["statistic"] for number in view["races"]} == {"race_loss", "race_evidence"}


def test_a_deep_link_shows_this_window(looked: World) -> None:
    end_ms = world.now_hour_ms()
    query = {"feature": "amount", "end": str(end_ms), "of": "1"}
    view = model.model(looked, "fraud", choose(query, end_ms))
    cell = view["cell"]
    assert cell is not None
    assert (cell["status"], cell["version"], len(cell["labels"])) == ("drift", 1, 10)
    assert {one["name"]: one["threshold"] for one in cell["statistics"]} == world.STATISTICS
    assert model.model(looked, "fraud", choose({**query, "of": "9"}, end_ms))["cell"] is None
    assert model.model(looked, "fraud", choose({**query, "feature": "no"}, end_ms))["cell"] is None


def test_columns_of_many_windows_show_the_worst() -> None:
    windows = [
        Window(at, at + 1, 1, {"x": {"status": "drift" if at == 500 else "ok", "effect": at / 1_000, "count": 1}})
        for at in range(1_000)
    ]
    found = heat.heat(windows, ["x"])
    assert len(found["columns"]) == len(found["rows"][0]["cells"]) <= heat.COLUMNS
    [worst] = [cell for cell in found["rows"][0]["cells"] if cell is not None and cell["status"] == "drift"]
    assert (worst["end_ms"], worst["effect"]) == (501, 0.5)
    assert found["columns"][-1] == 1_000


def test_the_story_of_an_incident(fleet_config: Config, tmp_path: Path) -> None:
    store = Store(tmp_path / "store.db", SOURCE)
    fired = world.alert("credit", "age", 0)
    at = fired.value["raised_ms"]
    ack = {
        "incident": world.INCIDENT,
        "model": "credit",
        "until_ms": None,
        "author": "ada",
        "comment": "on it",
        "time_ms": at + 2,
    }
    put(store, [fired, world.notice(at + 1), world.Message("silences", f"ack/{world.INCIDENT}", ack, 0, at)])
    looked = view_world(fleet_config, store)
    found = looked.queries.incident(world.INCIDENT)
    assert found is not None
    view = incidents.incident(looked, found)
    assert [step["what"] for step in view["story"]] == ["firing", "told", "acknowledged"]
    assert view["summary"]["acknowledged"] == "ada"
    resolved = world.alert("credit", "age", 0, state="resolved")
    resolved.value["raised_ms"] = at + 9
    put(store, [resolved])
    found = looked.queries.incident(world.INCIDENT)
    assert found is not None
    view = incidents.incident(looked, found)
    assert [step["what"] for step in view["story"]][-1] == "resolved"
    assert (view["summary"]["state"], view["summary"]["acknowledged"]) == ("resolved", None)
    store.close()


def test_a_silence_holds_for_its_time_and_its_alerts(fleet_config: Config, tmp_path: Path) -> None:
    store = Store(tmp_path / "store.db", SOURCE)
    fired = world.alert("credit", "age", 0)
    silence = {
        "id": "s-1", "starts_ms": 100, "ends_ms": 200, "author": "ada", "comment": "", "time_ms": 100,
        "matchers": [{"name": "model", "operator": "equal", "value": "credit"}],
    }  # fmt: skip
    put(store, [fired, world.Message("silences", "silence/s-1", silence, 0, 0)])
    for now_ms, state in ((50, "pending"), (150, "active"), (250, "expired")):
        looked = view_world(fleet_config, store, now_ms)
        assert silences.silences(looked)["silences"][0]["state"] == state
        assert incidents.rows_of(looked)[0]["silenced"] == ("s-1" if state == "active" else None)
    store.close()


def test_an_audit_log_that_was_changed_is_told(fleet_config: Config, tmp_path: Path) -> None:
    store = Store(tmp_path / "store.db", SOURCE)
    entries = list(world.audit(world.now_hour_ms()))
    put(store, entries)
    assert audit.audit(view_world(fleet_config, store), "credit")["intact"]
    changed = {**entries[1].value, "actor": "mallory"}
    put(store, [entries[1]._replace(value=changed)], first=1)
    view = audit.audit(view_world(fleet_config, store), "credit")
    assert not view["intact"]
    assert "entry 2 was changed" in view["faults"][0]["what"]
    assert Chain("credit", "trainer").head.sequence == 0
    store.close()


def test_who_has_not_been_heard_is_late(fleet_config: Config, tmp_path: Path) -> None:
    store = Store(tmp_path / "store.db", SOURCE)
    put(store, [*world.health(1_000_000), world.follower(1_000_000)])
    for now_ms, late in ((1_010_000, False), (1_040_000, True)):
        view = system.system(view_world(fleet_config, store, now_ms), None)
        assert {row["late"] for row in view["processes"]} == {late}
        assert [row["late"] for row in view["followers"]] == [late]
    store.close()


def test_estimated_stands_beside_realised_accuracy(looked: World) -> None:
    choice = choose({"last": "all"}, None)
    view = model.model(looked, "credit", choice)
    assert len(view["estimated"]) == len(view["performance"])
    assert "estimated_accuracy" not in view["metrics"]
    assert model.model(looked, "pricing", choice)["estimated"] == []
    page = performance(view)
    assert "estimated" in page
    assert page.count('dotted"') == 1
    assert "estimated" not in performance(model.model(looked, "pricing", choice))
