"""Prometheus' Alertmanager itself takes what we send it: fires, and ends what is resolved."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.broker.running import wait_until
from tests.broker.test_delivery import DASHBOARD, notices
from tests.unit.notices.world import alerting
from trimtab.delivery import Undelivered, senders_of
from trimtab.notices import Notice

BINARY = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
pytestmark = pytest.mark.skipif(BINARY is None, reason="Alertmanager is not here; in Debian: prometheus-alertmanager")


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """One that tells nobody."""
    (tmp_path / "alertmanager.yml").write_text("route: {receiver: none}\nreceivers: [{name: none}]\n")
    address = f"127.0.0.1:{free_port()}"
    command = [str(BINARY), f"--config.file={tmp_path / 'alertmanager.yml'}", f"--storage.path={tmp_path}"]
    command += [f"--web.listen-address={address}", "--cluster.listen-address="]
    with (tmp_path / "log").open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out)
    try:
        assert wait_until(lambda: ready(address), 20), (tmp_path / "log").read_text()
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait(10)


def ready(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://{address}/-/ready", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def active(url: str) -> dict[str, dict[str, Any]]:
    """Alerts that fire there, by incident."""
    with urllib.request.urlopen(f"{url}/api/v2/alerts?active=true", timeout=5) as answer:
        return {one["annotations"]["incident"]: one for one in json.loads(answer.read())}


def now_and_here(notice: Notice, now_ms: int) -> Notice:
    """The test's world begins in 1970."""
    times = ("raised_ms", "first_raised_ms")
    alerts = [{**alert, **{name: alert[name] + now_ms for name in times}} for alert in notice.alerts]
    return replace(notice, due_ms=notice.due_ms + now_ms, alerts=alerts)


def test_it_fires_and_ends_there(url: str) -> None:
    config = alerting(receivers={"ops": {"alertmanager": {"url": url}}}, dashboard=DASHBOARD)
    [sender] = senders_of(config).values()
    now_ms = int(time.time() * 1_000)
    firing, resolved = (now_and_here(notice, now_ms - 300_000) for notice in notices(config))
    sender.send(firing)
    sender.send(firing)
    assert wait_until(lambda: len(active(url)) == 2, 10)
    found = active(url)["income"]
    assert found["labels"]["alertname"] == "TrimtabDrift"
    assert found["labels"]["model"] == "credit"
    assert found["status"]["state"] == "active"
    assert found["generatorURL"] == f"{DASHBOARD}/incidents/income"
    assert found["annotations"]["runbook_url"] == "http://ops.example/run?a=1&b=2"
    sender.send(resolved)
    assert wait_until(lambda: active(url) == {}, 10)


def test_it_refuses_what_is_no_alert(url: str) -> None:
    config = alerting(receivers={"ops": {"alertmanager": {"url": url}}})
    [sender] = senders_of(config).values()
    notice = notices(config)[0]
    nameless = replace(notice, alerts=[{**notice.alerts[0], "labels": {"no name": "x"}}])
    with pytest.raises(Undelivered) as caught:
        sender.send(nameless)
    assert caught.value.final
    assert "400" in str(caught.value)
