"""Files that pages need, from a fixed table: a name that is not in it is not there, whatever it looks like."""

from __future__ import annotations

import gzip
import hashlib
from functools import cache
from importlib.resources import files
from typing import Final, NamedTuple

from aiohttp import web

__all__ = ["NAMES", "static"]

_OURS: Final = {
    "app.css": "text/css",
    "app.js": "text/javascript",
    "charts.js": "text/javascript",
    "theme.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}
NAMES: Final = (*_OURS, "plotly.min.js")


class _File(NamedTuple):
    kind: str
    data: bytes
    packed: bytes
    tag: str


@cache
def _file(name: str) -> _File:
    if name in _OURS:
        kind, data = _OURS[name], files("trimtab.dashboard").joinpath(f"static/{name}").read_bytes()
    else:
        # As its package carries it: no page loads anything from elsewhere.
        kind, data = "text/javascript", files("plotly").joinpath(f"package_data/{name}").read_bytes()
    return _File(kind, data, gzip.compress(data, 6, mtime=0), f'"{hashlib.sha256(data).hexdigest()[:24]}"')


async def static(request: web.Request) -> web.StreamResponse:
    """One of the files; the charting library may be kept for a day, ours are asked for each time and seldom sent."""
    name = request.match_info["name"]
    if name not in NAMES:
        raise web.HTTPNotFound
    file = _file(name)
    age_s = 86_400 if name not in _OURS else 0
    headers = {"ETag": file.tag, "Vary": "Accept-Encoding", "Cache-Control": f"private, max-age={age_s}"}
    if request.headers.get("If-None-Match") == file.tag:
        return web.Response(status=304, headers=headers)
    body = file.data
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        body, headers["Content-Encoding"] = file.packed, "gzip"
    return web.Response(body=body, content_type=file.kind, charset="utf-8", headers=headers)
