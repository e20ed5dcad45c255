"""What handlers share: the configuration, where to look, what to do it with, and whom to tell."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final, TypeVar

from aiohttp import web

from trimtab import clock
from trimtab.config import Config
from trimtab.dashboard.store import Queries
from trimtab.dashboard.views.remembered import Remembered
from trimtab.dashboard.views.world import Registry, World
from trimtab.dashboard.web.actions import Actions
from trimtab.dashboard.web.hub import Hub
from trimtab.dashboard.web.tokens import Gatekeeper
from trimtab.registry.signing import TRUSTING, Trust

__all__ = ["SITE", "Site"]

Made = TypeVar("Made")


@dataclass
class Site:
    """One dashboard. ``read_share`` says how much of the log is read; ``port`` is 0 until we listen.

    ``remembered`` are rows of the fleet's page, ``exported`` samples for Prometheus.
    """

    config: Config
    queries: Queries
    registry: Registry
    actions: Actions
    gate: Gatekeeper
    hub: Hub
    read_share: Callable[[], float] = lambda: 1.0
    trust: Trust = TRUSTING
    port: int = 0
    remembered: Remembered = field(default_factory=Remembered)
    exported: Remembered = field(default_factory=Remembered)
    # SQLite and Kafka block; these threads do, and the loop goes on.
    threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(4, "dashboard"))

    def world(self) -> World:
        """What is known now."""
        now_ms = clock.now_ms()
        return World(self.config, self.queries, self.registry, now_ms, self.read_share(), self.trust, self.remembered)

    def changed(self, names: set[str]) -> None:
        """Something changed, such as ``metrics/credit``; from any thread."""
        self.remembered.forget(names)
        self.exported.forget(names)
        self.hub.tell(names)

    async def apart(self, make: Callable[[], Made]) -> Made:
        """Run something that blocks."""
        return await asyncio.get_running_loop().run_in_executor(self.threads, make)


SITE: Final = web.AppKey("site", Site)
