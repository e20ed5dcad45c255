"""How soon a promotion is served by all of many followers."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from loadtest.registry.versions import configured, templates, transactional, write_versions

__all__ = ["followers"]

MODEL = "m"
PROCESSES = 4

_FOLLOWERS = """
import json, sys, threading, time
from contextlib import ExitStack
from pathlib import Path
from trimtab import ModelFollower
from trimtab.config import load_config

config, count = load_config(Path(sys.argv[1])), int(sys.argv[2])
lock = threading.Lock()

def reloaded(served):
    now = time.time()
    with lock:
        print(json.dumps({"version": served.version, "at": now}), flush=True)

with ExitStack() as stack:
    for number in range(count):
        follower = ModelFollower("m", config, on_reload=reloaded, instance=f"{sys.argv[3]}-{number}")
        stack.enter_context(follower)
        if not follower.wait_for_model(120):
            sys.exit("no model came")
    print("ready", flush=True)
    sys.stdin.read()
"""


def followers(bootstrap: str, folder: Path, count: int, promotions: int, tell: Callable[[str], None]) -> dict[str, Any]:
    """From the commit of a promotion to its service by each of ``count`` followers in four processes."""
    config = configured(bootstrap, folder, [MODEL], prefix="followers.")
    sender, template = transactional(config, "followers"), templates(config)[MODEL]
    write_versions(config, sender, template, [1])
    each = -(-count // PROCESSES)
    started = [_start(folder / "followers.yaml", each, number) for number in range(PROCESSES)]
    took: list[float] = []
    try:
        for process in started:
            _until(process, "ready")
        tell(f"followers: {each * PROCESSES} are ready")
        for version in range(2, promotions + 2):
            time.sleep(1.0)
            began = time.time()
            write_versions(config, sender, template, [version])
            for process in started:
                took += [one["at"] - began for one in _reloads(process, version, each)]
    finally:
        for process in started:
            if process.stdin is not None:
                process.stdin.close()
            process.wait(60)
    p50, p99 = (float(np.percentile(took, q)) for q in (50, 99))
    return {
        "followers": each * PROCESSES,
        "promotions": promotions,
        "reloads": len(took),
        "p50_seconds": p50,
        "p99_seconds": p99,
        "max_seconds": max(took),
        "goal": {"p99_seconds": 1.0},
    }


def _start(path: Path, count: int, number: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", _FOLLOWERS, str(path), str(count), str(number)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _until(process: subprocess.Popen[str], line: str) -> None:
    while (said := _line(process)) != line:
        json.loads(said)


def _reloads(process: subprocess.Popen[str], version: int, count: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while len(found) < count:
        one = json.loads(_line(process))
        found += [one] if one["version"] == version else []
    return found


def _line(process: subprocess.Popen[str]) -> str:
    if process.stdout is None or not (said := process.stdout.readline()):
        raise SystemExit(f"loadtest: followers ended with {process.wait()}")
    return said.strip()
