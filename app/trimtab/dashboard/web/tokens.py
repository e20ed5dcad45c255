"""Tokens and sessions: who somebody is, told from what their request carries; pure.

A token is 256 random bits; the configuration has its SHA-256. A session is a cookie that names the token and its end,
with a MAC by a key of the dashboard's own, so that neither the file nor the cookie can be turned into a token. The MAC
covers the token's hash: whoever exchanges a token ends its sessions.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from trimtab.config import TokenSpec

__all__ = ["COOKIE", "Gatekeeper", "Identity", "new_token", "token_sha256"]

COOKIE: Final = "trimtab_session"
SESSION_S: Final = 12 * 3_600
_PREFIX: Final = "tt_"


def new_token() -> str:
    """A new random token."""
    return _PREFIX + secrets.token_urlsafe(32)


def token_sha256(token: str) -> str:
    """What the configuration has of a token."""
    # A header may hold any bytes.
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


@dataclass(frozen=True)
class Identity:
    """Somebody: their name, and whether they may act. ``by_cookie``: the browser sends it by itself."""

    name: str
    operator: bool
    by_cookie: bool = False


LOCAL: Final = Identity("local", operator=True)


@dataclass(frozen=True)
class Gatekeeper:
    """Knows who somebody is. Without tokens, on loopback, everybody is the operator ``local``.

    Parameters
    ----------
    key
        Of this dashboard, for sessions.

    Examples
    --------
    >>> spec = TokenSpec(role="operator", sha256=token_sha256("tt_x"))
    >>> gate = Gatekeeper({"ada": spec}, b"k" * 32)
    >>> gate.identify("Bearer tt_x", None, now_s=0), gate.identify("Bearer tt_y", None, now_s=0)
    (Identity(name='ada', operator=True, by_cookie=False), None)
    >>> gate.identify(None, gate.session("ada", now_s=0), now_s=10).by_cookie
    True
    """

    tokens: Mapping[str, TokenSpec]
    key: bytes

    def identify(self, authorization: str | None, cookie: str | None, *, now_s: float) -> Identity | None:
        """Who sends this; None for nobody that is known."""
        if not self.tokens:
            return LOCAL
        if authorization is not None:
            scheme, _, token = authorization.partition(" ")
            return self.of_token(token.strip()) if scheme.lower() == "bearer" else None
        return self._of_session(cookie, now_s) if cookie else None

    def of_token(self, token: str) -> Identity | None:
        """Whose token this is. Every hash is compared, in a time that does not tell which was nearest."""
        given, found = token_sha256(token), None
        for name, spec in self.tokens.items():
            if hmac.compare_digest(given, spec.sha256):
                found = Identity(name, spec.role == "operator")
        return found

    def session(self, name: str, *, now_s: float) -> str:
        """A cookie for a token that was given."""
        ends_s = int(now_s) + SESSION_S
        return f"{name}|{ends_s}|{self._mac(name, ends_s)}"

    def _of_session(self, cookie: str, now_s: float) -> Identity | None:
        name, _, rest = cookie.partition("|")
        ends, _, mac = rest.partition("|")
        spec = self.tokens.get(name)
        if spec is None or not (ends.isascii() and ends.isdigit()) or not mac.isascii():
            return None
        if not hmac.compare_digest(mac, self._mac(name, int(ends))) or now_s >= int(ends):
            return None
        return Identity(name, spec.role == "operator", by_cookie=True)

    def _mac(self, name: str, ends_s: int) -> str:
        said = f"trimtab dashboard session 1|{name}|{ends_s}|{self.tokens[name].sha256}"
        return hmac.new(self.key, said.encode(), hashlib.sha256).hexdigest()
