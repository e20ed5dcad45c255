"""A real Kafka for the tests: one embedded broker a session, topics of its own for each test."""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from trimtab.config import KafkaConfig
from trimtab.kafka.clients import admin
from trimtab.kafka.embedded import EmbeddedBroker
from trimtab.kafka.topics import TOPICS, create_topics


@pytest.fixture(scope="session")
def broker() -> Iterator[str]:
    """Bootstrap servers of a broker that no test may stop."""
    folder = Path(tempfile.mkdtemp(prefix="trimtab-broker-"))
    embedded = EmbeddedBroker(folder)
    try:
        yield embedded.start().bootstrap_servers
    finally:
        embedded.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[EmbeddedBroker]:
    """A running broker that the test may stop and start."""
    embedded = EmbeddedBroker(tmp_path / "kafka")
    embedded.start()
    try:
        yield embedded
    finally:
        embedded.stop()


@pytest.fixture(params=[3], ids=lambda count: f"{count}p")
def kafka(broker: str, request: pytest.FixtureRequest) -> Iterator[KafkaConfig]:
    """All topics under a prefix of this test's own; the partition count can be set by indirect parameters."""
    config = KafkaConfig(
        bootstrap_servers=broker, topic_prefix=f"t{uuid.uuid4().hex[:10]}.", partitions=int(request.param)
    )
    client = admin(config)
    create_topics(client, config)
    yield config
    # A broker with thousands of partitions gets slow and its folder large.
    for future in client.delete_topics([config.topic_prefix + spec.name for spec in TOPICS]).values():
        future.exception(timeout=10)
