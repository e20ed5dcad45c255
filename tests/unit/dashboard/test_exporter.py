"""What Prometheus gets."""

import math
from collections import Counter

import pytest
from prometheus_client import generate_latest, parser
from prometheus_client.openmetrics import parser as openmetrics

from tests.unit.dashboard.serving import READER, Served, run
from tests.unit.dashboard.worlds import EVIL
from trimtab.config import Config
from trimtab.dashboard.exporter import FAMILIES, route, routes
from trimtab.dashboard.exporter.models import lasting, passing
from trimtab.dashboard.exporter.own import own
from trimtab.dashboard.exporter.sheet import Sample, registry_of
from trimtab.dashboard.store import Store
from trimtab.dashboard.views.model import RACES
from trimtab.dashboard.views.world import World


@pytest.fixture(autouse=True)
def no_kafka(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(route, "lags", lambda _: None)


@pytest.fixture
def then(looked: World, fleet_config: Config) -> World:
    """The fleet as it was when its store was filled, which other tests may have done long ago."""
    now_ms = looked.queries.live("credit", RACES)[-1].time_ms
    return World(fleet_config, looked.queries, looked.registry, now_ms)


def samples(looked: World) -> list[Sample]:
    behind = [{"role": "monitor", "records": 17}]
    models = [one for name in looked.config.models for one in (*lasting(looked, name), *passing(looked, name))]
    return [*models, *own(looked, behind)]  # type: ignore[arg-type]


def test_every_sample_has_a_family_and_is_told_once(then: World) -> None:
    found = samples(then)
    assert all(len(one.labels) == len(FAMILIES[one.family].labels) for one in found)
    twice = [key for key, times in Counter((one.family, one.labels) for one in found).items() if times > 1]
    assert twice == []
    assert all(math.isfinite(one.value) for one in found)
    registry_of(found)


def test_what_is_known_is_told(then: World) -> None:
    found = {(one.family, *one.labels): float(one.value) for one in samples(then)}
    champion = then.registry.champion("credit")
    assert champion is not None
    assert found["trimtab_model_version", "credit"] == champion["version"]
    words = {key[2]: value for key, value in found.items() if key[:2] == ("trimtab_model_health", "credit")}
    assert sum(words.values()) == 1
    newest = then.queries.windows("numbers", "credit", most=24)
    last = [window.data["accuracy"]["value"] for window in newest if "accuracy" in window.data][-1]
    assert found["trimtab_window_number", "credit", "", "accuracy"] == last
    assert found["trimtab_lag_records", "monitor"] == 17
    assert found["trimtab_kafka_reachable",] == 1
    assert any(key[0] == "trimtab_live_number" for key in found)
    assert any(key[0] == "trimtab_feature_effect" for key in found)
    assert sum(value for key, value in found.items() if key[0] == "trimtab_incidents_firing") >= 1


def test_a_race_that_no_longer_runs_is_not_told(then: World, fleet_config: Config) -> None:
    later = World(fleet_config, then.queries, then.registry, then.now_ms + 60_000)
    assert [one for name in fleet_config.models for one in passing(later, name)] == []
    assert [one for name in fleet_config.models for one in passing(then, name)] != []


def test_a_silent_process_counts_as_down(then: World, fleet_config: Config) -> None:
    def up(now_ms: int) -> set[float]:
        world = World(fleet_config, then.queries, then.registry, now_ms)
        return {float(one.value) for one in own(world, None) if one.family == "trimtab_process_up"}

    assert up(then.now_ms) == {1.0}
    assert up(then.now_ms + 60_000) == {0.0}


def test_a_scraper_gets_the_format_that_it_asks_for(fleet_config: Config, store: Store) -> None:
    async def test(one: Served) -> None:
        status, text, said = await one.get("/metrics")
        assert (status, said["Content-Type"].partition(";")[0]) == (200, "text/plain")
        plain = list(parser.text_string_to_metric_families(text))
        status, text, said = await one.get("/metrics", Accept="application/openmetrics-text;version=1.0.0")
        assert (status, said["Content-Type"].partition(";")[0]) == (200, "application/openmetrics-text")
        modern = list(openmetrics.text_string_to_metric_families(text))  # type: ignore[no-untyped-call]
        names = [{sample.name for family in families for sample in family.samples} for families in (plain, modern)]
        assert names[0] == names[1] <= FAMILIES.keys()
        incidents = [s for family in plain if family.name == "trimtab_incidents_firing" for s in family.samples]
        assert {sample.labels["model"] for sample in incidents} == fleet_config.models.keys()

    run(fleet_config, store, test, extra_routes=routes)


def test_a_scraper_needs_a_token_where_one_is_needed(guarded: Config, store: Store) -> None:
    async def test(one: Served) -> None:
        assert (await one.get("/metrics"))[0] == 401
        assert (await one.get("/metrics", **READER))[0] == 200

    run(guarded, store, test, extra_routes=routes)


def test_a_hostile_name_stays_a_label() -> None:
    text = registry_of([Sample("trimtab_feature_effect", 1.0, ("fraud", "", EVIL + '"\n\\'))])
    [family] = parser.text_string_to_metric_families(generate_latest(text).decode())
    assert [sample.labels["feature"] for sample in family.samples] == [EVIL + '"\n\\']


def test_what_is_told_is_made_anew_when_something_changed(fleet_config: Config, store: Store) -> None:
    async def test(one: Served) -> None:
        await one.get("/metrics")
        assert one.site.exported.get("credit", list) != []
        one.site.changed({"metrics/credit"})
        assert one.site.exported.get("credit", list) == []

    run(fleet_config, store, test, extra_routes=routes)
