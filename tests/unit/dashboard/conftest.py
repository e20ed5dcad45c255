"""One filled store for all tests that only look."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.dashboard.serving import TOKENS
from tests.unit.dashboard.worlds import config_of, filled, view_world
from trimtab.config import Config
from trimtab.dashboard.store import Store
from trimtab.dashboard.views.world import World


@pytest.fixture(scope="session")
def fleet_config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    return config_of(tmp_path_factory.mktemp("config"))


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    made = filled(tmp_path_factory.mktemp("store"))
    yield made
    made.close()


@pytest.fixture
def looked(fleet_config: Config, store: Store) -> World:
    return view_world(fleet_config, store)


@pytest.fixture(scope="session")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Config:
    return config_of(tmp_path_factory.mktemp("guarded"), tokens=TOKENS, hosts=["monitor.example.com"])
