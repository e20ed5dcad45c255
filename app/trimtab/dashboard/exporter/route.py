"""The route /metrics, in the text format of Prometheus or in OpenMetrics, as the scraper asks."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import Final

from aiohttp import web
from prometheus_client.exposition import choose_encoder

from trimtab.dashboard.exporter.models import lasting, passing
from trimtab.dashboard.exporter.own import own
from trimtab.dashboard.exporter.sheet import Sample, registry_of
from trimtab.dashboard.views.system import LagRow, lags
from trimtab.dashboard.web.site import SITE, Site

__all__ = ["routes"]

# Kafka is asked at most so often, however many scrape.
_LAG_EVERY_S: Final = 5.0

Lags = Callable[[], list[LagRow] | None]


def routes(site: Site) -> list[web.RouteDef]:
    """For :func:`trimtab.dashboard.web.app.make_app`."""
    ask = _seldom(lambda: lags(site.config))

    async def metrics(request: web.Request) -> web.Response:
        # One value for the whole Accept header: a scraper may send it in parts.
        encode, kind = choose_encoder(",".join(request.headers.getall("Accept", ())))
        text = await request.app[SITE].apart(lambda: encode(registry_of(_samples(site, ask()))))
        response = web.Response(body=text, headers={"Content-Type": kind})
        response.enable_compression()
        return response

    return [web.get("/metrics", metrics)]


def _samples(site: Site, behind: list[LagRow] | None) -> Iterable[Sample]:
    world = site.world()
    for model in site.config.models:
        yield from site.exported.get(model, lambda model=model: lasting(world, model))  # type: ignore[misc]
        yield from passing(world, model)
    yield from own(world, behind)


def _seldom(ask: Lags) -> Lags:
    """The same answer for a while; one thread asks at a time."""
    lock = threading.Lock()
    known: list[LagRow] | None = None
    asked_s = float("-inf")

    def answer() -> list[LagRow] | None:
        nonlocal known, asked_s
        with lock:
            if time.monotonic() - asked_s >= _LAG_EVERY_S:
                known, asked_s = ask(), time.monotonic()
            return known

    return answer
