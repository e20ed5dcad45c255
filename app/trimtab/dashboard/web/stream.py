"""Live changes as server-sent events: names of what changed, so that a page asks for its parts anew."""

from __future__ import annotations

import asyncio
from typing import Final

import orjson
from aiohttp import web

from trimtab.dashboard.web.guard import HEADERS
from trimtab.dashboard.web.site import SITE

__all__ = ["stream"]

_BEAT_S: Final = 15.0
_WRITE_S: Final = 10.0
_RETRY_MS: Final = 1_000
_MOST: Final = 200


async def stream(request: web.Request) -> web.StreamResponse:
    """Changes since ``Last-Event-ID`` or ``?since=``; a comment now and then, so that a dead connection is noticed."""
    hub = request.app[SITE].hub
    if hub.clients >= _MOST:
        raise web.HTTPServiceUnavailable(text="too many browsers are connected")
    response = web.StreamResponse(
        headers={**HEADERS, "Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    )
    await response.prepare(request)
    client = hub.join(request.headers.get("Last-Event-ID") or request.query.get("since"))
    try:
        # Nothing but an event with an id makes a browser ask for what it missed when it comes again.
        await _write(response, f"retry: {_RETRY_MS}\nid: {hub.id}\nevent: hello\ndata: []\n\n")
        while True:
            try:
                change = await asyncio.wait_for(client.queue.get(), _BEAT_S)
            except TimeoutError:
                await _write(response, ": still here\n\n")
                continue
            if change is None:
                break
            await _write(response, f"id: {change.id}\ndata: {orjson.dumps(change.names).decode()}\n\n")
    except (ConnectionError, TimeoutError):
        pass
    finally:
        hub.leave(client)
    return response


async def _write(response: web.StreamResponse, text: str) -> None:
    """Who does not read for so long is gone."""
    await asyncio.wait_for(response.write(text.encode()), _WRITE_S)
