"""A follower's pulse: is what it serves still what the registry asks for, and does the rest of the world know?"""

from __future__ import annotations

import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable

from trimtab.errors import KafkaError

__all__ = ["HEARTBEAT_S", "Pulse", "instance_name"]

log = logging.getLogger("trimtab.client")

HEARTBEAT_S = 10.0


def instance_name() -> str:
    """A name for this follower that tells a person where it runs, and is no other's."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"


class Pulse:
    """Looks every few seconds whether the follower is up to date, and sends a heartbeat.

    Parameters
    ----------
    refresh
        Reads the registry to its present end; raises KafkaError when that cannot be done.
    current
        Whether what is served then is what the registry asks for.
    send
        Sends one heartbeat.
    every_s
        Seconds between two of them.
    """

    def __init__(
        self,
        name: str,
        refresh: Callable[[], None],
        current: Callable[[], bool],
        send: Callable[[], None],
        every_s: float = HEARTBEAT_S,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._refresh = refresh
        self._current = current
        self._send = send
        self._every_s = every_s
        self._now = now
        self._current_at = now()
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"trimtab-pulse-{name}", daemon=True)

    @property
    def behind_s(self) -> float:
        """Seconds since what is served was last known to be what the registry asks for."""
        return self._now() - self._current_at

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def beat_soon(self) -> None:
        """Something has changed: do not wait for the next round."""
        self._wake.set()

    def close(self) -> None:
        """Stop."""
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

    def beat(self) -> None:
        """One round."""
        asked_at = self._now()
        try:
            self._refresh()
            if self._current():
                self._current_at = asked_at
        except KafkaError as error:
            log.info("whether the served model is up to date is not known: %s", error)
        self._send()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self.beat()
            except Exception:
                log.exception("the follower's heartbeat failed; it goes on serving")
            self._wake.wait(self._every_s)
            self._wake.clear()
