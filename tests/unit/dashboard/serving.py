"""A dashboard's application behind a real socket, and what was ordered of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import ClientSession, web

from tests.browser import world
from tests.unit.dashboard.worlds import Records
from trimtab.config import Config
from trimtab.dashboard.store import Queries, Store
from trimtab.dashboard.web.actions import Actions
from trimtab.dashboard.web.app import make_app
from trimtab.dashboard.web.hub import Hub
from trimtab.dashboard.web.serve import Limits, Listener
from trimtab.dashboard.web.site import Site
from trimtab.dashboard.web.tokens import Gatekeeper, token_sha256
from trimtab.registry.silences import key_of

TOKENS = {
    "ada": {"role": "operator", "sha256": token_sha256("tt_operator")},
    "bob": {"role": "read", "sha256": token_sha256("tt_read")},
}
OPERATOR = {"Authorization": "Bearer tt_operator"}
ExtraRoutes = Callable[[Site], Iterable[web.RouteDef]]
READER = {"Authorization": "Bearer tt_read"}


class Ordered(Actions):
    """Keeps what it would have written."""

    def __init__(self, config: Config) -> None:
        super().__init__(config, "dashboard")
        self.done: list[tuple[Any, ...]] = []

    def order(self, command: str, model: str, version: int | None, actor: str, reason: str) -> dict[str, Any]:
        self.done.append((command, model, version, actor, reason))
        return {"id": "1"}

    def _hush(self, record: Any) -> dict[str, Any]:
        self.done.append((key_of(record).partition("/")[0], record["author"], record["comment"]))
        return dict(record)


class Served:
    """An application that answers."""

    def __init__(self, site: Site, client: ClientSession, actions: Ordered) -> None:
        self.site, self.client, self.actions = site, client, actions
        self.url = f"http://127.0.0.1:{site.port}"

    async def get(self, path: str, **headers: str) -> tuple[int, str, dict[str, str]]:
        return await self.ask("GET", path, headers)

    async def ask(
        self, method: str, path: str, headers: dict[str, str], data: Any = None
    ) -> tuple[int, str, dict[str, str]]:
        async with self.client.request(
            method, self.url + path, headers=headers, data=data, allow_redirects=False
        ) as answer:
            return answer.status, await answer.text(), dict(answer.headers)


@asynccontextmanager
async def served(
    config: Config, store: Store, limits: Limits | None = None, extra_routes: ExtraRoutes = lambda _: ()
) -> AsyncIterator[Served]:
    """The application on a free port of loopback."""
    actions = Ordered(config)
    site = Site(
        config,
        Queries(store.path),
        Records(world.registry(world.now_hour_ms())),
        actions,
        Gatekeeper(config.dashboard.tokens, b"k" * 32),
        Hub(asyncio.get_running_loop(), "e"),
    )
    listener = Listener(make_app(site, extra_routes(site)), "127.0.0.1", 0, limits)
    site.port = await listener.start()
    try:
        async with ClientSession() as client:
            yield Served(site, client, actions)
    finally:
        site.hub.close()
        await listener.close()
        site.threads.shutdown()


def run(
    config: Config,
    store: Store,
    test: Callable[[Served], Awaitable[None]],
    limits: Limits | None = None,
    extra_routes: ExtraRoutes = lambda _: (),
) -> None:
    """Run a test against it."""

    async def whole() -> None:
        async with served(config, store, limits, extra_routes) as one:
            await test(one)

    asyncio.run(whole())
