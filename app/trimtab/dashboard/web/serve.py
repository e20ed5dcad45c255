"""Listens, and lets go of clients that are too slow.

aiohttp waits for ever for a first request's headers and for a reader that does not read. So each connection has two
clocks: until its first headers are whole, and while it takes nothing of what we write. There are at most so many.
"""

from __future__ import annotations

import asyncio
import errno
from typing import Final

from aiohttp import web

from trimtab.errors import KafkaError

__all__ = ["Limits", "Listener"]


class Limits:
    """How patient we are, and with how many."""

    def __init__(self, headers_s: float = 10.0, stall_s: float = 30.0, connections: int = 500) -> None:
        self.headers_s = headers_s
        self.stall_s = stall_s
        self.connections = connections


_END: Final = b"\r\n\r\n"


class _Watched(asyncio.Protocol):
    """Stands before aiohttp's protocol and looks at the clock; everything else goes through."""

    def __init__(self, inner: asyncio.Protocol, limits: Limits, open_now: set[_Watched]) -> None:
        self._inner = inner
        self._limits = limits
        self._open = open_now
        self._transport: asyncio.BaseTransport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._tail: bytes | None = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if len(self._open) >= self._limits.connections:
            transport.abort()  # type: ignore[attr-defined]
            return
        self._open.add(self)
        self._transport = transport
        self._wait(self._limits.headers_s)
        self._inner.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        if self._transport is None:
            return
        if self._tail is not None:
            seen = self._tail + data
            self._tail = seen[-3:]
            if _END in seen:
                # Later requests of this connection, and bodies, are aiohttp's to time.
                self._tail = None
                self._rest()
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        return self._inner.eof_received() if self._transport is not None else None

    def pause_writing(self) -> None:
        self._wait(self._limits.stall_s)
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._rest()
        self._inner.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._rest()
        self._open.discard(self)
        if self._transport is not None:
            self._inner.connection_lost(exc)

    def _wait(self, seconds: float) -> None:
        self._rest()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._give_up)

    def _rest(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        if self._transport is not None:
            self._transport.abort()  # type: ignore[attr-defined]


class Listener:
    """An application on an address."""

    def __init__(self, app: web.Application, host: str, port: int, limits: Limits | None = None) -> None:
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        self._host, self._port = host, port
        self._limits = limits or Limits()
        self._server: asyncio.Server | None = None

    async def start(self) -> int:
        """Listen; returns the port. Raises KafkaError when it cannot be had."""
        await self._runner.setup()
        inner, open_now = self._runner.server, set[_Watched]()
        assert inner is not None  # noqa: S101
        try:
            self._server = await asyncio.get_running_loop().create_server(
                lambda: _Watched(inner(), self._limits, open_now), self._host, self._port
            )
        except OSError as error:
            why = "it is taken" if error.errno == errno.EADDRINUSE else error.strerror
            raise KafkaError(
                f"dashboard cannot listen on {self._host}:{self._port}: {why}; set dashboard.port"
            ) from None
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Stop listening, and end what is open."""
        if self._server is not None:
            self._server.close()
        await self._runner.cleanup()
