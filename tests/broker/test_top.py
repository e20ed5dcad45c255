"""``trimtab top`` over a real log, and what SIGTERM does to commands that go on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.browser import world
from trimtab.cli.main import run
from trimtab.config import KafkaConfig, load_config


@pytest.fixture
def path(kafka: KafkaConfig, tmp_path: Path) -> Path:
    made = world.write_config(kafka, tmp_path)
    world.fill(load_config(made, environ={}))
    return made


@pytest.mark.timeout(90)
def test_the_fleet_is_there_at_once(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["top", "--once", "--config", str(path)]) == 0
    out = capsys.readouterr().out
    assert "4 models: " in out
    printed = [line.split()[0] for line in out.splitlines()[2:6]]
    assert set(printed) == {"fraud", "credit", "churn", "pricing"}
    assert run(["top", "--json", "--config", str(path)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [row["model"] for row in found["fleet"]["models"]] == printed
    assert found["system"]["read_share"] == 1.0
    assert {row["role"] for row in found["system"]["processes"]} >= {"collector", "trainer"}


@pytest.mark.timeout(60)
def test_sigterm_ends_a_command_as_ctrl_c_does(path: Path) -> None:
    command = [sys.executable, "-m", "trimtab", "alerts", "tail", "--config", str(path)]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("TRIMTAB_")}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environ)
    time.sleep(3)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=10)
    assert process.returncode == 130
    assert b"Traceback" not in err
