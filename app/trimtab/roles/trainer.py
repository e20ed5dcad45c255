"""The trainer: learns from examples, starts races on alerts and commands, promotes, publishes, rolls back.

Three Faust agents feed the pure state machines of ``trimtab.training``; ``trained_partition`` makes what they
decide durable. One model lives on one partition, so on one process, whatever the number of trainers.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

import faust
import orjson

from trimtab import clock
from trimtab.config import Config
from trimtab.events import EventError, dead_letter
from trimtab.kafka.clients import connect
from trimtab.kafka.topics import Topics, partition_of
from trimtab.registry.signing import Trust
from trimtab.roles.faust_app import acknowledge, deliver, fail, make_app, run_app
from trimtab.roles.orders import Shelf, decide, order_of
from trimtab.roles.replays import Replays
from trimtab.roles.trained_partition import TrainedModel, TrainedPartition
from trimtab.roles.trainer_metrics import metrics_of
from trimtab.roles.vitals import VITALS
from trimtab.training import Decision, Trigger, read_batch

__all__ = ["run"]

log = logging.getLogger("trimtab.trainer")

TEND_EVERY_S = 0.003
TELL_EVERY_S = 1.0


class TrainerRole:
    """One trainer process."""

    def __init__(self, config: Config, app: faust.App) -> None:
        self._config = config
        self._app = app
        self._topics = Topics(config.kafka.topic_prefix)
        self._partitions: dict[int, TrainedPartition] = {}
        self._opening = asyncio.Lock()
        self._shelf = Shelf(config)
        self._trust = Trust.of(config)
        self._replays = Replays(config)
        self._told: dict[int, float] = {}

    def start(self) -> None:
        """Subscribe the agents."""
        app = self._app
        handlers: list[tuple[str, Callable[[Any], Awaitable[None]]]] = [
            (self._topics.examples, self._on_examples),
            (self._topics.alerts, self._on_alert),
            (self._topics.commands, self._on_command),
        ]
        for name, handler in handlers:
            topic = app.topic(name, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")
            app.agent(topic, name=f"trainer-{name}", concurrency=1)(functools.partial(self._consume, handler))
        app.on_partitions_revoked.connect(self._on_revoked)
        app.on_before_shutdown.connect(self._on_shutdown)
        app.task(self._tend)

    async def _consume(self, handler: Callable[[Any], Awaitable[None]], stream: Any) -> None:
        async for event in stream.noack().events():
            try:
                if deliver(self._app, event.message):
                    await handler(event)
            except Exception as error:
                log.exception(
                    "cannot take %s[%d] offset %d", event.message.topic, event.message.partition, event.message.offset
                )
                fail(self._app, error)
                return

    async def _on_revoked(self, *_: Any, **__: Any) -> None:
        """A rebalance may give any partition to another process, so all are restored afterwards."""
        partitions, self._partitions = self._partitions, {}
        for partition in partitions.values():
            partition.close()
        self._replays.close()

    async def _on_shutdown(self, *_: Any, **__: Any) -> None:
        self._replays.close()

    async def _tend(self) -> None:
        while not self._app.should_stop:
            await asyncio.sleep(TEND_EVERY_S)
            try:
                for partition in list(self._partitions.values()):
                    await partition.tend()
                    for model in partition.models.values():
                        if not model.halted:
                            self._replays.tend(model.trainer)
                    self._tell(partition)
            except Exception as error:
                log.exception("cannot publish")
                fail(self._app, error)
                return

    def _tell(self, partition: TrainedPartition) -> None:
        now = time.monotonic()
        if now - self._told.get(partition.number, 0.0) < TELL_EVERY_S:
            return
        self._told[partition.number] = now
        VITALS.gauge("races", sum(of.has_race for one in self._partitions.values() for of in one.models.values()))
        for name, model in partition.models.items():
            if model.halted:
                continue
            partition.tell(metrics_of(model.trainer, self._replays.learnt(name), clock.now_ms()))

    async def _partition(self, number: int) -> TrainedPartition:
        async with self._opening:
            partition = self._partitions.get(number)
            if partition is None:
                partition = TrainedPartition(self._config, number)
                await partition.open()
                self._partitions[number] = partition
            return partition

    async def _on_examples(self, event: Any) -> None:
        message = event.message
        partition = await self._partition(message.partition)
        model = partition.models.get(_text(event.key))
        if model is None:
            log.warning("examples of %r, which is not configured, are left unlearnt", event.key)
            self._acknowledge(message)
            return
        if model.halted:
            return
        batch = read_batch(message.offset, event.value)
        if model.trainer.awaited is not None and batch.offset > model.trainer.state.offset:
            begun = model.trainer.on_replayed(await self._replays.results(model.trainer))
            await self._carry_out(partition, model, begun)
        try:
            decisions = model.trainer.on_batch(batch)
        except Exception:
            self._halt(model, message)
            return
        VITALS.count("records")
        VITALS.count("examples", len(batch.examples))
        model.last_produced_ms = int(batch.examples.produced_ms.max(initial=model.last_produced_ms))
        VITALS.gauge("learning_delay_seconds", (clock.now_ms() - model.last_produced_ms) / 1_000)
        model.held.append(functools.partial(self._acknowledge, message))
        if decisions or model.trainer.has_alarms:
            await self._carry_out(partition, model, decisions)

    def _halt(self, model: TrainedModel, message: Any) -> None:
        """A model's own code failed: this model stops, and the others go on.

        Its records are not acknowledged, so nothing is lost: once the code is mended, the next process learns them.
        """
        model.halted = True
        halted = sum(one.halted for partition in self._partitions.values() for one in partition.models.values())
        VITALS.gauge("halted_models", halted)
        log.exception(
            "%s cannot take %s[%d] offset %d and learns no more; mend the model, then start the trainer again",
            model.trainer.name,
            message.topic,
            message.partition,
            message.offset,
        )

    async def _on_alert(self, event: Any) -> None:
        message = event.message
        partition = await self._partition(message.partition)
        alert = orjson.loads(event.value) if event.value else {}
        model = partition.models.get(alert.get("model", ""))
        if model is not None and model.halted:
            return
        if model is None or message.offset <= model.alerts_offset:
            self._acknowledge(message)
            return
        triggers = model.trainer.config.triggers
        wanted = {"drift": triggers.drift, "performance": triggers.performance}.get(alert["kind"], False)
        model.alerts_offset = message.offset
        model.held.append(functools.partial(self._acknowledge, message))
        if alert["state"] == "firing" and wanted:
            trigger = Trigger(alert["kind"], alert["incident"])
            await self._carry_out(partition, model, model.trainer.on_trigger(trigger))

    async def _on_command(self, event: Any) -> None:
        message = event.message
        partition = await self._partition(message.partition)
        try:
            order = order_of(event.value, self._config, self._trust)
        except EventError as error:
            letter = dead_letter(
                error,
                topic=message.topic,
                partition=message.partition,
                offset=message.offset,
                timestamp_ms=int(message.timestamp * 1000),
                key=message.key,
                value=event.value or b"",
            )
            await partition.refuse(self._topics.dead_letters, message.topic.encode(), letter)
            self._acknowledge(message)
            return
        name, ordered = order.model, order.order
        if partition_of(name, self._config.kafka.partitions) != message.partition:
            await partition.forward(message.topic, name, event.value)
            self._acknowledge(message)
            return
        model = partition.models[name]
        if model.halted:
            return
        if message.offset <= model.commands_offset or ordered.id in model.commands:
            self._acknowledge(message)
            return
        # Meanwhile the model learns on: what is decided is decided where it stands then.
        found = await self._shelf.look_up(model.trainer, ordered)
        model.commands_offset = message.offset
        model.commands.append(ordered.id)
        model.held.append(functools.partial(self._acknowledge, message))
        await self._carry_out(partition, model, decide(model.trainer, ordered, found))

    async def _carry_out(self, partition: TrainedPartition, model: TrainedModel, decisions: list[Decision]) -> None:
        VITALS.count("decisions", len(decisions))
        for decision in decisions:
            log.info("%s: %s", model.trainer.name, _short(decision))
        await partition.commit(model, decisions)

    def _acknowledge(self, message: Any) -> None:
        acknowledge(self._app, message.tp, [message.offset])


def run(config: Config, instance: str) -> None:
    """Run one trainer until SIGTERM."""
    connect(config.kafka)

    async def main() -> None:
        app = make_app("trainer", config, instance)
        TrainerRole(config, app).start()
        await run_app(app)

    asyncio.run(main())


def _text(key: object) -> str:
    return key.decode(errors="replace") if isinstance(key, bytes) else str(key)


def _short(decision: Decision) -> str:
    fields = {name: getattr(decision, name, None) for name in ("action", "version", "candidate", "trigger", "details")}
    name = type(decision).__name__.lower()
    return f"{name} {' '.join(f'{key}={value}' for key, value in fields.items() if value is not None)}"
