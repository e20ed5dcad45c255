"""How a role's process is: a record of the topic ``health`` every five seconds, from a thread of its own."""

from __future__ import annotations

import logging
import os
import resource
import socket
import threading
from typing import Any, Final

import orjson
from confluent_kafka import KafkaException

import trimtab
from trimtab import clock
from trimtab.config import Config
from trimtab.errors import KafkaError
from trimtab.kafka.clients import producer
from trimtab.kafka.topics import Topics
from trimtab.roles.vitals import OF_ROLE, VITALS

__all__ = ["EVERY_S", "HealthBeat", "health_record"]

log = logging.getLogger("trimtab.health")

EVERY_S: Final = 5.0


def health_record(
    role: str, instance: str, *, started_ms: int, now_ms: int, counters: dict[str, float], gauges: dict[str, float]
) -> dict[str, Any]:
    """A record of schema ``health``; what is counted is in :mod:`trimtab.roles.vitals`."""
    return {
        "role": role,
        "instance": instance,
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "release": trimtab.__version__,
        "started_ms": started_ms,
        "time_ms": now_ms,
        "counters": counters,
        "gauges": gauges,
    }


class HealthBeat:
    """Tells that a process lives, until it is closed; it never ends or holds up the process.

    Parameters
    ----------
    role, instance
        Which process; they are the key.
    """

    def __init__(self, config: Config, role: str, instance: str) -> None:
        self._config = config
        self._role, self._instance = role, instance
        self._started_ms = clock.now_ms()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="health", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """Say that the process has ended, and wait at most two seconds for that."""
        self._closing.set()
        self._thread.join(2.0)

    def _run(self) -> None:
        topic, key = Topics(self._config.kafka.topic_prefix).health, f"{self._role}/{self._instance}".encode()
        try:
            # What is not delivered until the next one is of no use any more.
            writer = producer(
                self._config.kafka, f"trimtab-health-{self._role}", message_timeout_ms=int(EVERY_S * 1_000)
            )
        except KafkaError as error:
            log.warning("nobody hears of this process: %s", error)
            return
        while True:
            cpu_s = round(sum(resource.getrusage(resource.RUSAGE_SELF)[:2]), 3)
            counters, gauges = VITALS.snapshot()
            record = health_record(
                self._role,
                self._instance,
                started_ms=self._started_ms,
                now_ms=clock.now_ms(),
                counters={"cpu_seconds": cpu_s, **dict.fromkeys(OF_ROLE[self._role], 0.0), **counters},
                gauges={"rss_bytes": float(_rss_bytes()), **gauges},
            )
            _produce(writer, topic, orjson.dumps(record), key)
            if self._closing.wait(EVERY_S):
                break
        _produce(writer, topic, None, key)
        writer.flush(1.5)


def _produce(writer: Any, topic: str, value: bytes | None, key: bytes) -> None:
    try:
        writer.produce(topic, value, key)
        writer.poll(0)
    except (BufferError, KafkaException) as error:
        log.warning("%s: %s", topic, error)


def _rss_bytes() -> int:
    """Memory that the process holds now; where the system does not say, the most that it held."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * resource.getpagesize()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1_024
