"""What a request carries for the handlers behind the guard, and the names it is kept under."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from trimtab.dashboard.pages.layout import Viewer
from trimtab.dashboard.web.tokens import Identity

__all__ = ["IDENTITY", "viewer_of"]

IDENTITY: Final = web.RequestKey("identity", Identity)


def viewer_of(request: web.Request) -> Viewer:
    """Who looks, for the page's frame."""
    identity = request.get(IDENTITY)
    if identity is None:
        return Viewer("nobody", may_act=False)
    return Viewer(identity.name, identity.operator, identity.by_cookie)
