"""Trains models in this process as the trainer's role does, on records of the examples topic, with crashes."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence

from trimtab.config import Config
from trimtab.events import Example
from trimtab.events.examples import Examples, encode_examples
from trimtab.kafka.clients import producer
from trimtab.kafka.log import read_range
from trimtab.kafka.topics import Topics, partition_of
from trimtab.roles.orders import Shelf, decide
from trimtab.roles.trained_partition import TrainedPartition
from trimtab.training import Decision, read_batch
from trimtab.training.orders import Order

__all__ = ["order", "train", "write_examples"]


def write_examples(config: Config, model: str, examples: Sequence[Example], seed: int = 0) -> int:
    """In records of 5 to 40 examples; returns the offset of the last record."""
    sender, sizes, at = producer(config.kafka, "test-examples"), random.Random(seed), 0
    last: list[int] = []
    topic, home = Topics(config.kafka.topic_prefix).examples, partition_of(model, config.kafka.partitions)
    while at < len(examples):
        some = examples[at : at + sizes.randint(5, 40)]
        at += len(some)
        value = encode_examples(model, Examples.of(some, config.models[model]))
        sender.produce(topic, value, model.encode(), home, on_delivery=lambda _, m: last.append(m.offset()))
        # One record a batch, as the collector's transactions have them.
        sender.flush(10)
    return last[-1]


def train(config: Config, model: str, last: int, versions: int, seed: int = 0) -> None:
    """Until ``versions`` are published or record ``last`` is learnt; one record in 30 is learnt by who dies."""
    asyncio.run(_train(config, model, last, versions, random.Random(seed)))


async def _train(config: Config, model: str, last: int, versions: int, chance: random.Random) -> None:
    topic, home = Topics(config.kafka.topic_prefix).examples, partition_of(model, config.kafka.partitions)
    partition = TrainedPartition(config, home)
    await partition.open()
    while (trainer := partition.models[model].trainer).state.offset < last and trainer.state.next_version <= versions:
        crashed = False
        for message in read_range(config.kafka, topic, home, trainer.state.offset + 1, last):
            if message.key() != model.encode():
                continue
            decisions = trainer.on_batch(read_batch(message.offset(), message.value() or b""))
            crashed = chance.random() < 1 / 30
            if crashed:
                break
            partition.models[model].held.append(lambda: None)
            if decisions or chance.random() < 0.2:
                await partition.commit(partition.models[model], decisions)
            if trainer.state.next_version > versions:
                break
        if crashed:
            partition.close()
            partition = TrainedPartition(config, home)
            await partition.open()
    partition.close()


def order(config: Config, model: str, command: str, version: int, id: str = "o1") -> list[Decision]:
    """Carry out an order about a version, as the trainer's role does, by a process of its own."""
    return asyncio.run(_ordered(config, model, Order(id, command, version, "ann")))


async def _ordered(config: Config, name: str, one: Order) -> list[Decision]:
    partition = TrainedPartition(config, partition_of(name, config.kafka.partitions))
    await partition.open()
    try:
        model = partition.models[name]
        found = await Shelf(config).look_up(model.trainer, one)
        decisions = decide(model.trainer, one, found)
        await partition.commit(model, decisions)
        return decisions
    finally:
        partition.close()
