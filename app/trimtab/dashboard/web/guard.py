"""What every request passes before a handler sees it.

1. ``Host`` is a name we are known by, so that a page elsewhere cannot reach us by a name of its own (DNS rebinding);
2. the body is not too large;
3. somebody known sends it, or it asks for what anybody may see;
4. what changes something is sent by our own pages (``Sec-Fetch-Site``, ``Origin``) and by an operator.

Every answer has headers that keep scripts, frames and other sites out.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final
from urllib.parse import quote

from aiohttp import web

from trimtab.config import DashboardConfig
from trimtab.dashboard.pages.layout import frame
from trimtab.dashboard.pages.plain import problem
from trimtab.dashboard.web.keys import IDENTITY, viewer_of
from trimtab.dashboard.web.tokens import COOKIE, Gatekeeper
from trimtab.errors import ConfigError, TrimtabError

__all__ = ["HEADERS", "MAX_BODY_BYTES", "guard", "host_is_known", "is_own_request"]

log = logging.getLogger("trimtab.dashboard")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

MAX_BODY_BYTES: Final = 65_536
_OPEN: Final = frozenset({"/healthz", "/login"})
_LOOPBACK: Final = ("127.0.0.1", "localhost", "[::1]")
HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    # Which releases of what answer is nobody's business.
    "Server": "trimtab",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # With no-referrer, browsers would hide the origin of a form that is sent.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


def host_is_known(host: str | None, config: DashboardConfig, port: int) -> bool:
    """Whether a ``Host`` header is a name of ours; one that is configured without a port goes with ours, or none.

    Examples
    --------
    >>> config = DashboardConfig(hosts=("monitor.example.com",))
    >>> [host_is_known(h, config, 8642) for h in ("127.0.0.1:8642", "monitor.example.com", "evil.test:8642", None)]
    [True, True, False, False]
    """
    if not host:
        return False
    bound = f"[{config.host}]" if ":" in config.host else config.host
    known = {f"{name}:{port}" for name in (*_LOOPBACK, bound.lower())}
    for name in config.hosts:
        known |= {name} if name.rpartition("]")[2].count(":") else {name, f"{name}:{port}"}
    return host.lower() in known


def is_own_request(headers: Mapping[str, str]) -> bool:
    """Whether a request that changes something comes from our own pages, or from no browser at all.

    Examples
    --------
    >>> own = {"Host": "localhost:1", "Origin": "http://localhost:1"}
    >>> is_own_request(own), is_own_request(own | {"Origin": "http://evil.test"}), is_own_request({"Host": "a"})
    (True, False, True)
    >>> is_own_request(own | {"Sec-Fetch-Site": "cross-site"}), is_own_request(own | {"Origin": "null"})
    (False, False)
    """
    if headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
        return False
    origin = headers.get("Origin")
    if origin is None:
        return True
    scheme, _, host = origin.partition("://")
    return scheme in ("http", "https") and host.lower() == headers.get("Host", "").lower()


def guard(
    config: DashboardConfig, gate: Gatekeeper, port: Callable[[], int]
) -> Callable[..., Awaitable[web.StreamResponse]]:
    """The middleware; ``port`` is where we listen, known once we do."""

    @web.middleware
    async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            response = await _checked(request, handler, config, gate, port())
        except web.HTTPException as error:
            response = _told(request, error)
        except TrimtabError as error:
            status = 400 if isinstance(error, ConfigError) else 502
            response = _answer(request, status, str(error))
        except Exception:
            log.exception("%s %s failed", request.method, request.path)
            response = _answer(request, 500, "the dashboard failed; its log says why")
        if not response.prepared:
            for name, value in HEADERS.items():
                response.headers.setdefault(name, value)
            response.headers.setdefault("Cache-Control", "no-store")
        return response

    return guarded


async def _checked(
    request: web.Request, handler: Handler, config: DashboardConfig, gate: Gatekeeper, port: int
) -> web.StreamResponse:
    if request.path != "/healthz" and not host_is_known(request.headers.get("Host"), config, port):
        # The name is not repeated: it is whatever somebody sent.
        return _answer(request, 421, "this Host is not known here; add it to dashboard.hosts")
    if request.content_length is not None and request.content_length > MAX_BODY_BYTES:
        raise web.HTTPRequestEntityTooLarge(MAX_BODY_BYTES, request.content_length)
    changes = request.method not in ("GET", "HEAD")
    if changes and not is_own_request(request.headers):
        return _answer(request, 403, "this was sent by a page of another site; it is not carried out")
    identity = gate.identify(request.headers.get("Authorization"), request.cookies.get(COOKIE), now_s=time.time())
    public = request.path in _OPEN or request.path.startswith("/static/")
    if identity is None and not public:
        return _unknown(request)
    if changes and identity is not None and not identity.operator and request.path not in ("/login", "/logout"):
        return _answer(request, 403, f"{identity.name} may look, not act; it takes a token of role operator")
    if identity is not None:
        request[IDENTITY] = identity
    return await handler(request)


def _unknown(request: web.Request) -> web.StreamResponse:
    if _wants_page(request) and request.method == "GET":
        raise web.HTTPSeeOther(f"/login?next={quote(request.path_qs, safe='')}")
    response = _answer(request, 401, "a token is needed: Authorization: Bearer TOKEN")
    response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _wants_page(request: web.Request) -> bool:
    return "text/html" in request.headers.get("Accept", "") and not request.path.startswith("/api/")


def _told(request: web.Request, error: web.HTTPException) -> web.StreamResponse:
    """Redirects as they are; of what went wrong a page, or JSON."""
    if error.status < 400:
        return web.Response(status=error.status, headers={"Location": error.headers["Location"]})
    said = {
        405: "that cannot be done here",
        413: "the request is too large: 64 kB at most",
    }
    response = _answer(request, error.status, said.get(error.status, _said(error)))
    if error.status == 413:
        # What is still to come is not read.
        response.force_close()
    return response


def _said(error: web.HTTPException) -> str:
    """What a handler said; aiohttp's own words begin with the status."""
    text = error.text or ""
    return text if text and not text.startswith(f"{error.status}:") else "there is nothing here"


def _answer(request: web.Request, status: int, said: str) -> web.Response:
    if _wants_page(request):
        viewer = viewer_of(request)
        return web.Response(text=frame(problem(status, said), viewer), content_type="text/html", status=status)
    return web.json_response({"error": said}, status=status)
