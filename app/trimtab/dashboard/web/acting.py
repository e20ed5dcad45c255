"""Answers of everything that is done: by forms, which lead back to a page, and by the API."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from aiohttp import web

from trimtab.dashboard.web.asked import Missing
from trimtab.dashboard.web.done import Body, Done
from trimtab.dashboard.web.keys import IDENTITY
from trimtab.dashboard.web.looking import asked_of
from trimtab.dashboard.web.site import SITE
from trimtab.errors import ConfigError

__all__ = ["api_of", "form_of", "safe_path"]

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def form_of(done: Done) -> Handler:
    """The handler of a form."""

    async def handle(request: web.Request) -> web.StreamResponse:
        body = await _form(request)
        await _act(request, done, body)
        following = safe_path(body.text("next")) or done.back(asked_of(request))
        raise web.HTTPSeeOther(following)

    return handle


def api_of(done: Done) -> Handler:
    """The handler for scripts: the fields as a JSON object; the answer is the record that was written."""

    async def handle(request: web.Request) -> web.StreamResponse:
        record = await _act(request, done, await _json(request))
        return web.Response(body=orjson.dumps({"written": record}), content_type="application/json")

    return handle


async def _act(request: web.Request, done: Done, body: Body) -> dict[str, Any]:
    site, asked = request.app[SITE], asked_of(request)
    missing = [name for name in done.required if not body.texts(name)]
    if missing:
        raise ConfigError(f"{', '.join(missing)}: missing")
    actor, world = request[IDENTITY].name, site.world()
    try:
        return await site.apart(lambda: done.act(site.actions, world, asked, body, actor))
    except Missing as error:
        raise web.HTTPNotFound(text=str(error)) from None


async def _form(request: web.Request) -> Body:
    if request.content_type not in ("application/x-www-form-urlencoded", "application/octet-stream"):
        raise web.HTTPUnsupportedMediaType(text="a form is expected")
    found = await request.post()
    names = dict.fromkeys(found)
    return Body({name: tuple(value for value in found.getall(name) if isinstance(value, str)) for name in names})


async def _json(request: web.Request) -> Body:
    data = await request.read()
    if not data:
        return Body({})
    if request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType(text="application/json is expected")
    try:
        found = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise ConfigError("the body is no JSON") from None
    if not isinstance(found, dict):
        raise ConfigError("the body must be a JSON object")
    return Body({name: _texts(name, value) for name, value in found.items()})


def _texts(name: str, value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(one, (str, int)) and not isinstance(one, bool) for one in values):
        raise ConfigError(f"{name}: a text, a whole number, or a list of texts is expected")
    return tuple(str(one) for one in values)


def safe_path(path: str) -> str | None:
    """The path when it stays on this site, else None.

    Examples
    --------
    >>> [safe_path(path) for path in ("/models/a?last=7d", "//evil.test", "https://evil.test", "/\\\\evil.test", "")]
    ['/models/a?last=7d', None, None, None, None]
    """
    if not path.startswith("/") or path.startswith("//") or "\\" in path or any(ord(c) < 33 for c in path):
        return None
    return path
