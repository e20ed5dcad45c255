"""Changes reach every browser, none holds up another, and who comes again is told what it missed."""

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import StreamReader

from tests.unit.dashboard.serving import Served
from tests.unit.dashboard.serving import run as serve
from trimtab.config import Config
from trimtab.dashboard.store import Store
from trimtab.dashboard.web.hub import Change, Hub


def run(test: Callable[[Hub], Awaitable[None]]) -> None:
    async def whole() -> None:
        await test(Hub(asyncio.get_running_loop(), "e"))

    asyncio.run(whole())


def test_many_changes_become_one() -> None:
    async def test(hub: Hub) -> None:
        one, two = hub.join(None), hub.join(None)
        for name in ("metrics/a", "alerts/a", "metrics/a"):
            hub.tell({name})
        for client in (one, two):
            assert await client.queue.get() == Change("e-1", ("alerts/a", "metrics/a"))
            assert client.queue.empty()

    run(test)


def test_who_comes_again_is_told_what_it_missed() -> None:
    async def test(hub: Hub) -> None:
        first = hub.join(None)
        for name in ("a", "b", "c"):
            hub.tell({name})
            await first.queue.get()
        assert hub.join("e-1").queue.get_nowait() == Change("e-3", ("b", "c"))
        assert hub.join("e-3").queue.empty()
        # Another run of the dashboard, and what nobody sent.
        for strange in ("f-2", "e-", "e-x", "e-\u00b2", "nonsense"):
            assert hub.join(strange).queue.get_nowait() == Change("e-3", ("*",)), strange

    run(test)


def test_what_was_missed_long_ago_is_everything() -> None:
    async def test(hub: Hub) -> None:
        hub._history = type(hub._history)(maxlen=2)
        watcher = hub.join(None)
        for name in ("a", "b", "c"):
            hub.tell({name})
            await watcher.queue.get()
        assert hub.join("e-0").queue.get_nowait() is not None
        assert hub.join("e-0").queue.get_nowait() == Change("e-3", ("*",))

    run(test)


def test_who_does_not_read_is_let_go_and_others_are_not() -> None:
    async def test(hub: Hub) -> None:
        slow, quick = hub.join(None), hub.join(None)
        for number in range(60):
            hub.tell({str(number)})
            assert await quick.queue.get() is not None
        assert hub.clients == 1
        assert slow.queue.get_nowait() is None

    run(test)


def test_a_browser_hears_of_a_change_within_a_second(fleet_config: Config, store: Store) -> None:
    async def test(one: Served) -> None:
        loop = asyncio.get_running_loop()
        async with one.client.get(one.url + "/events?since=e-0") as answer:
            assert answer.headers["Content-Type"] == "text/event-stream"
            await _until(answer.content, b"event: hello")
            begun = loop.time()
            one.site.hub.tell({"alerts/credit"})
            line = await _until(answer.content, b"data: [")
            assert line == b'data: ["alerts/credit"]\n'
            assert loop.time() - begun < 1
        async with one.client.get(one.url + "/events", headers={"Last-Event-ID": "e-0"}) as answer:
            assert await _until(answer.content, b'data: ["') == b'data: ["alerts/credit"]\n'
        await asyncio.sleep(0.1)
        one.site.hub.tell({"x"})

    async def _until(content: StreamReader, start: bytes) -> bytes:
        while True:
            line = await asyncio.wait_for(content.readline(), 5)
            if line.startswith(start) and line != b"data: []\n":
                return line

    serve(fleet_config, store, test)
