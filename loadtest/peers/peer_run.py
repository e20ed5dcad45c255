"""One run of one peer: its script in its environment, told by the environment where to read and write."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from loadtest.peers.scripts.task import Orders

__all__ = ["figures_in", "run_script"]

_ROOT = Path(__file__).parents[2]
_START_S = 120.0
# The slowest peer does several thousand events a second.
_LEAST_EVENTS_PER_S = 1_000


def run_script(python: Path, name: str, orders: Orders, folder: Path) -> Mapping[str, Any]:
    """Run ``scripts/<name>.py`` to its end; returns its figures.

    Raises
    ------
    RuntimeError
        It took too long, failed, or printed no figures; the message has its last lines.
    """
    limit_s = _START_S + orders.events / _LEAST_EVENTS_PER_S
    log = folder / f"{name}-{orders.run}.log"
    command = [str(python), "-m", f"loadtest.peers.scripts.{name}"]
    with log.open("wb") as out:
        try:
            code = subprocess.run(
                command, cwd=folder, env=_environment(orders), stdout=out, stderr=out, timeout=limit_s, check=False
            ).returncode
        except subprocess.TimeoutExpired:
            code = None
    text = log.read_text(encoding="utf-8", errors="replace")
    figures = figures_in(text)
    if figures is None:
        why = f"no end after {limit_s:.0f} s" if code is None else f"ended with code {code}, without figures"
        raise RuntimeError(f"{name}: {why}:\n{text[-2_000:]}")
    return figures


def figures_in(output: str) -> Mapping[str, Any] | None:
    """The figures that a script printed among whatever its libraries print.

    Examples
    --------
    >>> figures_in('hello' + chr(10) + '{"figures": {"late": 0}}' + chr(10))
    {'late': 0}
    """
    for line in reversed(output.splitlines()):
        if line.startswith('{"figures"'):
            figures: dict[str, Any] = json.loads(line)["figures"]
            return figures
    return None


def _environment(orders: Orders) -> dict[str, str]:
    told = {f"LOADTEST_{name.upper()}": str(value) for name, value in orders._asdict().items()}
    return {**os.environ, **told, "PYTHONPATH": str(_ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
