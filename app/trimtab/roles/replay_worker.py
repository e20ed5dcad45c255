"""The process that replays examples for candidates; it is given its job on standard input.

It runs at low priority, reads the examples log from where its candidates start to the record with which their race
begins, and writes what they have learnt into its folder: ``part`` now and then, from which whoever comes after a
kill goes on, and ``done`` at the end. ``progress`` says how far it is.
"""

from __future__ import annotations

import logging
import os
import pickle
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from trimtab.config import Config
from trimtab.kafka.log import follow
from trimtab.kafka.topics import Topics, partition_of
from trimtab.registry.snapshot import dump, load
from trimtab.roles.process import start_logging
from trimtab.training import Preparing, Replaying, read_batch

__all__ = ["Job", "main", "read_done", "work"]

log = logging.getLogger("trimtab.replay")

DONE, FAILED, PART, PROGRESS = "done", "failed", "part", "progress"
_SAVE_EVERY_S = 5.0
_TELL_EVERY_S = 0.5
_NICE = 15


@dataclass(frozen=True, slots=True)
class Job:
    """What to replay, and the folder to write into."""

    config: Config
    model: str
    preparing: Preparing
    folder: Path


def work(job: Job) -> None:
    """Replay until the race begins.

    Raises
    ------
    KafkaError
        The log cannot be read, or no longer begins where a candidate starts.
    """
    config, kafka = job.config.models[job.model], job.config.kafka
    replaying = Replaying(config, job.preparing)
    _go_on(job, replaying)
    parent, saved, told = os.getppid(), time.monotonic(), 0.0
    home = partition_of(job.model, kafka.partitions)
    for message in follow(kafka, Topics(kafka.topic_prefix).examples, home, replaying.offset + 1):
        if message is not None and message.key() == job.model.encode():
            replaying.step(read_batch(message.offset(), message.value() or b""))
        now = time.monotonic()
        if replaying.done or now - told >= _TELL_EVERY_S:
            told = now
            _write(job, PROGRESS, str(replaying.learnt).encode())
        if replaying.done:
            break
        if now - saved >= _SAVE_EVERY_S:
            saved = now
            _write(job, PART, replaying.dumped(lambda model: dump(model, admit=config.admit)))
        if os.getppid() != parent:
            # The trainer is gone; its successor goes on with what is written.
            sys.exit(1)
    _write(job, DONE, replaying.dumped(lambda model: dump(model, admit=config.admit)))


def read_done(job: Job) -> Replaying | None:
    """What the worker has learnt; None while it has not written it whole."""
    replaying = Replaying(job.config.models[job.model], job.preparing)
    return replaying if _restored(job, replaying, DONE) and replaying.done else None


def _go_on(job: Job, replaying: Replaying) -> None:
    if _restored(job, replaying, PART):
        log.info("%s: goes on at %s, %d examples learnt", job.model, replaying.offset, replaying.learnt)


def _restored(job: Job, replaying: Replaying, name: str) -> bool:
    try:
        data = (job.folder / name).read_bytes()
    except FileNotFoundError:
        return False
    admit = job.config.models[job.model].admit
    return replaying.restored(data, lambda part: load(part, max_bytes=len(data), admit=admit))


def _write(job: Job, name: str, data: bytes) -> None:
    """A file is there whole, or as it was before."""
    draft = job.folder / f"{name}.{os.getpid()}"
    draft.write_bytes(data)
    draft.replace(job.folder / name)


def main() -> int:
    """Do the job; returns the exit code, 1 when it cannot be done."""
    start_logging("replay")
    # From the trainer that started this process, by a pipe.
    job = pickle.load(sys.stdin.buffer)  # noqa: S301
    os.nice(_NICE)
    try:
        work(job)
    # Whatever the user's model raises; the trainer says so in the audit log.
    except Exception as error:
        log.exception("%s: the replay failed", job.model)
        _write(job, FAILED, " ".join(f"{type(error).__name__}: {error}".split())[:300].encode())
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
