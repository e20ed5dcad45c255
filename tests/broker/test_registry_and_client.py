"""The registry and its readers on a real Kafka."""

from __future__ import annotations

import hashlib
import math
import random
import time
from collections.abc import Callable, Iterator

import orjson
import pytest
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from tests.broker.publishing import MODEL, Trainer, config_of, trained
from trimtab import ModelFollower, Producer
from trimtab.client import ServedModel
from trimtab.config import KafkaConfig
from trimtab.errors import KafkaError, RegistryError
from trimtab.events.batch import decode_batch, is_batch
from trimtab.kafka.clients import admin
from trimtab.kafka.embedded import EmbeddedBroker
from trimtab.kafka.reading import read_topics
from trimtab.kafka.topics import Topics, create_topics, partition_of
from trimtab.profiles import Reference
from trimtab.registry.fetch import ChunkReader
from trimtab.registry.index import RegistryIndex
from trimtab.registry.records import ChunkRef, SnapshotRef, chunks_key, online_key, reference_key
from trimtab.registry.snapshot import dump

YES, NO = trained(True), trained(False)


def until(condition: Callable[[], bool], timeout_s: float = 10.0) -> bool:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.005)
    return condition()


def name_of(follower: ModelFollower) -> str | None:
    return follower.served.name if follower.served else None


@pytest.fixture
def trainer(kafka: KafkaConfig) -> Trainer:
    return Trainer(kafka)


@pytest.fixture
def index(kafka: KafkaConfig) -> Iterator[RegistryIndex]:
    view = RegistryIndex(kafka, "test-index")
    view.start()
    yield view
    view.close()


@pytest.fixture
def reader(kafka: KafkaConfig) -> Iterator[ChunkReader]:
    chunks = ChunkReader(kafka, "test-chunks")
    yield chunks
    chunks.close()


@pytest.mark.parametrize("kafka", [1, 2, 4], indirect=True)
def test_published_then_followed(kafka: KafkaConfig, trainer: Trainer) -> None:
    trainer.version(1, YES)
    with ModelFollower(MODEL, config_of(kafka)) as follower:
        assert name_of(follower) == "credit@1"
        answer = follower.predict({"x": 1.0})
        assert (answer.value, answer.name) == ("1", "credit@1")
        assert answer.score is not None
        assert answer.score > 0.5
        assert follower.predict({"x": None}).name == "credit@1"
        trainer.version(2, NO)
        assert until(lambda: name_of(follower) == "credit@2")
        assert follower.predict({"x": 1.0}).value == "0"
        assert follower.stats.reloads == 2


def test_started_before_any_model(kafka: KafkaConfig, trainer: Trainer) -> None:
    seen: list[ServedModel] = []
    with ModelFollower(MODEL, config_of(kafka), on_reload=seen.append) as follower:
        assert follower.served is None
        assert follower.predict({"x": 1.0}).name is None
        assert not follower.wait_for_model(0.05)
        trainer.version(1, YES)
        assert follower.wait_for_model(5)
        assert until(lambda: [s.name for s in seen] == ["credit@1"])


def test_online_states_reload_within_milliseconds(
    kafka: KafkaConfig, trainer: Trainer, capsys: pytest.CaptureFixture[str]
) -> None:
    loaded: dict[int | None, float] = {}

    def note(served: ServedModel) -> None:
        loaded[served.learnt_offset] = time.perf_counter()

    trainer.version(1, YES)
    committed: dict[int, float] = {}
    begun: dict[int, float] = {}
    with ModelFollower(MODEL, config_of(kafka, "online"), on_reload=note) as follower:
        for offset in range(1, 201):
            begun[offset] = time.perf_counter()
            trainer.online(1, offset, YES if offset % 2 else NO)
            committed[offset] = time.perf_counter()
            time.sleep(0.01)
        assert until(lambda: name_of(follower) == "credit@1+200")
        assert follower.predict({"x": 1.0}).value == "0"
        assert follower.stats.refused == 0
    after_commit = sorted((loaded[o] - committed[o]) * 1e3 for o in committed if o in loaded)
    whole = sorted((loaded[o] - begun[o]) * 1e3 for o in begun if o in loaded)
    with capsys.disabled():
        print(f"\ncommit -> swapped: {_quantiles(after_commit)}; begin -> swapped: {_quantiles(whole)}")
    # Loose, since a busy machine runs the tests as well; 10 ms is the aim.
    assert after_commit[len(after_commit) // 2] < 50


def _quantiles(ms: list[float]) -> str:
    p50, p99 = ms[len(ms) // 2], ms[math.ceil(len(ms) * 0.99) - 1]
    return f"p50 {p50:.1f} ms, p99 {p99:.1f} ms, max {ms[-1]:.1f} ms (n={len(ms)})"


def test_online_state_of_another_version_is_left_alone(kafka: KafkaConfig, trainer: Trainer) -> None:
    trainer.version(1, YES)
    trainer.online(1, 10, NO)
    trainer.version(2, YES, last_offset=20)
    with ModelFollower(MODEL, config_of(kafka, "online")) as follower:
        assert name_of(follower) == "credit@2"
        trainer.online(2, 25, NO)
        assert until(lambda: name_of(follower) == "credit@2+25")
        # Frozen followers wait for a promotion.
        with ModelFollower(MODEL, config_of(kafka)) as frozen:
            assert name_of(frozen) == "credit@2"


def test_big_snapshot_comes_in_chunks(
    kafka: KafkaConfig, trainer: Trainer, reader: ChunkReader, index: RegistryIndex
) -> None:
    big = dump(random.Random(1).choices(range(1_000_000), k=900_000))
    assert len(big) > 3_000_000
    ref = trainer.version(1, big)
    assert len(ref.chunks) >= 4
    assert reader.read(ref) == big
    index.refresh()
    manifest = index.manifest(MODEL, 1)
    assert manifest is not None
    assert SnapshotRef.from_wire(manifest["snapshot"]) == ref
    with ModelFollower(MODEL, config_of(kafka, gates={"max_snapshot_bytes": 1_000_000})) as follower:
        assert follower.served is None
        assert follower.stats.refused == 1


def test_damaged_bytes_keep_the_last_good_model(
    kafka: KafkaConfig, trainer: Trainer, caplog: pytest.LogCaptureFixture
) -> None:
    trainer.version(1, YES)
    with ModelFollower(MODEL, config_of(kafka, "online")) as follower:
        trainer.online(1, 5, NO, sha256="0" * 64)
        assert until(lambda: follower.stats.refused == 1)
        trainer.online(1, 6, b"not a snapshot")
        assert until(lambda: follower.stats.refused == 2)
        trainer.online(1, 7, NO, size_bytes=1)
        assert until(lambda: follower.stats.refused == 3)
        assert name_of(follower) == "credit@1"
        assert follower.predict({"x": 1.0}).value == "1"
        assert "credit@1 stays in service" in caplog.text
        trainer.online(1, 8, NO)
        assert until(lambda: name_of(follower) == "credit@1+8")
        assert follower.stats.refused == 3


def test_aborted_transaction_is_never_seen(
    kafka: KafkaConfig, trainer: Trainer, index: RegistryIndex, reader: ChunkReader
) -> None:
    trainer.version(1, YES)
    with ModelFollower(MODEL, config_of(kafka)) as follower:
        trainer.version(2, NO, commit=False)
        time.sleep(0.2)
        trainer.abort()
        trainer.version(3, YES)
        assert until(lambda: name_of(follower) == "credit@3")
        assert follower.stats.reloads == 2
        assert follower.stats.refused == 0
    index.refresh()
    assert [m["version"] for m in index.versions(MODEL)] == [1, 3]
    assert index.manifest(MODEL, 2) is None


def test_another_models_open_transaction_does_not_hide_chunks(
    kafka: KafkaConfig, trainer: Trainer, reader: ChunkReader
) -> None:
    ref = trainer.version(1, YES, commit=False)
    assert reader.read(ref) == YES
    trainer.abort()


def test_compacted_chunk_is_a_clear_error(kafka: KafkaConfig, trainer: Trainer, reader: ChunkReader) -> None:
    topic = Topics(kafka.topic_prefix).registry
    quick = {"segment.ms": "50", "min.cleanable.dirty.ratio": "0.001"}
    entries = [ConfigEntry(k, v, incremental_operation=AlterConfigOpType.SET) for k, v in quick.items()]
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=entries)
    client = admin(kafka)
    for future in client.incremental_alter_configs([resource]).values():
        future.result()
    old = trainer.online(1, 1, YES)
    assert reader.read(old) == YES

    errors: list[str] = []

    def gone() -> bool:
        trainer.online(1, 2, NO)
        time.sleep(0.5)
        try:
            return reader.read(old) != YES
        except RegistryError as error:
            errors.append(str(error))
            return True

    assert until(gone, 90)
    assert "is gone (compacted or deleted)" in errors[0]


def test_chunk_that_is_not_there_yet_times_out_and_past_the_end_is_said(trainer: Trainer, reader: ChunkReader) -> None:
    ref = trainer.version(1, YES)
    chunk = ref.chunks[0]
    later = SnapshotRef(1, "", (ChunkRef(chunk.partition, chunk.offset + 1_000, 1),))
    started = time.monotonic()
    with pytest.raises((KafkaError, RegistryError)):
        reader.read(later, timeout_s=0.5)
    assert time.monotonic() - started < 2
    assert reader.read(ref) == YES


def test_index_gives_references_and_tells_subscribers(trainer: Trainer, index: RegistryIndex) -> None:
    changes: list[str] = []
    index.subscribe(lambda key, record: changes.append(f"{key} {'set' if record else 'removed'}"))
    reference = Reference.of("r1", {}, {"colour": ["red", "blue", "red"]}, {"accuracy": 0.9})
    publication = trainer.begin()
    publication.index(reference_key(MODEL, 1), reference.to_wire())
    trainer.commit()
    index.refresh()
    assert index.reference(MODEL, 1) == reference
    assert index.reference(MODEL, 2) is None
    publication = trainer.begin()
    publication.index(reference_key(MODEL, 1), {"id": 3})
    trainer.commit()
    index.refresh()
    with pytest.raises(RegistryError, match="credit/references/1 is damaged"):
        index.reference(MODEL, 1)
    publication = trainer.begin()
    publication.index(reference_key(MODEL, 1), None)
    with pytest.raises(RegistryError, match="no key"):
        publication.index(chunks_key(MODEL, 1) + "/0", {})
    with pytest.raises(RegistryError, match="empty"):
        publication.snapshot(online_key(MODEL), MODEL, b"")
    trainer.commit()
    index.refresh()
    assert changes == ["credit/references/1 set"] * 2 + ["credit/references/1 removed"]


def test_missing_topic_is_said(broker: str) -> None:
    view = RegistryIndex(KafkaConfig(bootstrap_servers=broker, topic_prefix="none."), "test")
    with pytest.raises(KafkaError, match=r"topic none\.registry does not exist; create it with"):
        view.start(5)


def test_everything_accepted_is_delivered(kafka: KafkaConfig) -> None:
    count = 2_000
    with Producer(kafka) as producer:
        # Batches begin when Kafka has said how many partitions there are.
        assert until(lambda: producer._partitions != {}, 10)
        for i in range(count):
            producer.prediction(model=MODEL, id=f"e{i}", time=i, features={"x": 1.0}, prediction=1, score=0.9)
            producer.feature(id=f"e{i}", time=i, features={"x": None})
            producer.label(id=f"e{i}", time=i, label=True)
        assert producer.flush(20) == 0
        stats = producer.stats
    topics = Topics(kafka.topic_prefix)
    assert (stats.accepted, stats.delivered, stats.pending, stats.dropped) == (3 * count, 3 * count, 0, {})
    assert stats.delivered_by_topic == dict.fromkeys(topics.inputs, count)
    assert [stored(kafka, topic) for topic in topics.inputs] == [count] * 3
    # They came fast, so most of them share a record; each lies in the partition of its id.
    for topic in topics.inputs:
        messages = list(read_topics(kafka, [topic]))
        assert len(messages) < count / 2
        for message in messages:
            value = message.value() or b""
            ids = decode_batch(value).ids.to_list() if is_batch(value) else [orjson.loads(value)["id"]]
            assert {partition_of(one, kafka.partitions) for one in ids} == {message.partition()}


def test_a_quiet_service_sends_single_events_at_once(kafka: KafkaConfig) -> None:
    with Producer(kafka) as producer:
        for i in range(20):
            producer.label(id=f"e{i}", time=i, label=1)
            assert producer.flush(10) == 0
    records = [message.value() or b"" for message in read_topics(kafka, [Topics(kafka.topic_prefix).labels])]
    assert len(records) == 20
    assert not any(map(is_batch, records))


def stored(kafka: KafkaConfig, topic: str) -> int:
    """Events in a topic, however they were sent."""
    values = [message.value() or b"" for message in read_topics(kafka, [topic])]
    return sum(len(decode_batch(value)) if is_batch(value) else 1 for value in values)


def test_broker_away_drops_are_counted_and_it_recovers(own_broker: EmbeddedBroker) -> None:
    status = own_broker.status()
    assert status is not None
    kafka = KafkaConfig(bootstrap_servers=status.bootstrap_servers, topic_prefix="away.", partitions=2)
    create_topics(admin(kafka), kafka)
    trainer = Trainer(kafka)
    trainer.version(1, YES)
    dropped: list[str] = []
    slowest_s = 0.0
    with (
        Producer(kafka, buffer_events=500, on_drop=lambda drop: dropped.append(drop.reason)) as producer,
        ModelFollower(MODEL, config_of(kafka)) as follower,
    ):
        producer.label(id="first", time=0, label=1)
        assert producer.flush(10) == 0
        own_broker.stop()
        for i in range(2_000):
            started = time.perf_counter()
            producer.label(id=f"e{i}", time=0, label=1)
            slowest_s = max(slowest_s, time.perf_counter() - started)
        away = producer.stats
        assert follower.predict({"x": 1.0}).name == "credit@1"
        assert away.pending == 500
        assert away.dropped == {"buffer_full": 1_500}
        assert dropped == ["buffer_full"] * 1_500
        # A scheduler's hiccup is allowed, a wait for Kafka is not.
        assert slowest_s < 0.25
        own_broker.start()
        assert producer.flush(60) == 0
        producer.label(id="last", time=0, label=1)
        assert producer.flush(10) == 0
        assert producer.stats.delivered == 502
        Trainer(kafka).version(2, NO)
        assert until(lambda: name_of(follower) == "credit@2", 30)
    assert stored(kafka, Topics(kafka.topic_prefix).labels) == 502


def test_digest_of_a_reference_is_of_its_bytes(trainer: Trainer) -> None:
    assert trainer.version(1, YES).sha256 == hashlib.sha256(YES).hexdigest()
