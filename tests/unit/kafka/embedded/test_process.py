"""A pid is trusted only with its birth mark."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from trimtab.kafka.embedded import EmbeddedBroker, process
from trimtab.kafka.embedded.errors import BrokerError
from trimtab.kafka.embedded.state import BrokerState, write_state

STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[int]:
    pid = process.spawn(["sleep", "60"], cwd=tmp_path, output=tmp_path / "out", env=dict(os.environ))
    yield pid
    mark = process.identity(pid)
    if mark is not None:
        process.end(pid, mark, 0)


def test_identity_is_stable_and_our_own(sleeper: int) -> None:
    assert process.identity(sleeper) == process.identity(sleeper) != process.identity(os.getpid())


def test_zombie_does_not_run() -> None:
    with subprocess.Popen(["true"]) as child:
        deadline = time.monotonic() + 5
        while process.identity(child.pid) is not None:
            assert time.monotonic() < deadline
            time.sleep(0.01)
    assert process.identity(child.pid) is None


def test_end_spares_a_process_with_another_mark(sleeper: int) -> None:
    process.end(sleeper, "an earlier boot:1", 0)
    assert process.identity(sleeper) is not None


def test_end_ends(sleeper: int) -> None:
    process.end(sleeper, str(process.identity(sleeper)), 5)
    assert process.identity(sleeper) is None


def test_end_kills_after_the_deadline(tmp_path: Path) -> None:
    output = tmp_path / "out"
    pid = process.spawn([sys.executable, "-c", STUBBORN], cwd=tmp_path, output=output, env=dict(os.environ))
    while not (output.exists() and output.read_text()):
        time.sleep(0.01)
    began = time.monotonic()
    process.end(pid, str(process.identity(pid)), 0.3)
    assert process.identity(pid) is None
    assert 0.3 <= time.monotonic() - began < 5


def test_process_of_another_user_is_told(monkeypatch: pytest.MonkeyPatch, sleeper: int) -> None:
    def forbid(_pid: int, _signal: int) -> None:
        raise PermissionError

    mark = str(process.identity(sleeper))
    with monkeypatch.context() as patch:
        patch.setattr(os, "kill", forbid)
        with pytest.raises(BrokerError, match="belongs to another user; stop it as that user"):
            process.end(sleeper, mark, 0)


def test_broker_takes_no_stranger_for_its_own(tmp_path: Path, sleeper: int) -> None:
    write_state(tmp_path, BrokerState("4.1.1", 20_001, 20_002, sleeper, "an earlier boot:1"))
    assert EmbeddedBroker(tmp_path).status() is None
    assert EmbeddedBroker(tmp_path).stop() is False
    assert process.identity(sleeper) is not None
