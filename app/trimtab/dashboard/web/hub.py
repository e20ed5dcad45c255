"""Tells browsers what changed: a few names a second, to any number of clients, none of which can hold up another."""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from dataclasses import dataclass, field
from typing import Final

__all__ = ["Change", "Client", "Hub"]

_HISTORY: Final = 1_000
_QUEUE: Final = 50
_PAUSE_S: Final = 0.1
RELOAD: Final = "*"
"""Says that anything may have changed."""


@dataclass(frozen=True, slots=True)
class Change:
    """What changed since the one before; ``id`` is ``EPOCH-NUMBER``, an epoch being one run of the dashboard."""

    id: str
    names: tuple[str, ...]


@dataclass(eq=False)
class Client:
    """One open connection; ``queue`` holds None once it was too slow."""

    queue: asyncio.Queue[Change | None] = field(default_factory=lambda: asyncio.Queue(_QUEUE))


class Hub:
    """Gathers changes from the reading thread and hands them on; all but :meth:`tell` belong to the event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, epoch: str | None = None) -> None:
        self._loop = loop
        self._epoch = epoch or secrets.token_hex(4)
        self._number = 0
        self._history: deque[Change] = deque(maxlen=_HISTORY)
        self._clients: set[Client] = set()
        self._gathered: set[str] = set()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def id(self) -> str:
        """Of the last change that was told."""
        return f"{self._epoch}-{self._number}"

    @property
    def clients(self) -> int:
        """How many are connected."""
        return len(self._clients)

    def tell(self, names: set[str]) -> None:
        """Something changed; from any thread."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._gather, frozenset(names))

    def join(self, last_id: str | None) -> Client:
        """A new client, told what it has missed since ``last_id``; of another epoch, that all may have changed."""
        client = Client()
        self._clients.add(client)
        if last_id:
            missed = self._since(last_id)
            if missed is None:
                client.queue.put_nowait(Change(self.id, (RELOAD,)))
            elif missed:
                names = sorted({name for change in missed for name in change.names})
                client.queue.put_nowait(Change(missed[-1].id, tuple(names)))
        return client

    def leave(self, client: Client) -> None:
        """It has gone."""
        self._clients.discard(client)

    def close(self) -> None:
        """End every connection."""
        for client in list(self._clients):
            self._drop(client)

    def _since(self, last_id: str) -> list[Change] | None:
        epoch, _, number = last_id.partition("-")
        if epoch != self._epoch or not (number.isascii() and number.isdigit()):
            return None
        first = self._number - len(self._history)
        if int(number) < first:
            return None
        return list(self._history)[max(0, int(number) - first) :]

    def _gather(self, names: frozenset[str]) -> None:
        self._gathered |= names
        if self._timer is None:
            # While the log is read anew there are thousands of batches.
            self._timer = self._loop.call_later(_PAUSE_S, self._send)

    def _send(self) -> None:
        self._timer = None
        names, self._gathered = tuple(sorted(self._gathered)), set()
        self._number += 1
        change = Change(self.id, names)
        self._history.append(change)
        for client in list(self._clients):
            try:
                client.queue.put_nowait(change)
            except asyncio.QueueFull:
                self._drop(client)

    def _drop(self, client: Client) -> None:
        """A client that does not read is let go; it comes back by itself and asks for what it missed."""
        self._clients.discard(client)
        while not client.queue.empty():
            client.queue.get_nowait()
        client.queue.put_nowait(None)
