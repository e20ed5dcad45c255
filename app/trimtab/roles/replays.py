"""The replay processes of a trainer: started for the races that wait for them, and asked for what they have learnt."""

from __future__ import annotations

import asyncio
import logging
import pickle
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from trimtab.config import Config
from trimtab.roles.process import data_dir
from trimtab.roles.replay_worker import FAILED, PROGRESS, Job, read_done
from trimtab.training import Lineage, Preparing, Trainer

__all__ = ["Replays"]

log = logging.getLogger("trimtab.trainer")

_ASK_EVERY_S = 0.02
_TRIES = 3


@dataclass(slots=True)
class _Running:
    job: Job
    process: subprocess.Popen[bytes]
    tries: int = 1


class Replays:
    """One process a model at most.

    Parameters
    ----------
    config
        Where their folders are, and what they read.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._running: dict[str, _Running] = {}

    def tend(self, trainer: Trainer) -> None:
        """Start what is needed, and end what is not any more; cheap, called all the time."""
        preparing, running = trainer.state.preparing, self._running.get(trainer.name)
        if running is not None and running.job.preparing != preparing:
            self._end(trainer.name)
            running = None
        if preparing is not None and running is None:
            self._start(trainer.name, preparing)

    def learnt(self, model: str) -> int | None:
        """How many examples the model's candidates have replayed so far; None when nothing runs."""
        running = self._running.get(model)
        if running is None:
            return None
        try:
            return int((running.job.folder / PROGRESS).read_bytes())
        except (FileNotFoundError, ValueError):
            return 0

    async def results(self, trainer: Trainer) -> dict[str, Lineage | str]:
        """What each candidate has learnt, or why not; waits until it is known."""
        self.tend(trainer)
        running, waited = self._running[trainer.name], False
        names = [one.name for one in running.job.preparing.wanted]
        while running.process.poll() is None:
            if not waited:
                log.info("%s: waits for its candidates to have replayed their examples", trainer.name)
                waited = True
            await asyncio.sleep(_ASK_EVERY_S)
        done = await asyncio.to_thread(read_done, running.job)
        if done is not None:
            return dict(done.lineages)
        why = self._why(running)
        if not why and running.tries < _TRIES:
            log.warning("%s: the replay ended with %s; it is started again", trainer.name, running.process.returncode)
            self._running[trainer.name] = _Running(running.job, _spawn(running.job), running.tries + 1)
            return await self.results(trainer)
        return dict.fromkeys(names, why or f"the process ended with {running.process.returncode}, {_TRIES} times")

    def close(self) -> None:
        """End all; their successors go on from what they have written."""
        for running in self._running.values():
            if running.process.poll() is None:
                running.process.terminate()
                running.process.wait()
        self._running.clear()

    def _start(self, model: str, preparing: Preparing) -> None:
        parent = data_dir(self._config) / "replays"
        prefix = f"{self._config.kafka.topic_prefix}{model}-"
        folder = parent / f"{prefix}{preparing.offset}"
        for left in parent.glob(f"{prefix}*"):
            if left != folder and left.name.removeprefix(prefix).isdecimal():
                shutil.rmtree(left, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / FAILED).unlink(missing_ok=True)
        job = Job(self._config, model, preparing, folder)
        self._running[model] = _Running(job, _spawn(job))
        log.info(
            "%s: %d examples are replayed by process %d", model, preparing.examples, self._running[model].process.pid
        )

    def _end(self, model: str) -> None:
        running = self._running.pop(model)
        if running.process.poll() is None:
            running.process.terminate()
            running.process.wait()
        shutil.rmtree(running.job.folder, ignore_errors=True)

    def _why(self, running: _Running) -> str:
        path: Path = running.job.folder / FAILED
        return path.read_text(encoding="utf-8") if path.exists() else ""


def _spawn(job: Job) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "trimtab.roles.replay_worker"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE)
    if process.stdin is not None:
        process.stdin.write(pickle.dumps(job))
        process.stdin.close()
    return process
