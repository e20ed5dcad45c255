"""A trainer's checkpoint and its decisions are in one transaction, whoever commits first."""

from __future__ import annotations

import asyncio

import pytest

from tests.broker.publishing import MODEL, config_of
from tests.broker.running import Results
from trimtab.config import Config, KafkaConfig
from trimtab.events import Example
from trimtab.events.examples import Examples
from trimtab.kafka.topics import partition_of
from trimtab.registry.records import version_key
from trimtab.roles.trained_partition import TrainedPartition
from trimtab.training import Batch


def batch(offset: int, config: Config) -> Batch:
    examples = [Example(str(i), i, i, {"x": i / 7}, str(i % 2), None, None, 1, None, i) for i in range(60)]
    return Batch(offset, "ab", Examples.of(examples, config.models[MODEL]))


async def crash_after_the_first_of_two_commits(config: Config) -> None:
    """The second decides; the first waits for its turn meanwhile, and is the last that comes through."""
    partition = TrainedPartition(config, partition_of(MODEL, config.kafka.partitions))
    await partition.open()
    model = partition.models[MODEL]
    model.held.append(lambda: None)
    async with partition._lock:
        first = asyncio.create_task(partition.commit(model))
        await asyncio.sleep(0)
        decisions = model.trainer.on_batch(batch(0, config))
        assert len(decisions) == 1
        second = asyncio.create_task(partition.commit(model, decisions))
        await asyncio.sleep(0)
    await first
    second.cancel()
    partition.close()


@pytest.mark.timeout(60)
def test_a_waiting_commit_has_the_decisions_of_the_state_that_it_writes(kafka: KafkaConfig) -> None:
    config = config_of(kafka, first_version_after=50, reference_examples=50)
    asyncio.run(crash_after_the_first_of_two_commits(config))
    results = Results(config)
    state = results.checkpoint(MODEL)
    assert state is not None
    assert state.next_version == 2
    assert results.version_keys() == [version_key(MODEL, 1)]
    assert [entry["action"] for entry in results.json(f"{kafka.topic_prefix}audit")] == ["promoted"]
