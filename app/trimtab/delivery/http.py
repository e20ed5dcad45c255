"""One POST, and what its answer means.

==================================  ==========================================
answer                              means
==================================  ==========================================
2xx                                 it arrived
408, 425, 429, 5xx, no answer       try again, after ``Retry-After`` if given
other 4xx, a redirection            final: the receiver will never take it
==================================  ==========================================
"""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from trimtab.delivery.outcome import Undelivered

__all__ = ["TIMEOUT_S", "post"]

TIMEOUT_S: Final = 10.0
_AGAIN: Final = frozenset({408, 425, 429})
_MOST_WAIT_S: Final = 3_600
_SHOWN: Final = 200


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirected POST would arrive as a GET without its body, maybe at somebody else's."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


def post(url: str, body: bytes, headers: Mapping[str, str], timeout_s: float = TIMEOUT_S) -> None:
    """Send JSON.

    Raises
    ------
    Undelivered
        If it did not arrive. Only the host of the URL is shown: paths hold secrets.
    """
    host = urlsplit(url).netloc.rpartition("@")[2]
    request = urllib.request.Request(url, body, {"Content-Type": "application/json", **headers}, method="POST")  # noqa: S310  the configuration allows http and https only
    opener = urllib.request.build_opener(_NoRedirect)
    try:
        with opener.open(request, timeout=timeout_s) as answer:
            answer.read(_SHOWN)
    except urllib.error.HTTPError as error:
        with error:
            said = " ".join(error.read(_SHOWN).decode("utf-8", "replace").split())
        again = error.code in _AGAIN or error.code >= 500
        after = str(error.headers.get("Retry-After") or "")
        after_ms = 1_000 * min(int(after), _MOST_WAIT_S) if after.isdecimal() else None
        raise Undelivered(f"{host} answers {error.code}: {said}", final=not again, after_ms=after_ms) from None
    except (OSError, http.client.HTTPException) as error:
        # A URLError is an OSError that holds another.
        cause = getattr(error, "reason", None) or error
        raise Undelivered(f"{host} cannot be reached: {cause}") from None
