"""The application: every route, behind the guard."""

from __future__ import annotations

import time
from collections.abc import Iterable

import orjson
from aiohttp import web

from trimtab.dashboard.pages.layout import Viewer, frame
from trimtab.dashboard.pages.plain import sign_in
from trimtab.dashboard.web import acting, looking
from trimtab.dashboard.web.acting import safe_path
from trimtab.dashboard.web.done import DONE
from trimtab.dashboard.web.files import static
from trimtab.dashboard.web.guard import MAX_BODY_BYTES, guard
from trimtab.dashboard.web.openapi import api_path, document
from trimtab.dashboard.web.shown import SHOWN
from trimtab.dashboard.web.site import SITE, Site
from trimtab.dashboard.web.stream import stream
from trimtab.dashboard.web.tokens import COOKIE, SESSION_S

__all__ = ["make_app"]


def make_app(site: Site, extra_routes: Iterable[web.RouteDef] = ()) -> web.Application:
    """The application of a site; ``extra_routes`` are guarded as all others are."""
    app = web.Application(
        middlewares=[guard(site.config.dashboard, site.gate, lambda: site.port)], client_max_size=MAX_BODY_BYTES
    )
    app[SITE] = site
    routes: list[web.RouteDef] = []
    for shown in SHOWN:
        if shown.page is not None:
            routes.append(web.get(shown.path, looking.page_of(shown)))
        routes.append(web.get(api_path(shown.path), looking.api_of(shown)))
    for done in DONE:
        routes += [web.post(done.path, acting.form_of(done)), web.post(api_path(done.path), acting.api_of(done))]
    routes += [
        web.get("/models/{model}/report", looking.report_of),
        web.get("/api/openapi.json", _openapi),
        web.get("/events", stream),
        web.get("/static/{name}", static),
        web.get("/healthz", _health),
        web.get("/login", _ask),
        web.post("/login", _sign_in),
        web.post("/logout", _sign_out),
    ]
    app.add_routes([*routes, *extra_routes])
    return app


async def _health(request: web.Request) -> web.Response:
    """Whether we serve, and how much of the log is read."""
    return web.json_response({"ok": True, "read_share": round(request.app[SITE].read_share(), 4)})


async def _openapi(_: web.Request) -> web.Response:
    return web.Response(body=orjson.dumps(document()), content_type="application/json")


async def _ask(request: web.Request) -> web.Response:
    following = safe_path(request.query.get("next", "/")) or "/"
    page = sign_in(following, failed="failed" in request.query)
    return web.Response(text=frame(page, Viewer("nobody", may_act=False)), content_type="text/html")


async def _sign_in(request: web.Request) -> web.Response:
    site, form = request.app[SITE], await request.post()
    token, following = form.get("token"), form.get("next")
    identity = site.gate.of_token(token) if isinstance(token, str) else None
    where = (safe_path(following) if isinstance(following, str) else None) or "/"
    if identity is None:
        page = sign_in(where, failed=True)
        text = frame(page, Viewer("nobody", may_act=False))
        return web.Response(text=text, content_type="text/html", status=401)
    response = web.Response(status=303, headers={"Location": where})
    cookie = site.gate.session(identity.name, now_s=time.time())
    response.set_cookie(
        COOKIE, cookie, max_age=SESSION_S, path="/", httponly=True, samesite="Strict", secure=request.secure
    )
    return response


async def _sign_out(_: web.Request) -> web.Response:
    response = web.Response(status=303, headers={"Location": "/login"})
    response.del_cookie(COOKIE, path="/", httponly=True, samesite="Strict")
    return response
