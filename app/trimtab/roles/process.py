"""What every role process needs: a stop signal, its data folder, and a log that a person can read."""

from __future__ import annotations

import gc
import logging
import os
import signal
import threading
from pathlib import Path
from types import FrameType
from typing import Any, Self

from trimtab.config import Config
from trimtab.profiles import kernels

__all__ = ["StopSignal", "data_dir", "settle", "start_logging"]

_PATIENT = frozenset({"monitor", "notifier", "dashboard"})
# The compiled loops are loaded before a group is joined: on a new machine that takes seconds.
_PROFILING = frozenset({"collector", "monitor", "trainer"})


class StopSignal:
    """Set by SIGTERM or SIGINT while the context is open; usable without signals in tests."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self._before[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *exc: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def set(self) -> None:
        """Ask for the stop."""
        self._event.set()

    def is_set(self) -> bool:
        """Whether the stop was asked for."""
        return self._event.is_set()

    def wait(self, timeout_s: float) -> bool:
        """Wait for the stop at most ``timeout_s`` seconds; whether it was asked for."""
        return self._event.wait(timeout_s)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._event.set()


def data_dir(config: Config) -> Path:
    """Folder of all local state: ``data_dir`` of the configuration, or the user's data folder."""
    if config.data_dir is not None:
        return config.data_dir
    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "trimtab"


def settle(role: str) -> None:
    """Give the path from label to served model the right of way, and let the collector of garbage rest.

    Monitor, notifier and dashboard report within a second; the collector and the trainer act within milliseconds.
    What is imported by now lives as long as the process, so no garbage collection needs to look at it again.
    """
    if role in _PROFILING:
        kernels()
    if role in _PATIENT:
        os.nice(10)
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 100)


def start_logging(role: str) -> None:
    """Log lines to standard error with time, level and role."""
    logging.basicConfig(level=logging.INFO, format=f"%(asctime)s %(levelname)s {role} %(name)s: %(message)s")
