"""Chromium, a real Kafka with a fleet in it, and a dashboard that can be ended and started again."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from tests.browser import world
from trimtab.config import Config, KafkaConfig, load_config
from trimtab.kafka.clients import admin
from trimtab.kafka.embedded import EmbeddedBroker
from trimtab.kafka.topics import create_topics

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Dashboard:
    """The role as a process, on one port for good."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config: Config = load_config(path, environ={})
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "trimtab", "run", "dashboard", "--config", str(self.path)]
        environ = {name: value for name, value in os.environ.items() if not name.startswith("TRIMTAB_")}
        with (self.path.parent / "dashboard.log").open("ab") as out:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=environ)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(f"{self.url}/healthz", timeout=5) as answer:
                    if orjson.loads(answer.read())["read_share"] >= 1:
                        return
            except OSError:
                time.sleep(0.1)
        raise AssertionError((self.path.parent / "dashboard.log").read_text()[-2_000:])

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.config.dashboard.port}"


def free_port() -> int:
    import socket

    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture(scope="session")
def fleet_kafka() -> Iterator[KafkaConfig]:
    folder = Path(tempfile.mkdtemp(prefix="trimtab-browser-"))
    broker = EmbeddedBroker(folder)
    try:
        servers = broker.start().bootstrap_servers
        config = KafkaConfig(bootstrap_servers=servers, topic_prefix=f"b{uuid.uuid4().hex[:8]}.", partitions=3)
        create_topics(admin(config), config)
        yield config
    finally:
        broker.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def dashboard(fleet_kafka: KafkaConfig, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    folder = tmp_path_factory.mktemp("dashboard")
    one = Dashboard(world.write_config(fleet_kafka, folder, port=free_port()))
    world.fill(one.config)
    one.start()
    try:
        yield one
    finally:
        one.stop()
