"""Answers of everything that is looked at: a page, a part of it, JSON or CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import orjson
from aiohttp import web

from trimtab.dashboard.pages import fleet as fleet_page
from trimtab.dashboard.pages.layout import Page, frame
from trimtab.dashboard.pages.report import report
from trimtab.dashboard.views import fleet, incidents, model
from trimtab.dashboard.views.period import choose
from trimtab.dashboard.views.world import World
from trimtab.dashboard.web.asked import Asked, Missing
from trimtab.dashboard.web.keys import viewer_of
from trimtab.dashboard.web.shown import Shown
from trimtab.dashboard.web.site import SITE, Site

__all__ = ["api_of", "as_csv", "page_of", "report_of"]

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def asked_of(request: web.Request) -> Asked:
    """What a request asks for."""
    return Asked(dict(request.match_info), dict(request.query))


def page_of(shown: Shown) -> Handler:
    """The handler of a page; ``?format=json`` or ``csv`` downloads what it shows, ``?fragment=`` asks for parts."""

    async def handle(request: web.Request) -> web.StreamResponse:
        site, asked = request.app[SITE], asked_of(request)
        wanted = asked.query.get("format")
        fragment = asked.query.get("fragment")
        if wanted is not None:
            return await _download(site, shown, asked, wanted)
        if fragment is not None:
            asked = Asked(asked.path, {name: value for name, value in asked.query.items() if name != "fragment"})
            ids = fragment.split(",")
            body = await site.apart(lambda: _parts(site, shown, asked, ids, request))
            return _html(request, body)
        seen = site.hub.id
        made = await site.apart(lambda: _page(site, shown, asked, request))
        return _html(request, frame(made, viewer_of(request), seen))

    return handle


def api_of(shown: Shown) -> Handler:
    """The handler of the same data as JSON."""

    async def handle(request: web.Request) -> web.StreamResponse:
        site, asked = request.app[SITE], asked_of(request)
        data = await site.apart(lambda: orjson.dumps(_looked(site, shown, asked)))
        return _compressed(request, web.Response(body=data, content_type="application/json"))

    return handle


def _looked(site: Site, shown: Shown, asked: Asked) -> Any:
    try:
        return shown.view(site.world(), asked)
    except Missing as error:
        raise web.HTTPNotFound(text=str(error)) from None


def _page(site: Site, shown: Shown, asked: Asked, request: web.Request) -> Page:
    assert shown.page is not None  # noqa: S101
    return shown.page(_looked(site, shown, asked), asked, viewer_of(request))


def _parts(site: Site, shown: Shown, asked: Asked, ids: Sequence[str], request: web.Request) -> str:
    """The parts that are asked for; of the fleet also single rows."""
    rows = [name.removeprefix("row-") for name in ids if name.startswith("row-")]
    if shown.path == "/" and rows and all(name.startswith("row-") for name in ids):
        # In a table, or the browser would not read them as rows.
        found = [fleet_page.row(one) for one in fleet.fleet(site.world(), rows)["models"]]
        return f"<table>{''.join(found)}</table>"
    page = _page(site, shown, asked, request)
    return "".join(part.html() for part in page.parts if part.id in ids)


async def _download(site: Site, shown: Shown, asked: Asked, wanted: str) -> web.Response:
    asked = Asked(asked.path, {name: value for name, value in asked.query.items() if name != "format"})
    name = "-".join(["trimtab", *(part for part in shown.path.strip("/").split("/") if part and "{" not in part)])
    if wanted == "json":
        body = await site.apart(lambda: orjson.dumps(_looked(site, shown, asked), option=orjson.OPT_INDENT_2))
        kind = "application/json"
    elif wanted == "csv":
        body = await site.apart(lambda: as_csv(shown.rows(_looked(site, shown, asked))).encode())
        kind = "text/csv"
    else:
        raise web.HTTPNotFound(text="format is json or csv")
    disposition = f'attachment; filename="{name}.{wanted}"'
    return web.Response(body=body, content_type=kind, charset="utf-8", headers={"Content-Disposition": disposition})


def as_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as CSV; what is no plain value is JSON. A text that a spreadsheet would run as a formula gets a quote.

    Examples
    --------
    >>> as_csv([{"model": "a", "value": 0.5, "note": "=1+1"}])
    "model,value,note\\r\\na,0.5,'=1+1\\r\\n"
    """
    out = io.StringIO()
    names = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.writer(out)
    writer.writerow(names)
    writer.writerows([_plain(row.get(name)) for name in names] for row in rows)
    return out.getvalue()


def _plain(value: Any) -> Any:
    if isinstance(value, (dict, list)):
        return orjson.dumps(value).decode()
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


async def report_of(request: web.Request) -> web.StreamResponse:
    """The report of a model and a period, by default of the windows that its page shows."""
    site, asked = request.app[SITE], asked_of(request)

    def make() -> str:
        try:
            return _report(site.world(), asked)
        except Missing as error:
            raise web.HTTPNotFound(text=str(error)) from None

    name = f"trimtab-{asked.path['model']}-report.html"
    response = _html(request, await site.apart(make))
    response.headers["Content-Disposition"] = f'inline; filename="{name}"'
    return response


def _report(world: World, asked: Asked) -> str:
    name = asked.model(world)
    bounds = world.queries.bounds(name) or (world.now_ms, world.now_ms)
    choice = choose(asked.query, bounds[1])
    view = model.model(world, name, choice)
    points = view["performance"]
    from_ms = choice.period.from_ms or (points[0]["start_ms"] if points else bounds[0])
    to_ms = choice.period.to_ms or bounds[1]
    rows = [row for row in incidents.rows_of(world, name) if from_ms < row["started_ms"] <= to_ms]
    return report(view, rows, from_ms, to_ms)


def _html(request: web.Request, text: str) -> web.Response:
    response = web.Response(text=text, content_type="text/html")
    return _compressed(request, response)


def _compressed(request: web.Request, response: web.Response) -> web.Response:
    response.enable_compression()
    return response
