"""The role processes of one machine: started together, started again when they die, stopped together.

Every process has a log file in ``<data_dir>/logs``. All are started by one thread, which outlives them: Linux
tells a child of its parent's death when the *thread* that started it ends.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from trimtab.config import Config
from trimtab.errors import ConfigError, KafkaError, TrimtabError
from trimtab.roles.process import data_dir

if TYPE_CHECKING:
    from trimtab.kafka.embedded import EmbeddedBroker, Progress

__all__ = ["ROLES", "Backoff", "Supervisor", "die_with_parent"]

log = logging.getLogger("trimtab.supervisor")

ROLES = ("collector", "monitor", "trainer", "notifier", "dashboard")
PARENT_VARIABLE = "TRIMTAB_SUPERVISOR_PID"
_POLL_S = 0.05
_PR_SET_PDEATHSIG = 1


@dataclass
class Backoff:
    """How long to wait before a dead process is started again.

    Doubles with each death in a row, up to ``most_s``; a process that lived ``healthy_s`` starts afresh.

    Examples
    --------
    >>> backoff = Backoff()
    >>> [backoff.after(lived_s=1.0) for _ in range(6)], backoff.after(lived_s=31.0)
    ([0.2, 0.4, 0.8, 1.6, 3.2, 5.0], 0.2)
    """

    first_s: float = 0.2
    most_s: float = 5.0
    healthy_s: float = 30.0
    deaths: int = 0

    def after(self, lived_s: float) -> float:
        """Seconds to wait after a death, for a process that lived ``lived_s`` seconds."""
        if lived_s >= self.healthy_s:
            self.deaths = 0
        # The exponent is bounded: a process may die for days.
        delay: float = min(self.most_s, self.first_s * 2.0 ** min(self.deaths, 16))
        self.deaths += 1
        return delay


@dataclass
class _Process:
    """One role process; ``due`` is the monotonic time of its next start."""

    role: str
    instance: int
    log_path: Path
    backoff: Backoff = field(default_factory=Backoff)
    popen: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    due: float = 0.0
    restarts: int = 0

    @property
    def name(self) -> str:
        return f"{self.role}-{self.instance}"


@contextmanager
def _alone(config: Config) -> Iterator[None]:
    """Two supervisors of one folder and prefix would fence each other's processes for ever; raises ConfigError."""
    from trimtab.kafka.embedded.errors import BrokerTimeoutError
    from trimtab.kafka.embedded.lockfile import locked

    folder = data_dir(config)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"up-{config.kafka.topic_prefix.strip('.') or 'default'}.lock"
    try:
        with locked(path, 0.5):
            yield
    except BrokerTimeoutError:
        raise ConfigError(
            f"{folder}: another trimtab up runs with this folder and topic prefix; end it, or give another data_dir"
        ) from None


class Supervisor:
    """Starts the broker if none is configured, the topics, and the roles; keeps the roles alive until stopped.

    Parameters
    ----------
    config
        The configuration.
    config_path
        The file it came from, which the role processes read.
    counts
        Processes by role; one of each when not given.
    on_restart
        Called as ``on_restart(name, exit_code, last_log_line)`` from the supervising thread.
    progress
        Told about the start of the embedded broker: what is done, how much, out of how many.
    """

    def __init__(
        self,
        config: Config,
        config_path: Path,
        counts: Mapping[str, int] | None = None,
        *,
        on_restart: Callable[[str, int, str], None] | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.config = config
        self._config_path = config_path
        self._counts = dict.fromkeys(ROLES, 1) | dict(counts or {})
        self._on_restart = on_restart
        self._progress = progress
        self._broker: EmbeddedBroker | None = None
        self._processes: list[_Process] = []
        self._lock = threading.Lock()
        self._held = ExitStack()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._deadline_s = 10.0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> Config:
        """Start everything, once; returns the configuration with the bootstrap servers filled in.

        Raises
        ------
        TrimtabError
            If no broker can be reached or started, the topics cannot be made, or another supervisor runs the same.
        """
        if self._thread is not None:
            return self.config
        try:
            self._held.enter_context(_alone(self.config))
            if self.config.kafka.bootstrap_servers is None:
                self._start_broker()
            self._create_topics()
            folder = data_dir(self.config) / "logs"
            folder.mkdir(parents=True, exist_ok=True)
            self._processes = [
                _Process(role, k, folder / f"{role}-{k}.log")
                for role, count in self._counts.items()
                for k in range(1, count + 1)
            ]
        except BaseException:
            self._stop_broker()
            self._held.close()
            raise
        self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)
        self._thread.start()
        return self.config

    def stop(self, deadline_s: float = 10.0) -> None:
        """SIGTERM to every role, SIGKILL to what is left after ``deadline_s`` seconds, then the broker if ours."""
        self._deadline_s = deadline_s
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
        self._stop_broker()
        self._held.close()

    def pids(self) -> dict[str, int]:
        """Process id by name (``collector-1``) of the processes that are alive."""
        with self._lock:
            return {p.name: p.popen.pid for p in self._processes if p.popen is not None and p.popen.poll() is None}

    def restarts(self) -> dict[str, int]:
        """How often each process was started again, by name."""
        with self._lock:
            return {p.name: p.restarts for p in self._processes}

    # --- the supervising thread ---------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stopping.is_set():
            now = time.monotonic()
            for process in self._processes:
                self._look_after(process, now)
            self._stopping.wait(_POLL_S)
        self._end_all()

    def _look_after(self, process: _Process, now: float) -> None:
        if process.popen is None:
            if now >= process.due:
                self._spawn(process, now)
            return
        code = process.popen.poll()
        if code is None:
            return
        delay = process.backoff.after(now - process.started)
        line = last_line(process.log_path)
        with self._lock:
            process.popen, process.due, process.restarts = None, now + delay, process.restarts + 1
        if self._on_restart is not None:
            self._on_restart(process.name, code, line)
        else:
            log.warning("%s ended with code %s, starts again in %.1f s: %s", process.name, code, delay, line)

    def _spawn(self, process: _Process, now: float) -> None:
        command = [sys.executable, "-m", "trimtab", "run", process.role]
        command += ["--instance", str(process.instance), "--config", str(self._config_path)]
        environ = os.environ | {
            "TRIMTAB_KAFKA__BOOTSTRAP_SERVERS": self.config.kafka.bootstrap_servers or "",
            PARENT_VARIABLE: str(os.getpid()),
        }
        try:
            with process.log_path.open("ab") as out:
                # A session of its own: Ctrl-C reaches the supervisor alone, which stops the roles in order.
                popen = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=environ, start_new_session=True
                )
        except OSError as error:
            delay = process.backoff.after(0.0)
            log.error("%s cannot be started, next try in %.1f s: %s", process.name, delay, error)
            process.due = now + delay
            return
        with self._lock:
            process.popen, process.started = popen, now

    def _end_all(self) -> None:
        alive = [p.popen for p in self._processes if p.popen is not None and p.popen.poll() is None]
        for popen in alive:
            popen.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + self._deadline_s
        for popen in alive:
            try:
                popen.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                log.warning("process %d does not stop: killed", popen.pid)
                popen.kill()
                popen.wait()

    # --- Kafka --------------------------------------------------------------------------------------------

    def _start_broker(self) -> None:
        from trimtab.kafka.embedded import EmbeddedBroker, default_data_dir
        from trimtab.kafka.embedded.found import with_bootstrap

        folder = default_data_dir() if self.config.data_dir is None else self.config.data_dir / "broker"
        broker = EmbeddedBroker(folder)
        # A broker that somebody else started goes on when we stop.
        self._broker = broker if broker.status() is None else None
        self.config = with_bootstrap(self.config, broker.start(self._progress).bootstrap_servers)

    def _stop_broker(self) -> None:
        if self._broker is not None:
            broker, self._broker = self._broker, None
            broker.stop()

    def _create_topics(self) -> None:
        from trimtab.kafka.clients import admin, connect
        from trimtab.kafka.topics import check_topics, create_topics

        connect(self.config.kafka)
        client = admin(self.config.kafka)
        create_topics(client, self.config.kafka)
        problems = check_topics(client, self.config.kafka)
        if problems:
            raise KafkaError("; ".join(problems))


def last_line(path: Path, limit: int = 4_096) -> str:
    """The last line of a log file that is not blank; empty when there is none."""
    with contextlib.suppress(OSError), path.open("rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(0, file.tell() - limit))
        lines = file.read().decode("utf-8", "replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "")
    return ""


def die_with_parent() -> None:
    """End this process when the supervisor that started it ends; does nothing without one or off Linux.

    Raises
    ------
    TrimtabError
        If the supervisor is gone already.
    """
    parent = os.environ.get(PARENT_VARIABLE)
    if parent is None or not sys.platform.startswith("linux"):
        return
    import ctypes

    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    # It may have died before the call above.
    if str(os.getppid()) != parent:
        raise TrimtabError(f"the supervisor (process {parent}) is gone; start it again with: trimtab up")
