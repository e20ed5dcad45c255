"""The comparison: data into files, each tool in its environment and process, scores out of files."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from loadtest.peers.environments import Environments
from loadtest.verdicts.power.figures import Row, measure
from loadtest.verdicts.power.scenarios import Array, block
from loadtest.verdicts.power.tools import SCRIPTS, TOOLS, Script

__all__ = ["compare"]

_ROOT = Path(__file__).parents[3]
_BLOCKS = 4
_LIMIT_S = 3_600


def compare(folder: Path, environments: Environments, share: float, tell: Callable[[str], None]) -> list[Row]:
    """All tools on all shifts.

    Parameters
    ----------
    folder
        For data and scores, half a gigabyte.
    share
        Of the streams.

    Raises
    ------
    SystemExit
        A tool failed; its last lines are in the message.
    """
    counts = {name: max(1, round(share * script.streams)) for name, script in SCRIPTS.items()}
    for number in range(_BLOCKS):
        data: dict[str, Any] = dict(block(number, max(counts.values())))
        # Uncompressed: noise does not get smaller.
        np.savez(folder / f"block-{number}.npz", **data)
    pythons = {
        name: Path(sys.executable) if script.requirements is None else environments.python(script.requirements)
        for name, script in SCRIPTS.items()
    }
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for name, seconds in pool.map(
            lambda name: (name, _run(name, SCRIPTS[name], pythons[name], counts[name], folder)), SCRIPTS
        ):
            tell(f"{name}: {_BLOCKS * counts[name]} streams a shift, {seconds:.0f} s")
    return rows(folder)


def rows(folder: Path) -> list[Row]:
    """Figures from the scores in a folder."""
    found: list[Row] = []
    for name, tool in TOOLS.items():
        scores = _scores(folder, tool.script, tool.variant)
        own = None if tool.limit is None else _scores(folder, tool.script, tool.own or tool.variant)
        found += measure(name, scores, own, tool.limit)
    return found


def _run(name: str, script: Script, python: Path, streams: int, folder: Path) -> float:
    """Run one script to its end; returns the seconds that it took."""
    told = {
        "LOADTEST_POWER_FOLDER": str(folder),
        "LOADTEST_POWER_STREAMS": str(streams),
        "LOADTEST_POWER_BLOCKS": ",".join(map(str, range(_BLOCKS))),
        # Two processes on two cores: more threads would only stand in each other's way.
        **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"),
        "PYTHONPATH": f"{_ROOT}:{_ROOT / 'app'}" if script.requirements is None else str(_ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONWARNINGS": "ignore",
    }
    began = perf_counter()
    log = folder / f"{name}.log"
    with log.open("wb") as out:
        done = subprocess.run(
            [str(python), "-m", script.module],
            cwd=folder,
            env={**os.environ, **told},
            stdout=out,
            stderr=out,
            timeout=_LIMIT_S,
            check=False,
        )
    if done.returncode:
        tail = log.read_text(encoding="utf-8", errors="replace")[-2_000:]
        raise SystemExit(f"loadtest: {name} ended with code {done.returncode}:\n{tail}")
    return perf_counter() - began


def _scores(folder: Path, script: str, variant: str) -> Mapping[str, Array]:
    """Of one variant, the streams of all blocks one after the other."""
    found: dict[str, list[Array]] = {}
    for number in range(_BLOCKS):
        with np.load(folder / f"{script}-{number}.npz") as data:
            for key in data:
                name, part = key.split("|", 1)
                if name == variant:
                    found.setdefault(part, []).append(data[key])
    return {key: np.concatenate(parts) for key, parts in found.items()}
