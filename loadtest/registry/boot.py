"""How long a follower takes to serve, and what it reads, where the registry holds a long history of many models."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from loadtest.registry.versions import configured, templates, transactional, write_versions

__all__ = ["boot", "measure_follower"]

_FOLLOWER = """
import json, sys, time
from pathlib import Path
import trimtab.client.follower
from trimtab import ModelFollower
from trimtab.config import load_config

def loopback():
    lines = Path("/proc/net/dev").read_text().splitlines()
    return int(next(line for line in lines if line.strip().startswith("lo:")).split(":")[1].split()[0])

config = load_config(Path(sys.argv[1]))
before, began = loopback(), time.monotonic()
with ModelFollower(sys.argv[2], config) as follower:
    if not follower.wait_for_model(120):
        sys.exit("no model came")
    took = time.monotonic() - began
    read = loopback() - before
    print(json.dumps({"seconds": took, "bytes": read, "version": follower.served.version}))
"""


def boot(
    bootstrap: str, folder: Path, models: int, versions: int, runs: int, tell: Callable[[str], None]
) -> dict[str, Any]:
    """Median of some followers, each a process of its own; bytes are all that passed the loopback meanwhile."""
    names = [f"m{number}" for number in range(models)]
    config = configured(bootstrap, folder, names, prefix="boot.")
    sender = transactional(config, "boot")
    for name, template in templates(config).items():
        write_versions(config, sender, template, range(1, versions + 1))
        tell(f"boot: {name}: {versions:,} versions are written")
    found = [measure_follower(folder / "boot.yaml", names[run % models]) for run in range(runs)]
    if {one["version"] for one in found} != {versions}:
        raise SystemExit(f"loadtest: not the last version is served: {found}")
    return {
        "models": models,
        "versions": versions,
        "seconds": sorted(one["seconds"] for one in found)[runs // 2],
        "slowest_seconds": max(one["seconds"] for one in found),
        "bytes": sorted(one["bytes"] for one in found)[runs // 2],
        "goal": {"seconds": 1.0, "bytes": 5_000_000},
    }


def measure_follower(path: Path, model: str) -> dict[str, Any]:
    """One follower, from its making to its first model."""
    command = [sys.executable, "-c", _FOLLOWER, str(path), model]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=200)
    if done.returncode:
        raise SystemExit(f"loadtest: the follower failed: {done.stderr[-500:]}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result
