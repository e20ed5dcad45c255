"""The monitor: profile records in, metrics and alerts of closed windows out.

For each record, and five times a second for streams that have ended:

1. the model's windows take it in, and some of them close;
2. each closed window is judged against its version's reference;
3. ONE transaction writes its metrics, its alerts, and the model's state; models whose windows close while one is being
   committed share the next;
4. once that is committed, the records that no open window needs are acknowledged.

A crash before 3 repeats everything from the unacknowledged records; one after 3 finds the state and does nothing
twice. Starting a partition fences whoever had it before.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable, Sequence
from typing import Any

import faust
import orjson
from faust.types import TP

from trimtab import clock
from trimtab.alerts import annotated
from trimtab.config import Config
from trimtab.drift import Nulls
from trimtab.errors import KafkaError
from trimtab.events import decode
from trimtab.kafka.clients import admin
from trimtab.kafka.progress import Progress, progress
from trimtab.kafka.tables import read_table
from trimtab.kafka.topics import Topics
from trimtab.registry.audit import Chain
from trimtab.registry.audit_log import chain_of
from trimtab.registry.set_reference import reference_set
from trimtab.registry.signing import UNSIGNED, Signer
from trimtab.roles.faust_app import acknowledge, deliver, fail, make_app, run_app
from trimtab.roles.monitored_model import MonitoredModel, awaited
from trimtab.roles.records import metric_key
from trimtab.roles.references import References
from trimtab.roles.transactions import TransactionalOutput
from trimtab.roles.vitals import VITALS
from trimtab.roles.window_records import window_records
from trimtab.windows import ClosedWindow, ReadThrough, Stale

__all__ = ["run"]

log = logging.getLogger("trimtab.roles.monitor")

ROLE = "monitor"
TICK_S = 0.2
# Models of one transaction.
AT_ONCE = 50
SAY_EVERY_S = 1.0
# Without a record for so long, whatever the client's thread has fetched was taken.
STILL_S = 0.5


def run(config: Config, instance: str) -> None:
    """Run a monitor until SIGTERM; raises a TrimtabError when it cannot go on."""
    asyncio.run(_run(config, instance))


async def _run(config: Config, instance: str) -> None:
    from trimtab.registry.index import RegistryIndex
    from trimtab.registry.signing import Trust

    app = make_app(ROLE, config, instance)
    index = RegistryIndex(config.kafka, f"{ROLE}-{instance}-registry", Trust.of(config))
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
        self._topics = Topics(config.kafka.topic_prefix)
        self._topic: str = self._topics.profiles
        self._kafka = admin(config.kafka)
        self._nulls = Nulls()
        self._partitions: dict[int, _Partition] = {}
        self._locks: dict[int, asyncio.Lock] = {}
        self._queue: Any = None
        self._waiting: dict[int, int] = {}
        self._said_s = 0.0
        for name, consume in ((self._topic, self._consume), (self._topics.followers, self._consume_heartbeats)):
            topic = app.topic(name, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")
            app.agent(topic, concurrency=1, name=name)(consume)
        app.task(self._tick)
        app.on_partitions_revoked.connect(self._revoked)

    async def _consume(self, stream: Any) -> None:
        self._queue = stream.channel.queue
        try:
            async for event in stream.noack().events():
                self._waiting[event.message.partition] = event.message.offset
                await self._handle(event.message)
        except Exception as error:
            fail(self._app, error)
            raise

    async def _consume_heartbeats(self, stream: Any) -> None:
        """What is lost of them at a restart comes again within seconds."""
        try:
            async for event in stream.noack().events():
                message = event.message
                async with self._lock(message.partition):
                    if deliver(self._app, message):
                        partition = await self._partition(message.partition)
                        partition.follow(message.key, message.value, int(message.timestamp * 1_000))
                        acknowledge(self._app, message.tp, [message.offset])
        except Exception as error:
            fail(self._app, error)
            raise

    async def _tick(self) -> None:
        try:
            while not self._app.should_stop:
                await asyncio.sleep(TICK_S)
                await self._expect()
                await self._ask()
                for number in list(self._partitions):
                    async with self._lock(number):
                        partition = self._partitions.get(number)
                        if partition is not None and not self._app.rebalancing:
                            partition.tick(self._taken(partition))
                self._say()
        except Exception as error:
            fail(self._app, error)
            raise

    def _say(self) -> None:
        """How far behind the windows are."""
        now = time.monotonic()
        if now - self._said_s < SAY_EVERY_S:
            return
        self._said_s = now
        windows = [model.windows for partition in self._partitions.values() for model in partition.models]
        VITALS.gauge("open_windows", sum(state.open_windows for state in windows))
        VITALS.gauge("watermark_delay_seconds", max((state.delay_ms for state in windows), default=0) / 1_000)

    async def _expect(self) -> None:
        """Take up partitions that may never say anything, for models whose silence is an alert."""
        for tp in list(self._app._assignment or ()):
            if tp.topic != self._topic or tp.partition in self._partitions:
                continue
            if awaited(self._config, tp.partition):
                async with self._lock(tp.partition):
                    if not self._app.rebalancing and tp in (self._app._assignment or ()):
                        await self._partition(tp.partition)

    async def _ask(self) -> None:
        """Ask Kafka how far the collectors are, when a window waits for a partition that may be idle."""
        waiting = {number: partition for number, partition in self._partitions.items() if partition.waits()}
        if not waiting:
            return
        inputs = [(topic, number) for topic in self._topics.inputs for number in range(self._config.kafka.partitions)]
        profiles = [(self._topic, number) for number in waiting]
        now_ms, group = clock.now_ms(), f"{self._config.kafka.topic_prefix}collector"
        try:
            found = await asyncio.to_thread(progress, self._kafka, group, inputs, profiles)
        except KafkaError as error:
            log.warning("no partition counts as idle until this is known: %s", error)
            return
        for number, partition in waiting.items():
            partition.see(now_ms, found, found.ends[self._topic, number])

    def _taken(self, partition: _Partition) -> int:
        """Offset below which all profile records were taken."""
        tp = partition.tp
        still = time.monotonic() - partition.active_s > STILL_S and self._queue is not None and self._queue.empty()
        if still and self._waiting.get(tp.partition, -1) < partition.taken:
            return max(partition.taken, int(self._app.consumer.fetched(tp)))
        return partition.taken

    async def _handle(self, message: Any) -> None:
        async with self._lock(message.partition):
            if not deliver(self._app, message):
                return
            (await self._partition(message.partition)).take(message.offset, message.value)

    async def _partition(self, number: int) -> _Partition:
        """A partition that is ours, started; its lock is held."""
        partition = self._partitions.get(number)
        if partition is None:
            tp = TP(self._topic, number)
            partition = _Partition(self._config, self._app, self._references, self._nulls, tp, self._lock(number))
            await partition.start()
            self._partitions[number] = partition
        return partition

    async def _revoked(self, _app: faust.App, revoked: Iterable[TP], **_signal: Any) -> None:
        for tp in revoked:
            async with self._lock(tp.partition):
                partition = self._partitions.pop(tp.partition, None)
            if partition is not None:
                await partition.close()

    def _lock(self, number: int) -> asyncio.Lock:
        return self._locks.setdefault(number, asyncio.Lock())


class _Partition:
    """The models of one partition of ``profiles``, and their output.

    Parameters
    ----------
    lock
        Whoever calls :meth:`take` and :meth:`tick` holds it; :meth:`close` takes it.
    """

    def __init__(
        self, config: Config, app: faust.App, references: References, nulls: Nulls, tp: TP, lock: asyncio.Lock
    ) -> None:
        self.tp = tp
        self.taken = 0
        self.active_s = time.monotonic()
        self._config = config
        self._app = app
        self._references = references
        # Only a monitor that makes references writes to the registry, so only that one needs a private key.
        makes = any(model.reference.from_ != "training" for model in config.models.values())
        self._signer = Signer.of(config) if makes else UNSIGNED
        self._nulls = nulls
        self._lock = lock
        self._topics = Topics(config.kafka.topic_prefix)
        self._output = TransactionalOutput(config.kafka, f"{config.kafka.topic_prefix}{ROLE}-{tp.partition}")
        self._states: dict[str, dict[str, Any]] = {}
        self._models: dict[str, MonitoredModel] = {}
        self._sources = [ReadThrough(clock.now_ms()) for _ in range(config.kafka.partitions)]
        self._due: dict[str, list[ClosedWindow]] = {}
        self._wake = asyncio.Event()
        self._closing = False
        self._publisher: asyncio.Task[None] | None = None

    @property
    def models(self) -> Iterable[MonitoredModel]:
        """Those that were heard of."""
        return self._models.values()

    async def start(self) -> None:
        """Fence the predecessor, then read what it committed."""
        await self._output.start()
        table = await asyncio.to_thread(read_table, self._config.kafka, self._topics.state, self.tp.partition)
        self._chains: dict[str, Chain] = {}
        self._states = {key: orjson.loads(value) for key, value in table.items() if key.startswith(f"{ROLE}/")}
        # An alert that fires is to be resolved, even if nothing comes any more.
        stale = [
            key.removeprefix(f"{ROLE}/") for key, state in self._states.items() if state.get("stale", {}).get("told")
        ]
        for name in (*awaited(self._config, self.tp.partition), *stale):
            self._model(name)
        self._publisher = asyncio.create_task(self._publish_all())

    async def close(self) -> None:
        """Another process will have the partition; waits for the transaction under way."""
        self._closing = True
        self._wake.set()
        if self._publisher is not None:
            await self._publisher
        self._output.close()

    def take(self, offset: int, value: bytes) -> None:
        """One profile record."""
        VITALS.count("records")
        try:
            batch = decode("profile", value)
            model = self._model(batch["model"])
            closed = [] if model is None else model.take(offset, batch, clock.now_ms())
        except ValueError as error:
            log.error("%s[%d] offset %d is skipped: %s", self.tp.topic, self.tp.partition, offset, error)
            model = None
        self.taken, self.active_s = offset + 1, time.monotonic()
        if model is None:
            acknowledge(self._app, self.tp, [offset])
        elif closed or model.arrived:
            self._publish(model, closed)

    def follow(self, key: bytes | None, value: bytes | None, sent_ms: int) -> None:
        """One heartbeat of a service, or its end; ``sent_ms`` is Kafka's timestamp."""
        name, _, instance = (key or b"").decode(errors="replace").partition("/")
        model = self._model(name)
        if model is None:
            return
        try:
            version = int(orjson.loads(value)["version"]) if value else None
        except (ValueError, KeyError, TypeError) as error:
            log.warning("%s: a heartbeat of %s is skipped: %s", self._topics.followers, instance, error)
            return
        model.follow(instance, version, min(sent_ms, clock.now_ms()))

    def waits(self) -> bool:
        """Whether a window waits for a source partition that may be idle."""
        now_ms = clock.now_ms()
        return any(model.waits(now_ms) for model in self._models.values())

    def see(self, now_ms: int, found: Progress, end: int) -> None:
        """How far the collectors were at this moment, and the end of these profiles after it."""
        for number, source in enumerate(self._sources):
            places = [(topic, number) for topic in self._topics.inputs]
            read, ends = ([offsets[place] for place in places] for offsets in found)
            source.see(now_ms, read=read, ends=ends, profiles_end=end)

    def tick(self, taken: int) -> None:
        """Time passes; profiles below ``taken`` were taken."""
        for source in self._sources:
            source.take(taken)
        read_until_ms = {number: source.until_ms for number, source in enumerate(self._sources)}
        for model in self._models.values():
            closed = model.windows.tick(read_until_ms)
            model.silences += model.absence.changes(min(read_until_ms.values()))
            model.stale += self._stale(model, min(read_until_ms.values()))
            model.arrived += model.arrivals.tick(read_until_ms)
            model.served = model.followers.counts(clock.now_ms()) or model.served
            if closed or model.has_news:
                self._publish(model, closed)

    def _stale(self, model: MonitoredModel, read_until_ms: int) -> list[Stale]:
        champion = self._references.champion(model.name)
        return model.staleness.changes(champion, lambda v: self._references.knows(model.name, v), read_until_ms)

    def _publish(self, model: MonitoredModel, closed: list[ClosedWindow]) -> None:
        self._due.setdefault(model.name, []).extend(closed)
        self._wake.set()

    async def _publish_all(self) -> None:
        try:
            while not self._closing:
                await self._wake.wait()
                async with self._lock:
                    if self._closing:
                        return
                    names = list(self._due)[:AT_ONCE]
                    alerts = await self._transaction([(self._models[name], self._due.pop(name)) for name in names])
                    free = [offset for name in names for offset in self._models[name].windows.release()]
                    if not self._due:
                        self._wake.clear()
                await self._output.commit()
                VITALS.count("transactions")
                VITALS.count("alerts", len(alerts))
                acknowledge(self._app, self.tp, free)
                for alert in alerts:
                    log.info("%s: %s", alert["state"], alert["summary"])
        except Exception as error:
            fail(self._app, error)

    async def _transaction(self, due: Sequence[tuple[MonitoredModel, list[ClosedWindow]]]) -> list[dict[str, Any]]:
        """Judge closed windows and produce what comes of them; returns the alerts."""
        self._output.begin()
        alerts = []
        for model, closed in due:
            alerts += await self._judge(model, closed)
            # First: what was published is in the state.
            await self._set_references(model)
            state: dict[str, bytes | None] = {model.name: orjson.dumps(model.snapshot())}
            for key, value in (state | model.verdicts.take_records()).items():
                self._output.produce(self._topics.state, f"{ROLE}/{key}", value, self.tp.partition)
        return alerts

    async def _set_references(self, model: MonitoredModel) -> None:
        for version, reference in model.verdicts.take_references():
            chain = self._chains.get(model.name)
            if chain is None:
                chain = await asyncio.to_thread(chain_of, self._config.kafka, model.name, ROLE)
                self._chains[model.name] = chain
            details = {"events": float(reference.profile.count)}
            by: dict[str, Any] = {"actor": ROLE, "trigger": "first_windows", "now_ms": clock.now_ms()}
            by |= {"details": details, "chain": chain}
            for topic, key, value, number in reference_set(
                self._config.kafka, model.name, version, reference, signer=self._signer, **by
            ):
                self._output.produce(topic, key.decode(), value, number)
            log.info("%s@%d is compared with %s", model.name, version, reference.id)

    async def _judge(self, model: MonitoredModel, closed: Sequence[ClosedWindow]) -> list[dict[str, Any]]:
        metrics: list[dict[str, Any]] = []
        alerts: list[dict[str, Any]] = []
        VITALS.count("windows", len(closed))
        for window in closed:
            reference = await asyncio.to_thread(self._references.get, model.name, window.key.version)
            new_metrics, new_alerts = model.verdicts.judge(window, reference, clock.now_ms())
            metrics += new_metrics
            alerts += new_alerts
        new_metrics, new_alerts = model.verdicts.stream.volume(closed, clock.now_ms())
        metrics += new_metrics
        alerts += new_alerts
        metrics += model.verdicts.late(model.windows.take_late())
        silences, model.silences = model.silences, []
        alerts += [alert for silence in silences for alert in model.verdicts.stream.absent(silence, clock.now_ms())]
        arrived, model.arrived = model.arrived, []
        for window_of_arrival in arrived:
            new_metrics, new_alerts = model.verdicts.stream.arrived(window_of_arrival, clock.now_ms())
            metrics += new_metrics
            alerts += new_alerts
        served, model.served = model.served, {}
        metrics += model.verdicts.stream.followers(served, clock.now_ms())
        stale, model.stale = model.stale, []
        alerts += [alert for change in stale for alert in model.verdicts.stream.stale(change, clock.now_ms())]
        for metric in metrics:
            self._output.produce(self._topics.metrics, metric_key(metric), orjson.dumps(metric))
        alerts = [annotated(alert, self._config.alerting) for alert in alerts]
        for record in window_records(metrics, model.limits):
            self._output.produce(self._topics.windows, model.name, orjson.dumps(record), self.tp.partition)
        for alert in alerts:
            self._output.produce(self._topics.alerts, alert["fingerprint"], orjson.dumps(alert), self.tp.partition)
        return alerts

    def _model(self, name: str) -> MonitoredModel | None:
        if name not in self._models:
            if name not in self._config.models:
                return None
            state = self._states.pop(f"{ROLE}/{name}", {})
            earlier = [key for key in self._states if key.startswith(f"{ROLE}/{name}/")]
            records = {key: self._states.pop(key) for key in earlier}
            self._models[name] = MonitoredModel(name, self._config, self._nulls, state, records)
        return self._models[name]
