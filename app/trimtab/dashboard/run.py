"""The role: reads the topics into the store and serves pages until SIGTERM."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
from pathlib import Path

from trimtab.config import Config
from trimtab.dashboard.exporter import routes
from trimtab.dashboard.reader import Reader
from trimtab.dashboard.store import Queries, Store
from trimtab.dashboard.web.actions import Actions
from trimtab.dashboard.web.app import make_app
from trimtab.dashboard.web.hub import Hub
from trimtab.dashboard.web.serve import Listener
from trimtab.dashboard.web.site import Site
from trimtab.dashboard.web.tokens import Gatekeeper
from trimtab.kafka.clients import admin, connect
from trimtab.registry.index import RegistryIndex
from trimtab.registry.signing import Trust
from trimtab.roles.process import StopSignal, data_dir

__all__ = ["run"]

log = logging.getLogger("trimtab.dashboard")


def run(config: Config, instance: str) -> None:
    """Serve until SIGTERM.

    Raises
    ------
    KafkaError
        If no broker answers, or the port is taken.
    """
    connect(config.kafka)
    folder = data_dir(config) / f"dashboard-{instance}"
    folder.mkdir(parents=True, exist_ok=True)
    store = _store(config, folder)
    with StopSignal() as stop:
        try:
            asyncio.run(_serve(config, instance, folder, store, stop))
        finally:
            store.close()


def _store(config: Config, folder: Path) -> Store:
    spec = config.dashboard
    return Store(
        folder / "store.db",
        f"{admin(config.kafka).list_topics(timeout=10).cluster_id}/{config.kafka.topic_prefix}",
        keep_ms=spec.keep,
        detail_ms=spec.detail,
        windows=spec.windows,
    )


def _session_key(folder: Path) -> bytes:
    """The key of sessions, kept so that a restart signs nobody out; nobody else may read it."""
    path = folder / "session.key"
    try:
        key = path.read_bytes()
        if len(key) == 32:
            return key
    except FileNotFoundError:
        pass
    key = secrets.token_bytes(32)
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
        file.write(key)
    return key


async def _serve(config: Config, instance: str, folder: Path, store: Store, stop: StopSignal) -> None:
    trust = Trust.of(config)
    # Versions are shown, references are not: they are large.
    index = RegistryIndex(config.kafka, f"trimtab-dashboard-{instance}", trust, references=False)
    hub = Hub(asyncio.get_running_loop())

    def changed(names: set[str]) -> None:
        site.changed(names)

    reader = Reader(config, store, changed)
    site = Site(
        config,
        Queries(store.path),
        index,
        Actions(config, "dashboard" if instance == "1" else f"dashboard-{instance}"),
        Gatekeeper(config.dashboard.tokens, _session_key(folder)),
        hub,
        lambda: reader.share,
        trust,
    )
    listener = Listener(make_app(site, routes(site)), config.dashboard.host, config.dashboard.port)
    try:
        await asyncio.to_thread(index.start)
        index.subscribe(lambda key, _: changed({f"registry/{key.partition('/')[0]}"}))
        reader.start()
        site.port = await listener.start()
        _announce(config, site.port)
        while not stop.is_set():
            await asyncio.sleep(0.1)
    finally:
        hub.close()
        await listener.close()
        await asyncio.to_thread(reader.close)
        await asyncio.to_thread(index.close)
        site.threads.shutdown(cancel_futures=True)


def _announce(config: Config, port: int) -> None:
    """Port 0 takes a free one: whoever started us reads here which."""
    host = config.dashboard.host
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}/"
    (data_dir(config) / "dashboard.url").write_text(url + "\n", encoding="utf-8")
    log.info("listening on %s", url)
