"""The monitor: profile records in, metrics and alerts of closed windows out.

For each record, and five times a second for streams that have ended:

1. the model's windows take it in, and some of them close;
2. each closed window is judged against its version's reference;
3. ONE transaction writes its metrics, its alerts, and the model's state;
4. once that is committed, the records that no open window needs are acknowledged.

A crash before 3 repeats everything from the unacknowledged records; one after 3 finds the state and does nothing
twice. Starting a partition fences whoever had it before.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable
from typing import Any

import faust
import orjson
from faust.types import TP

from trimtab.config import Config
from trimtab.events import decode
from trimtab.kafka.tables import read_table
from trimtab.kafka.topics import Topics
from trimtab.roles.faust_app import acknowledge, deliver, fail, make_app, run_app
from trimtab.roles.references import References
from trimtab.roles.transactions import TransactionalOutput
from trimtab.roles.verdicts import Verdicts, metric_key
from trimtab.windows import ClosedWindow, WindowState

__all__ = ["run"]

log = logging.getLogger("trimtab.roles.monitor")

ROLE = "monitor"
TICK_S = 0.2


def run(config: Config, instance: str) -> None:
    """Run a monitor until SIGTERM; raises a TrimtabError when it cannot go on."""
    asyncio.run(_run(config, instance))


async def _run(config: Config, instance: str) -> None:
    from trimtab.registry.index import RegistryIndex

    app = make_app(ROLE, config, instance)
    index = RegistryIndex(config.kafka, f"{ROLE}-{instance}-registry")
    await asyncio.to_thread(index.start)
    try:
        Monitor(config, app, References(index))
        await run_app(app)
    finally:
        await asyncio.to_thread(index.close)


class Monitor:
    """Wires the agent, the tick and the partitions to the app."""

    def __init__(self, config: Config, app: faust.App, references: References) -> None:
        self._config = config
        self._app = app
        self._references = references
        self._topic: str = Topics(config.kafka.topic_prefix).profiles
        self._partitions: dict[int, _Partition] = {}
        self._locks: dict[int, asyncio.Lock] = {}
        topic = app.topic(self._topic, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")
        app.agent(topic, concurrency=1, name="profiles")(self._consume)
        app.task(self._tick)
        app.on_partitions_revoked.connect(self._revoked)

    async def _consume(self, stream: Any) -> None:
        try:
            async for event in stream.noack().events():
                await self._handle(event.message)
        except Exception as error:
            fail(self._app, error)
            raise

    async def _tick(self) -> None:
        try:
            while not self._app.should_stop:
                await asyncio.sleep(TICK_S)
                for number in list(self._partitions):
                    async with self._lock(number):
                        partition = self._partitions.get(number)
                        if partition is not None and not self._app.rebalancing:
                            await partition.tick()
        except Exception as error:
            fail(self._app, error)
            raise

    async def _handle(self, message: Any) -> None:
        async with self._lock(message.partition):
            if not deliver(self._app, message):
                return
            partition = self._partitions.get(message.partition)
            if partition is None:
                partition = _Partition(self._config, self._app, self._references, TP(self._topic, message.partition))
                await partition.start()
                self._partitions[message.partition] = partition
            await partition.take(message.offset, message.value)

    async def _revoked(self, _app: faust.App, revoked: Iterable[TP], **_signal: Any) -> None:
        for tp in revoked:
            async with self._lock(tp.partition):
                partition = self._partitions.pop(tp.partition, None)
                if partition is not None:
                    partition.close()

    def _lock(self, number: int) -> asyncio.Lock:
        return self._locks.setdefault(number, asyncio.Lock())


class _Partition:
    """The models of one partition of ``profiles``, and their output."""

    def __init__(self, config: Config, app: faust.App, references: References, tp: TP) -> None:
        self._config = config
        self._app = app
        self._references = references
        self._tp = tp
        self._topics = Topics(config.kafka.topic_prefix)
        self._output = TransactionalOutput(config.kafka, f"{config.kafka.topic_prefix}{ROLE}-{tp.partition}")
        self._states: dict[str, dict[str, Any]] = {}
        self._models: dict[str, _Model] = {}

    async def start(self) -> None:
        """Fence the predecessor, then read what it committed."""
        await self._output.start()
        table = await asyncio.to_thread(read_table, self._config.kafka, self._topics.state, self._tp.partition)
        self._states = {key: orjson.loads(value) for key, value in table.items() if key.startswith(f"{ROLE}/")}

    def close(self) -> None:
        """Another process has the partition."""
        self._output.close()

    async def take(self, offset: int, value: bytes) -> None:
        """One profile record."""
        now_ms = _now_ms()
        try:
            batch = decode("profile", value)
            model = self._model(batch["model"])
            closed = [] if model is None else model.windows.step(offset, batch, now_ms)
        except ValueError as error:
            log.error("%s[%d] offset %d is skipped: %s", self._tp.topic, self._tp.partition, offset, error)
            model = None
        if model is None:
            acknowledge(self._app, self._tp, [offset])
        elif closed:
            await self._publish(model, closed)

    async def tick(self) -> None:
        """Time passes."""
        for model in self._models.values():
            closed = model.windows.tick(_now_ms())
            if closed or model.windows.has_late:
                await self._publish(model, closed)

    async def _publish(self, model: _Model, closed: list[ClosedWindow]) -> None:
        metrics: list[dict[str, Any]] = []
        alerts: list[dict[str, Any]] = []
        for window in closed:
            reference = await asyncio.to_thread(self._references.get, model.name, window.key.version)
            new_metrics, new_alerts = model.verdicts.judge(window, reference, _now_ms())
            metrics += new_metrics
            alerts += new_alerts
        metrics += model.verdicts.late(model.windows.take_late())
        output = self._output
        output.begin()
        for metric in metrics:
            output.produce(self._topics.metrics, metric_key(metric), orjson.dumps(metric))
        for alert in alerts:
            output.produce(self._topics.alerts, alert["fingerprint"], orjson.dumps(alert), self._tp.partition)
        state = orjson.dumps(model.snapshot())
        output.produce(self._topics.state, f"{ROLE}/{model.name}", state, self._tp.partition)
        await output.commit()
        acknowledge(self._app, self._tp, model.windows.release())
        for alert in alerts:
            log.info("%s: %s", alert["state"], alert["summary"])

    def _model(self, name: str) -> _Model | None:
        if name not in self._models:
            if name not in self._config.models:
                return None
            self._models[name] = _Model(name, self._config, self._states.pop(f"{ROLE}/{name}", {}))
        return self._models[name]


class _Model:
    """Windows and alerts of one model."""

    def __init__(self, name: str, config: Config, state: dict[str, Any]) -> None:
        model = config.models[name]
        self.name = name
        self.windows = WindowState(model.window, _now_ms(), state.get("windows"))
        self.verdicts = Verdicts(name, model, state.get("alerts"))

    def snapshot(self) -> dict[str, Any]:
        """The state record: what a successor needs beside the unacknowledged records."""
        return {
            "model": self.name,
            "offset": self.windows.offset,
            "windows": self.windows.snapshot(),
            "alerts": self.verdicts.snapshot(),
        }


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
