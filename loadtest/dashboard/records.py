"""A fleet's log as the monitor writes it, faster than a monitor could."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import orjson

from loadtest.peers.formats import Record
from trimtab.kafka.topics import partition_of

__all__ = ["Fleet", "Timed", "indexed", "metrics", "windows"]

HOUR_MS = 3_600_000
STATISTICS = ("psi", "js", "ks", "wasserstein", "mean", "spread")


class Timed(NamedTuple):
    """A record and its Kafka timestamp."""

    record: Record
    time_ms: int


class Fleet(NamedTuple):
    """So many models with so many features, in hourly windows until ``until_ms``."""

    models: int
    features: int
    days: float
    until_ms: int
    partitions: int

    @property
    def names(self) -> list[str]:
        """Names of the models."""
        return [f"model-{number:04}" for number in range(self.models)]

    @property
    def ends(self) -> range:
        """Ends of the windows."""
        return range(self.until_ms - round(self.days * 24 - 1) * HOUR_MS, self.until_ms + 1, HOUR_MS)


def windows(fleet: Fleet) -> Iterator[Timed]:
    """Records of whole windows, two each: inputs and performance."""
    rng = random.Random(1)
    bodies = [(_inputs(fleet, rng), _performance(rng)) for _ in range(200)]
    homes = [(name.encode(), partition_of(name, fleet.partitions)) for name in fleet.names]
    for end_ms in fleet.ends:
        times = b'"start_ms":%d,"end_ms":%d,' % (end_ms - HOUR_MS, end_ms)
        for key, home in homes:
            for body in bodies[rng.randrange(200)]:
                value = b'{"model":"%s","version":1,"segment":"",%s%s' % (key, times, body)
                yield Timed(Record(home, key, value), end_ms)


def _inputs(fleet: Fleet, rng: random.Random) -> bytes:
    features = {
        f"feature_{at}": {
            "status": "drift" if rng.random() < 0.01 else "ok",
            "effect": round(rng.random(), 4),
            "count": 1_000,
        }
        for at in range(fleet.features)
    }
    names = {"events": 1_000.0, "false_alarm_level": 1e-4, "false_alarms_spent": 0.01}
    return _tail({name: {"value": v, "count": 1_000, "status": "ok"} for name, v in names.items()}, features)


def _performance(rng: random.Random) -> bytes:
    values = {"labelled": 950.0, "accuracy": 0.9 + rng.gauss(0, 0.01), "f1": 0.88, "log_loss": 0.3}
    return _tail({name: {"value": v, "count": 950, "status": "ok"} for name, v in values.items()}, {})


def _tail(numbers: Mapping[str, object], features: Mapping[str, object]) -> bytes:
    return orjson.dumps({"numbers": numbers, "features": features})[1:]


def metrics(fleet: Fleet) -> Iterator[Timed]:
    """Single metric records of the same windows."""
    rng = random.Random(2)
    whole = [(b"null", name) for name in (b"events", b"false_alarm_level", b"false_alarms_spent")]
    whole += [(b"null", name) for name in (b"labelled", b"accuracy", b"f1", b"log_loss")]
    single = [(b'"feature_%d"' % at, name.encode()) for at in range(fleet.features) for name in STATISTICS]
    homes = [(name.encode(), partition_of(name, fleet.partitions)) for name in fleet.names]
    for end_ms in fleet.ends:
        times = b'"count":1000,"start_ms":%d,"end_ms":%d,"status":"ok","histogram":null}' % (end_ms - HOUR_MS, end_ms)
        for key, home in homes:
            head = b'{"model":"%s","version":1,"segment":"",' % key
            for feature, statistic in (*whole, *single):
                value = b'%s"feature":%s,"statistic":"%s","value":0.%03d,"p_value":0.5,%s' % (
                    head, feature, statistic, rng.randrange(100, 240), times,
                )  # fmt: skip
                yield Timed(Record(home, key + b"/1//" + feature + b"/" + statistic, value), end_ms)


def indexed(fleet: Fleet) -> Iterator[Timed]:
    """The registry's index: each model's only version, and that it is champion."""
    for name in fleet.names:
        manifest = {
            "model": name, "version": 1, "parent": None, "candidate": "first", "trigger": "first", "incident": None,
            "examples": {"count": 1_000}, "metrics": {"accuracy": 0.9}, "snapshot": {"size_bytes": 2_048},
            "reference": f"{name}@1", "created_ms": fleet.until_ms,
        }  # fmt: skip
        alias = {"model": name, "alias": "champion", "version": 1, "reason": "first", "changed_ms": fleet.until_ms}
        for key, value in ((f"{name}/versions/1", manifest), (f"{name}/aliases/champion", alias)):
            yield Timed(Record(0, key.encode(), orjson.dumps(value)), fleet.until_ms)
