"""The fleet's rows are as new as what was told of their models."""

from pathlib import Path

from tests.browser import world
from tests.unit.dashboard.worlds import SOURCE, put, view_world
from trimtab.config import Config
from trimtab.dashboard.store import Store
from trimtab.dashboard.views.fleet import fleet
from trimtab.dashboard.views.remembered import Remembered


def test_a_row_is_made_anew_when_its_model_changes(fleet_config: Config, tmp_path: Path) -> None:
    store = Store(tmp_path / "store.db", SOURCE)
    looked = view_world(fleet_config, store)
    assert {row["incidents"] for row in fleet(looked)["models"]} == {0}
    changed = put(store, [world.alert("credit", "age", 0)])
    assert {row["incidents"] for row in fleet(looked)["models"]} == {0}, "remembered"
    looked.remembered.forget(changed)
    assert {row["model"]: row["incidents"] for row in fleet(looked)["models"]}["credit"] == 1
    store.close()


def test_what_changes_while_it_is_made_is_not_remembered() -> None:
    remembered = Remembered()

    def make() -> int:
        remembered.forget(["alerts/a"])
        return 1

    assert remembered.get("a", make) == 1
    assert remembered.get("a", lambda: 2) == 2
    assert remembered.get("a", lambda: 3) == 2
