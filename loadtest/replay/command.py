"""``python -m loadtest replay``: how soon an online champion learns an example while a candidate replays.

A backlog of labelled examples is learnt first. Then live ones come at a steady rate, in small records; each is timed
from its sending to the arrival of a published state that has learnt it: first with nothing else to do, then
while a candidate learns the whole backlog again in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import threading
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import yaml
from confluent_kafka import OFFSET_END, TopicPartition

from loadtest.peers import topics
from loadtest.peers.formats import Record
from loadtest.peers.machine import machine
from loadtest.processes import Role
from loadtest.trainer.command import FACTORIES, FEATURES, MODEL, rows
from trimtab.config import Config, load_config
from trimtab.events.examples import Examples, encode_examples
from trimtab.kafka.clients import admin, consumer, producer
from trimtab.kafka.embedded import EmbeddedBroker
from trimtab.kafka.topics import Topics, create_topics
from trimtab.registry.records import online_key

__all__ = ["main"]

_BACKLOG_RECORD = 500
_STALL_S = 300.0


def main(argv: list[str]) -> int:
    """Parse the command line and measure; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m loadtest replay", description=__doc__)
    parser.add_argument("--examples", type=int, default=1_000_000, help="labelled examples of the backlog")
    parser.add_argument("--rate", type=int, default=200, help="live examples a second")
    parser.add_argument("--record", type=int, default=5, help="live examples in a record")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long without a replay")
    parser.add_argument("--json", type=Path, help="write the result to this file")
    options = parser.parse_args(argv)
    if options.examples < 10_000 or not 1 <= options.record <= options.rate or options.seconds <= 0:
        parser.error("give 10,000 examples or more, and a rate of at least one record a second")
    with tempfile.TemporaryDirectory(prefix="trimtab-loadtest-") as name:
        broker = EmbeddedBroker(Path(name) / "broker")
        try:
            found = _measure(broker.start().bootstrap_servers, Path(name), options)
        finally:
            broker.stop()
    for phase in ("idle", "replaying"):
        one = found[phase]
        print(f"{phase:10} p50 {one['p50_ms']:.1f} ms, p99 {one['p99_ms']:.1f} ms over {one['records']:,} records")
    print(f"p99 {found['ratio']:.2f} times; {found['replayed']:,} examples replayed, {found['replayed_per_s']:,.0f}/s")
    if options.json is not None:
        options.json.write_text(json.dumps({"machine": machine(), **found}, indent=2) + "\n", encoding="utf-8")
    return 0


def _measure(bootstrap: str, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    config, path = _configure(bootstrap, folder)
    create_topics(admin(config.kafka), config.kafka)
    backlog = rows(options.examples)
    model = config.models[MODEL]
    chunks = (backlog[at : at + _BACKLOG_RECORD] for at in range(0, len(backlog), _BACKLOG_RECORD))
    records = (Record(0, MODEL.encode(), encode_examples(MODEL, Examples.of(chunk, model))) for chunk in chunks)
    topics.fill(config.kafka, Topics(config.kafka.topic_prefix).examples, records)
    count = -(-options.examples // _BACKLOG_RECORD)
    with Role("trainer", path) as trainer, Live(config, options.rate, options.record) as live:
        live.wait_for(count - 1, trainer)
        print(f"{options.examples:,} examples are learnt", flush=True)
        live.send_for(options.seconds / 4)
        idle = live.measured(options.seconds)
        _retrain(config)
        began = time.monotonic()
        replaying = live.measured_until(lambda: _replayed(folder, options.examples), trainer)
        took_s = time.monotonic() - began
        live.send_for(3.0)
    return {
        "idle": idle,
        "replaying": replaying,
        "ratio": replaying["p99_ms"] / idle["p99_ms"],
        "replayed": options.examples,
        "replayed_per_s": options.examples / took_s,
    }


def _configure(bootstrap: str, folder: Path) -> tuple[Config, Path]:
    model = {
        "task": "binary",
        "mode": "online",
        "features": {feature: {"type": "numeric"} for feature in FEATURES},
        "factory": FACTORIES["logistic"],
        "first_version_after": 1_000,
        "race": {"candidates": [{"name": "whole", "from": "beginning"}]},
    }
    kafka = {"bootstrap_servers": bootstrap, "topic_prefix": "replay.", "partitions": 1}
    path = folder / "trimtab.yaml"
    settings = {"kafka": kafka, "data_dir": str(folder / "data"), "models": {MODEL: model}}
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return load_config(path), path


def _retrain(config: Config) -> None:
    order = {"id": uuid.uuid4().hex, "model": MODEL, "command": "retrain", "actor": "loadtest", "time_ms": 0}
    sender = producer(config.kafka, "loadtest-orders")
    sender.produce(Topics(config.kafka.topic_prefix).commands, orjson.dumps(order), MODEL.encode(), 0)
    sender.flush(10)


def _replayed(folder: Path, examples: int) -> bool:
    """Whether the replay has learnt the backlog; it goes on with the live ones from there."""
    for progress in (folder / "data" / "replays").glob("*/progress"):
        with suppress(ValueError, FileNotFoundError):
            return int(progress.read_text()) >= examples
    return False


class Live:
    """Sends live examples at a rate, and hears when each is learnt.

    Parameters
    ----------
    rate, record
        Examples a second, and how many a record has.
    """

    def __init__(self, config: Config, rate: int, record: int) -> None:
        self._config = config
        self._every_s = record / rate
        self._model = config.models[MODEL]
        self._examples = rows(record)
        self._topics = Topics(config.kafka.topic_prefix)
        self._sender = producer(config.kafka, "loadtest-live", linger_ms=0)
        self._sent: dict[int, float] = {}
        self._took: list[float] = []
        self._learnt = -1
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> Live:
        self._reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._reader.join()

    def wait_for(self, offset: int, trainer: Role) -> None:
        """Wait until a record is learnt."""
        last, deadline = -1, time.monotonic() + _STALL_S
        while self._learnt < offset:
            trainer.check()
            if self._learnt > last:
                last, deadline = self._learnt, time.monotonic() + _STALL_S
            if time.monotonic() > deadline:
                raise SystemExit(f"loadtest: the trainer stands at {last:,} of {offset:,}:\n{trainer.log_tail}")
            time.sleep(0.05)

    def send_for(self, seconds: float) -> None:
        """Send at the rate."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self._send()

    def measured(self, seconds: float) -> dict[str, float]:
        """Percentiles of what is sent in so many seconds."""
        until = time.monotonic() + seconds
        return self._measured(lambda: time.monotonic() >= until)

    def measured_until(self, over: Any, trainer: Role) -> dict[str, float]:
        """The same of what is sent until ``over()``."""

        def ended() -> bool:
            trainer.check()
            return bool(over())

        return self._measured(ended)

    def _measured(self, over: Any) -> dict[str, float]:
        with self._lock:
            self._took.clear()
        while not over():
            self._send()
        with self._lock:
            took = np.array(self._took) * 1_000
        if not took.size:
            raise SystemExit("loadtest: nothing was learnt meanwhile: give more --examples")
        p50, p99 = (float(np.percentile(took, q)) for q in (50, 99))
        return {"records": int(took.size), "p50_ms": p50, "p99_ms": p99, "max_ms": float(took.max())}

    def _send(self) -> None:
        began = time.monotonic()
        value = encode_examples(MODEL, Examples.of(self._examples, self._model))
        self._sender.produce(self._topics.examples, value, MODEL.encode(), 0, on_delivery=self._delivered(began))
        while (left := began + self._every_s - time.monotonic()) > 0:
            self._sender.poll(left)

    def _delivered(self, began: float) -> Any:
        def report(_error: Any, message: Any) -> None:
            with self._lock:
                if message.offset() <= self._learnt:
                    self._took.append(time.monotonic() - began)
                else:
                    self._sent[message.offset()] = began

        return report

    def _read(self) -> None:
        reader = consumer(self._config.kafka, "loadtest-heard", fetch_wait_max_ms=5)
        reader.assign([TopicPartition(self._topics.serving, 0, OFFSET_END)])
        while not self._stop.is_set():
            message = reader.poll(0.1)
            if message is None or message.error() is not None or message.key() != online_key(MODEL).encode():
                continue
            now, offset = time.monotonic(), int(orjson.loads(message.value())["learnt_offset"])
            with self._lock:
                self._learnt = offset
                for known in [one for one in self._sent if one <= offset]:
                    self._took.append(now - self._sent.pop(known))
        reader.close()
