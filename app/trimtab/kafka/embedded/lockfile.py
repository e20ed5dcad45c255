"""A lock between processes that the system frees when its holder dies, so it can never be stale."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from trimtab.kafka.embedded.errors import BrokerTimeoutError, folder_error

__all__ = ["locked"]

_POLL_S = 0.05


@contextmanager
def locked(path: Path, timeout_s: float) -> Iterator[None]:
    """Hold the lock file ``path``, waiting at most ``timeout_s`` seconds for others.

    The file stays behind: removing it would let two processes hold locks on two files of one name.

    Raises
    ------
    BrokerTimeoutError
        If another process holds it for longer.
    DataFolderError
        If the file cannot be opened.
    """
    deadline = time.monotonic() + timeout_s
    try:
        file = path.open("a")
    except OSError as error:
        raise folder_error(path.parent, error) from error
    with file:
        while not _try_lock(file.fileno()):
            if time.monotonic() > deadline:
                raise BrokerTimeoutError(
                    f"{path}: another process has held this lock for {timeout_s:.0f} s; "
                    "wait for its start, stop or download to end, or end it, then try again"
                )
            time.sleep(_POLL_S)
        yield


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
