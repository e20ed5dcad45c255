"""The section ``dashboard``: where it listens, who may look and who may act, and how much it keeps."""

from __future__ import annotations

import ipaddress
import re
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from trimtab.config.base import NAME, Positive, Strict
from trimtab.config.duration import Milliseconds

__all__ = ["DashboardConfig", "TokenSpec", "is_loopback"]

_DAY_MS = 86_400_000
_SHA256 = re.compile(r"[0-9a-f]{64}")
_HOST = re.compile(r"[A-Za-z0-9._-]+(:\d{1,5})?|\[[0-9A-Fa-f:.]+\](:\d{1,5})?")


class TokenSpec(Strict):
    """One person or machine that may use the dashboard.

    Only the token's SHA-256 is here, so that nobody who reads the file can sign in; ``trimtab dashboard token`` makes
    both. ``read`` may look, ``operator`` may also act.
    """

    role: Literal["read", "operator"] = "read"
    sha256: str

    @field_validator("sha256")
    @classmethod
    def _hexadecimal(cls, value: str) -> str:
        if not _SHA256.fullmatch(value.lower()):
            # The value is not shown: it may be the token itself.
            raise ValueError("it is no SHA-256, 64 hexadecimal digits; make one with: trimtab dashboard token NAME")
        return value.lower()


class DashboardConfig(Strict):
    """Where the dashboard listens, port 0 taking a free one, and to whom it answers.

    An address that others can reach needs at least one token. ``hosts`` are the names under which browsers know it, as
    in ``monitor.example.com`` or ``10.0.0.7:8642``; loopback's names and ``host`` itself always count. Windows are
    kept for ``keep`` after they were written, every statistic and histogram of them for ``detail``, and never more
    than ``windows`` of one model and segment.
    """

    host: str = "127.0.0.1"
    port: int = Field(default=8642, ge=0, lt=65_536)
    hosts: tuple[str, ...] = Field(default=(), strict=False)
    tokens: dict[str, TokenSpec] = Field(default={})
    keep: Milliseconds = Field(default=90 * _DAY_MS, gt=0)
    detail: Milliseconds = Field(default=3 * _DAY_MS, gt=0)
    windows: Positive = 5_000

    @field_validator("hosts")
    @classmethod
    def _named(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for host in value:
            if not _HOST.fullmatch(host):
                raise ValueError(f"{host!r} is no host; write monitor.example.com, or with its port 10.0.0.7:8642")
        return tuple(host.lower() for host in value)

    @field_validator("tokens")
    @classmethod
    def _names(cls, value: dict[str, TokenSpec]) -> dict[str, TokenSpec]:
        for name in value:
            if not NAME.fullmatch(name):
                raise ValueError("a token's name has letters, digits, '.', '_' and '-' only, at most 100")
        return value

    @model_validator(mode="after")
    def _guarded(self) -> Self:
        if not self.tokens and not is_loopback(self.host):
            raise ValueError(
                f"host: {self.host} can be reached by others, so a token is needed; make one with: "
                "trimtab dashboard token NAME, or listen on 127.0.0.1"
            )
        return self


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address.

    Examples
    --------
    >>> [is_loopback(host) for host in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "monitor")]
    [True, True, True, False, False]
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
