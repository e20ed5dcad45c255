"""The Faust app of an agent role, and how it is run: a fatal error or a standstill ends the process.

A supervisor (``trimtab up``, a container runtime) starts it again; Kafka then replays what was not acknowledged.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import ssl
import threading
import time
from typing import Any

import faust
from faust.types import TP
from yarl import URL

from trimtab.config import Config, KafkaConfig
from trimtab.errors import KafkaError
from trimtab.roles.faust_transport import CommittedTransport

__all__ = ["acknowledge", "deliver", "fail", "make_app", "run_app"]

log = logging.getLogger("trimtab.roles")

SESSION_S = 6.0
STOP_DEADLINE_S = 10.0
STANDSTILL_S = 60.0
HUNG_S = 30.0
EXIT_HUNG = 70
COMMIT_INTERVAL_S = 0.25


def make_app(role: str, config: Config, instance: str) -> faust.App:
    """A Faust app that reads committed records, in consumer group ``{prefix}{role}``.

    Same-numbered partitions of all its topics are on one process. It has no tables, no web server, and declares
    no topics. Call it within the running event loop, subscribe with raw bytes values
    (``app.topic(name, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")``),
    iterate ``stream.noack().events()``, call :func:`deliver` for each, and :func:`acknowledge` once what it fed is
    durable.

    Raises
    ------
    KafkaError
        If no bootstrap servers are configured, or their security settings are not understood.
    """
    kafka = config.kafka
    if kafka.bootstrap_servers is None:
        raise KafkaError("no bootstrap servers: set TRIMTAB_KAFKA__BOOTSTRAP_SERVERS or start trimtab broker")
    urls = [URL(f"kafka://{server.strip()}") for server in kafka.bootstrap_servers.split(",")]
    app = faust.App(
        f"{kafka.topic_prefix}{role}",
        broker=urls,
        broker_credentials=_credentials(kafka),
        broker_client_id=f"{role}-{instance}",
        broker_session_timeout=SESSION_S,
        broker_heartbeat_interval=SESSION_S / 4,
        broker_rebalance_timeout=30.0,
        broker_request_timeout=20.0,
        broker_max_poll_interval=300.0,
        broker_commit_interval=COMMIT_INTERVAL_S,
        consumer_group_instance_id=f"{role}-{instance}",
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        stream_wait_empty=False,
        stream_buffer_maxsize=256,
        datadir=f".{role}-unused",
        store="memory://",
        loop=asyncio.get_running_loop(),
    )
    app.transport = CommittedTransport(urls, app, loop=asyncio.get_running_loop())
    app.fatal = app.loop.create_future()
    return app


def acknowledge(app: faust.App, tp: TP, offsets: list[int]) -> None:
    """Let Kafka forget these records: whatever they fed is durable."""
    app.consumer.acknowledge(tp, offsets)


def deliver(app: faust.App, message: Any) -> bool:
    """Whether this process still owns the record's partition; then the record is in flight until acknowledged.

    If not, the partition's new owner reads the record again. Agents call this first for every record: Faust's
    streams keep their own account, which :class:`CommittedConsumer` does not commit by.
    """
    current = (
        not app.rebalancing
        and message.generation_id == app.consumer_generation_id
        and message.tp in (app._assignment or ())
    )
    if current:
        app.consumer.deliver(message.tp, message.offset)
    return bool(current)


def fail(app: faust.App, error: BaseException) -> None:
    """End the process with this error; agents call it since Faust would restart them and skip the record."""
    if not app.fatal.done():
        app.fatal.set_exception(error)


async def run_app(app: faust.App) -> None:
    """Run until SIGTERM or SIGINT; raises what :func:`fail` was given, or KafkaError on a crash or a standstill.

    If the event loop itself hangs for ``HUNG_S`` seconds, or stopping takes more than ``STOP_DEADLINE_S``, the
    process exits at once: Kafka replays what was not acknowledged.
    """
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    beat = _Heartbeat()
    try:
        await app.start()
        await _watch(app, stop, beat)
    finally:
        beat.limit_s = STOP_DEADLINE_S
        beat.beat()
        await app.stop()
        beat.cancel()


async def _watch(app: faust.App, stop: asyncio.Event, beat: _Heartbeat) -> None:
    """Return on stop; raise on a fatal error, a crash of Faust, or a standstill."""
    stopped = asyncio.ensure_future(stop.wait())
    position: dict[TP, int] = {}
    moved = time.monotonic()
    try:
        while not stopped.done():
            beat.beat()
            await asyncio.wait({stopped, app.fatal}, timeout=0.5, return_when=asyncio.FIRST_COMPLETED)
            if app.fatal.done():
                app.fatal.result()
            if app._crashed.is_set():
                reason = app.crash_reason
                raise KafkaError(f"the Kafka consumer failed: {reason!r}; it starts again") from reason
            behind = dict(app.consumer.behind()) if app.consumer._thread._consumer is not None else {}
            if not behind or any(position.get(tp) != at for tp, at in behind.items()):
                position, moved = behind, time.monotonic()
            elif time.monotonic() - moved > STANDSTILL_S:
                raise KafkaError(f"no progress for {STANDSTILL_S:.0f} s at {behind}; it starts again")
    finally:
        stopped.cancel()


class _Heartbeat:
    """Ends the process when the event loop did not beat for ``limit_s`` seconds."""

    def __init__(self) -> None:
        self.limit_s = HUNG_S
        self._last = time.monotonic()
        self._done = threading.Event()
        threading.Thread(target=self._run, name="watchdog", daemon=True).start()

    def beat(self) -> None:
        """The loop is alive."""
        self._last = time.monotonic()

    def cancel(self) -> None:
        """Stopped in time."""
        self._done.set()

    def _run(self) -> None:
        while not self._done.wait(0.5):
            if time.monotonic() - self._last > self.limit_s:
                log.error("no answer from the event loop for %.0f s; the process exits and starts again", self.limit_s)
                os._exit(EXIT_HUNG)


def _credentials(kafka: KafkaConfig) -> Any:
    """Faust's form of librdkafka's security settings; None for a plain connection."""
    given = {name: value.get_secret_value() for name, value in kafka.librdkafka.items()}
    protocol = given.get("security.protocol", "plaintext").upper()
    if protocol == "PLAINTEXT":
        return None
    context = None
    if protocol in ("SSL", "SASL_SSL"):
        context = ssl.create_default_context(cafile=given.get("ssl.ca.location"))
        if "ssl.certificate.location" in given:
            context.load_cert_chain(
                given["ssl.certificate.location"], given.get("ssl.key.location"), given.get("ssl.key.password")
            )
    if protocol == "SSL":
        return faust.SSLCredentials(context)
    mechanism = given.get("sasl.mechanism", given.get("sasl.mechanisms", "PLAIN"))
    if protocol not in ("SASL_SSL", "SASL_PLAINTEXT") or mechanism.upper() == "GSSAPI":
        raise KafkaError(f"kafka.librdkafka: agents cannot use {protocol} with {mechanism}; use PLAIN or SCRAM")
    return faust.SASLCredentials(
        mechanism=mechanism,
        username=given.get("sasl.username"),
        password=given.get("sasl.password"),
        ssl_context=context,
    )
