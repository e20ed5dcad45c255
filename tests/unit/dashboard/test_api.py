"""Every route of the API is documented, and every documented route answers by its schema."""

import csv
import io
import re
from typing import Any

import jsonschema
import orjson
import pytest

from tests.browser import world
from tests.unit.dashboard.serving import Served, run
from trimtab.config import Config
from trimtab.dashboard.store import Store
from trimtab.dashboard.web.app import make_app
from trimtab.dashboard.web.openapi import document

SENT: dict[str, Any] = {"for": "1h", "version": 1, "matcher": ["model=credit"]}
PLACES = {"model": "credit", "incident": world.INCIDENT, "silence": "s-1", "partition": "0", "offset": "0"}


def place_of_letter(store: Store) -> dict[str, str]:
    [row] = store._db.execute("SELECT part, offset FROM letters").fetchall()
    return {"partition": str(row[0]), "offset": str(row[1])}


def schema_of(answer: dict[str, Any]) -> dict[str, Any]:
    schema = answer["content"]["application/json"]["schema"]
    return {**schema, "components": document()["components"]}


def test_every_route_is_documented(fleet_config: Config, store: Store) -> None:
    async def test(one: Served) -> None:
        app = make_app(one.site)
        routes = {
            (route.method.lower(), route.resource.canonical)
            for route in app.router.routes()
            if route.resource is not None and route.resource.canonical.startswith("/api/") and route.method != "HEAD"
        }
        documented = {(method, path) for path, methods in document()["paths"].items() for method in methods}
        assert routes == documented
        assert len(routes) >= 17

    run(fleet_config, store, test)


def test_every_documented_route_answers_by_its_schema(fleet_config: Config, store: Store) -> None:
    places = PLACES | place_of_letter(store)

    async def test(one: Served) -> None:
        for path, methods in document()["paths"].items():
            where = path.format(**places)
            if "get" in methods:
                status, body, _ = await one.get(where)
                assert status == 200, where
                jsonschema.validate(orjson.loads(body), schema_of(methods["get"]["responses"]["200"]))
            if "post" in methods and "silences/" not in where and "reinject" not in where:
                fields = methods["post"]["requestBody"]["content"]["application/json"]["schema"]["properties"]
                sent = {
                    name: {"for": "1h", "version": 1, "matcher": ["model=credit"]}.get(name, "x") for name in fields
                }
                headers = {"Content-Type": "application/json"}
                status, body, _ = await one.ask("POST", where, headers, orjson.dumps(sent))
                assert status == 200, (where, body)
                jsonschema.validate(orjson.loads(body), schema_of(methods["post"]["responses"]["200"]))
        assert {done[0] for done in one.actions.done} == {"ack", "silence", "retrain", "approve", "rollback"}

    run(fleet_config, store, test)


def test_references_of_the_document_lead_somewhere() -> None:
    text = orjson.dumps(document()).decode()
    names = set(re.findall(r"#/components/schemas/(\w+)", text))
    assert names <= set(document()["components"]["schemas"])
    assert {"FleetView", "ModelView", "IncidentView", "Error", "Written"} <= names


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/api/models/nobody", None, 404),
        ("GET", "/api/models/credit?version=x", None, 400),
        ("GET", "/api/models/credit?from=yesterday", None, 400),
        ("GET", "/api/models/credit?last=7parsecs", None, 400),
        ("GET", "/api/incidents/nothing", None, 404),
        ("GET", "/api/dead-letters/x/y", None, 404),
        ("GET", "/api/nothing", None, 404),
        ("DELETE", "/api/fleet", None, 405),
        ("POST", "/api/models/nobody/retrain", {}, 404),
        ("POST", "/api/models/credit/rollback", {"version": "latest"}, 400),
        ("POST", "/api/models/credit/retrain", {"reason": "x" * 1_001}, 400),
        ("POST", "/api/models/credit/retrain", {"reason": {"a": 1}}, 400),
        ("POST", "/api/models/credit/retrain", [1], 400),
        ("POST", "/api/silences", {}, 400),
        ("POST", "/api/silences", {"matcher": "everything"}, 400),
        ("POST", "/api/silences", {"matcher": "model=~("}, 400),
        ("POST", "/api/silences", {"matcher": "model=a", "for": "2000d"}, 400),
        ("POST", "/api/silences/nothing/end", {}, 404),
        ("POST", "/api/incidents/nothing/ack", {}, 404),
        ("POST", "/api/dead-letters/9/9/reinject", {}, 404),
    ],
)
def test_what_is_wrong_is_said(
    fleet_config: Config, store: Store, method: str, path: str, body: Any, status: int
) -> None:
    async def test(one: Served) -> None:
        data = None if body is None else orjson.dumps(body)
        found, text, _ = await one.ask(method, path, {"Content-Type": "application/json"}, data)
        assert found == status
        jsonschema.validate(orjson.loads(text), document()["components"]["schemas"]["Error"])
        assert one.actions.done == []

    run(fleet_config, store, test)


def test_what_is_shown_can_be_downloaded(fleet_config: Config, store: Store) -> None:
    async def test(one: Served) -> None:
        status, text, headers = await one.get("/?format=csv")
        assert (status, headers["Content-Disposition"]) == (200, 'attachment; filename="trimtab.csv"')
        rows = list(csv.DictReader(io.StringIO(text)))
        assert [row["model"] for row in rows] == ["fraud", *(n for n in world.MODELS if n != "fraud")]
        _, text, _ = await one.get("/models/credit?format=json&last=1d")
        view = orjson.loads(text)
        assert len(view["performance"]) == 24
        _, text, _ = await one.get("/models/credit?format=csv&last=1d")
        rows = list(csv.DictReader(io.StringIO(text)))
        assert {row["statistic"] for row in rows} == {"accuracy", "effect"}
        assert (await one.get("/?format=xml"))[0] == 404

    run(fleet_config, store, test)


def test_parts_of_pages_are_what_the_page_has(fleet_config: Config, store: Store) -> None:
    async def test(one: Served) -> None:
        _, page, _ = await one.get("/models/credit")
        _, part, _ = await one.get("/models/credit?fragment=performance")
        assert part.startswith('<div id="performance"')
        assert part in page
        _, rows, _ = await one.get("/?fragment=row-credit,row-nobody")
        assert rows.startswith('<table><tr id="row-credit"')
        assert rows.count("<tr") == 1

    run(fleet_config, store, test)


def test_the_report_needs_nothing_from_elsewhere(fleet_config: Config, store: Store) -> None:
    async def test(one: Served) -> None:
        _, text, _ = await one.get("/models/credit/report")
        assert "<script" not in text
        assert "<svg" in text
        assert not re.search(r'(src|href)="(?!data:)', text)
        assert "Promotions and rollbacks" in text

    run(fleet_config, store, test)
