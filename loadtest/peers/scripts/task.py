"""The task that every peer carries out, and the meter that it is timed with; standard library only.

Read all events of a topic, and for each event-time window of 10 s write one metric message with the number of events
and, for each of 10 features, the PSI against 20 bins that hold a twentieth of N(0, 1) each.
"""

from __future__ import annotations

import json
import math
import os
import resource
import sys
import time
from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import Any, NamedTuple, Self

__all__ = ["BASE_MS", "BINS", "EDGES", "FEATURES", "LATENESS_MS", "WINDOW_MS", "Meter", "Orders", "metric", "psi"]

MODEL = "credit"
FEATURES = tuple(f"f{number}" for number in range(10))
BASE_MS = 1_700_000_000_000
WINDOW_MS = 10_000
LATENESS_MS = 60_000
BINS = 20
EDGES = [NormalDist().inv_cdf(number / BINS) for number in range(1, BINS)]
"""The 19 inner edges; a value on an edge belongs to the bin above."""

_SHARE = 1 / BINS
_LEAST_SHARE = 1e-6
# librdkafka's default of 1,000 ms would cap whoever is fast on a backlog.
_TUNING = {"fetch.queue.backoff.ms": 5}


class Orders(NamedTuple):
    """What the harness tells a peer, in the environment."""

    broker: str
    topic: str
    out_topic: str
    events: int
    run: str

    @classmethod
    def read(cls) -> Self:
        """The orders of this process."""
        fields = [os.environ[f"LOADTEST_{name.upper()}"] for name in cls._fields]
        return cls(fields[0], fields[1], fields[2], int(fields[3]), fields[4])

    def consumer(self, **settings: Any) -> dict[str, Any]:
        """librdkafka's settings for reading the topic from its beginning."""
        return {
            "bootstrap.servers": self.broker,
            "group.id": f"peer-{self.run}",
            "auto.offset.reset": "earliest",
            **_TUNING,
            **settings,
        }

    def producer(self) -> dict[str, Any]:
        """librdkafka's settings for the metrics."""
        return {"bootstrap.servers": self.broker, "linger.ms": 5}

    @property
    def tuning(self) -> dict[str, Any]:
        """The one setting of librdkafka that all peers share."""
        return dict(_TUNING)


def psi(counts: Sequence[int]) -> float:
    """PSI of the counts of one feature against equal shares, in nats.

    Examples
    --------
    >>> psi([5] * 20)
    0.0
    """
    total, found = sum(counts), 0.0
    for count in counts:
        share = max(count / total, _LEAST_SHARE)
        found += (share - _SHARE) * math.log(share / _SHARE)
    return found


def metric(start_ms: int, events: int, found: Mapping[str, float] | None, **more: Any) -> dict[str, Any]:
    """The metric message of one window."""
    return {"model": MODEL, "start_ms": start_ms, "events": events, "psi": found, **more}


class Meter:
    """Time and CPU from the first event to the last metric, printed as one line of JSON."""

    def __init__(self) -> None:
        self.started = False
        self._began = self._cpu_s = 0.0

    def start(self) -> None:
        """The first events are here; later calls change nothing."""
        if not self.started:
            self.started = True
            self._began, self._cpu_s = time.perf_counter(), _cpu_s()

    def stop(self, events: int, late: int | None = None) -> None:
        """The last metric is stored; ``events`` came within the time, ``late`` of them were left out."""
        seconds, cpu_s = time.perf_counter() - self._began, _cpu_s() - self._cpu_s
        figures = {
            "events_per_s": events / seconds,
            "cpu_us_per_event": 1e6 * cpu_s / events,
            "rss_mb": _peak_rss_mb(),
            "late": late,
        }
        # Faust turns standard output into log lines.
        print(json.dumps({"figures": figures}), file=sys.__stdout__, flush=True)


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _peak_rss_mb() -> float:
    """Largest resident memory of this process; getrusage would count that of the process that started it."""
    with open("/proc/self/status", encoding="utf-8") as status:
        kib = next(line.split()[1] for line in status if line.startswith("VmHWM:"))
    return int(kib) * 1_024 / 1e6
