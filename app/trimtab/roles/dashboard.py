"""The dashboard: one server-rendered page and its JSON, from what the roles wrote to Kafka. It only reads."""

from __future__ import annotations

import asyncio
import errno
import logging
import threading
import time
from typing import TYPE_CHECKING, Any

from trimtab.config import Config
from trimtab.errors import KafkaError
from trimtab.kafka.clients import connect
from trimtab.kafka.reading import read_topics
from trimtab.kafka.topics import Topics
from trimtab.registry.index import RegistryIndex
from trimtab.registry.records import online_key
from trimtab.registry.signing import SIGNATURE, SignatureRefused, Trust
from trimtab.roles.dashboard_page import render
from trimtab.roles.process import StopSignal, data_dir

if TYPE_CHECKING:
    from aiohttp import web

__all__ = ["Board", "run"]

log = logging.getLogger("trimtab.dashboard")

SHOWN_VERSIONS = 20
_PERFORMANCE = frozenset({"accuracy", "log_loss", "f1", "mae", "rmse", "labelled", "events"})


class Board:
    """What is known now: latest performance, firing alerts and dead letters, beside the registry's index."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._lock = threading.Lock()
        self._performance: dict[str, dict[str, dict[str, Any]]] = {name: {} for name in config.models}
        self._firing: dict[str, dict[str, Any]] = {}
        self._dead_letters: dict[str, int] = {}
        self._trust = Trust.of(config)
        self._online: dict[str, dict[str, Any]] = {}

    def take(self, topic: str, record: dict[str, Any]) -> None:
        """One record of ``metrics``, ``alerts``, ``serving`` or ``dead-letters``."""
        with self._lock:
            if topic == "serving":
                self._take_online(record)
            elif topic == "dead-letters":
                self._dead_letters[record["reason"]] = self._dead_letters.get(record["reason"], 0) + 1
            elif topic == "alerts":
                if record["state"] == "firing":
                    self._firing[record["fingerprint"]] = record
                else:
                    self._firing.pop(record["fingerprint"], None)
            elif record["statistic"] in _PERFORMANCE and not record["segment"] and record["model"] in self._performance:
                latest = self._performance[record["model"]]
                before = latest.get(record["statistic"])
                if before is None or before["end_ms"] <= record["end_ms"]:
                    latest[record["statistic"]] = record

    def _take_online(self, record: dict[str, Any]) -> None:
        name = record.get("model")
        if "learnt_offset" not in record or name not in self._config.models:
            return
        try:
            self._trust.check("registry", online_key(name), record)
        except SignatureRefused as refused:
            log.warning("%s; it is not shown", refused)
            return
        self._online[name] = {key: value for key, value in record.items() if key not in ("snapshot", SIGNATURE)}

    def state(self, index: RegistryIndex) -> dict[str, Any]:
        """Everything the page shows, as plain JSON."""
        with self._lock:
            firing = list(self._firing.values())
            performance = {name: dict(latest) for name, latest in self._performance.items()}
            dead, online = dict(self._dead_letters), dict(self._online)
        models = {}
        for name, model in self._config.models.items():
            models[name] = {
                "mode": model.mode,
                "champion": index.champion(name),
                "online": online.get(name) if model.mode == "online" else None,
                "performance": performance[name],
                "alerts": [alert for alert in firing if alert["model"] == name],
                "versions": [_brief(manifest) for manifest in index.versions(name)[: -SHOWN_VERSIONS - 1 : -1]],
            }
        return {"now_ms": time.time_ns() // 1_000_000, "models": models, "dead_letters": dead}


def _brief(manifest: dict[str, Any]) -> dict[str, Any]:
    names = ("version", "parent", "candidate", "trigger", "created_ms")
    return {name: manifest.get(name) for name in names} | {"examples": manifest["examples"]["count"]}


def run(config: Config, instance: str) -> None:
    """Serve until SIGTERM.

    Raises
    ------
    KafkaError
        If no broker answers, or the port is taken.
    """
    connect(config.kafka)
    board = Board(config)
    index = RegistryIndex(config.kafka, f"trimtab-dashboard-{instance}", Trust.of(config))
    index.start()
    with StopSignal() as stop:
        reader = threading.Thread(target=_read, args=(config, board, stop), name="dashboard-reader", daemon=True)
        reader.start()
        try:
            asyncio.run(_serve(config, board, index, stop))
        finally:
            stop.set()
            reader.join(5.0)
            index.close()


def _read(config: Config, board: Board, stop: StopSignal) -> None:
    """Follow the topics; after an error, from the beginning again once Kafka answers."""
    topics = Topics(config.kafka.topic_prefix)
    names = [topics.metrics, topics.alerts, topics.serving, topics.dead_letters]
    import orjson

    while not stop.is_set():
        try:
            for message in read_topics(config.kafka, names, follow=True, stop=stop.is_set):
                value = message.value()
                if value is not None:
                    board.take((message.topic() or "").removeprefix(topics.prefix), orjson.loads(value))
        except KafkaError as error:
            log.warning("%s; trying again", error)
            stop.wait(2.0)


def make_app(board: Board, index: RegistryIndex) -> web.Application:
    """The pages ``/``, ``/api/state`` and ``/healthz``."""
    from aiohttp import web

    headers = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'", "Cache-Control": "no-store"}

    async def show(_: web.Request) -> web.Response:
        return web.Response(text=render(board.state(index)), content_type="text/html", headers=headers)

    async def state(_: web.Request) -> web.Response:
        return web.json_response(board.state(index), headers=headers)

    async def health(_: web.Request) -> web.Response:
        return web.json_response({"ok": True})

    app = web.Application()
    app.add_routes([web.get("/", show), web.get("/api/state", state), web.get("/healthz", health)])
    return app


async def _serve(config: Config, board: Board, index: RegistryIndex, stop: StopSignal) -> None:
    from aiohttp import web

    runner = web.AppRunner(make_app(board, index), access_log=None)
    await runner.setup()
    try:
        host, port = config.dashboard.host, config.dashboard.port
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            why = "it is taken" if error.errno == errno.EADDRINUSE else error.strerror
            raise KafkaError(f"dashboard cannot listen on {host}:{port}: {why}; set dashboard.port") from None
        url = f"http://{host}:{runner.addresses[0][1]}/"
        folder = data_dir(config)
        folder.mkdir(parents=True, exist_ok=True)
        # Port 0 takes a free one: whoever started us reads here which.
        (folder / "dashboard.url").write_text(url + "\n", encoding="utf-8")
        log.info("listening on %s", url)
        while not stop.is_set():
            await asyncio.sleep(0.1)
    finally:
        await runner.cleanup()
