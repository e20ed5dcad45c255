"""The models of one partition of a trainer: restored from their checkpoints, committed in transactions.

A commit is one transaction: the registry records of the decisions, their audit entries, the alerts of the sequential
detectors, and a checkpoint that stands at the offset learnt so far. Records are acknowledged after it. After a crash
Kafka gives the records since the last checkpoint again, and they are learnt again by the models as the checkpoint has
them: each example teaches each model exactly once.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from trimtab import clock
from trimtab.alerts import annotated
from trimtab.config import Config
from trimtab.errors import RegistryError
from trimtab.kafka.clients import producer
from trimtab.kafka.log import read_range
from trimtab.kafka.tables import read_table
from trimtab.kafka.topics import Topics, partition_of
from trimtab.registry import SnapshotRef
from trimtab.registry.audit import Chain, Head
from trimtab.registry.audit_log import chain_of
from trimtab.registry.fetch import ChunkReader
from trimtab.registry.publish import Publication
from trimtab.registry.records import (
    INDEX_PARTITION,
    INLINE_BYTES,
    champion_key,
    chunk_keys,
    inline_snapshot,
    manifest_sha256,
    online_key,
    pin_key,
    version_key,
)
from trimtab.registry.signing import SignatureRefused, Signer, Trust
from trimtab.registry.snapshot import dump, load
from trimtab.roles.records import metric_key
from trimtab.roles.trainer_records import (
    Decided,
    Standing,
    decided,
    online_record,
    publish_alias,
    publish_canary,
    publish_deletion,
    publish_online,
    publish_pin,
    publish_promotion,
    publish_registration,
    publish_serving,
)
from trimtab.roles.transactions import TransactionalOutput
from trimtab.roles.vitals import VITALS
from trimtab.sequential.watch import alarm_record
from trimtab.training import (
    Appointment,
    Canary,
    Decision,
    Deletion,
    Inventory,
    Pin,
    Promotion,
    Registration,
    Rollback,
    Trainer,
    read_batch,
)
from trimtab.training.checkpoint import decode_state, encode_state

__all__ = ["TrainedModel", "TrainedPartition"]

log = logging.getLogger("trimtab.trainer")

ROLE = "trainer"
CHECKPOINT_EVERY_S = 1.0
# A state takes as long to encode as the model is large; publishing has at most this share of the time.
PUBLISHING_SHARE = 0.04
# Ids of commands already carried out: a command that is sent or forwarded twice counts once.
COMMANDS_REMEMBERED = 100


@dataclass(slots=True)
class TrainedModel:
    """One model, and what is not yet durable about it.

    ``halted``: it could not take a record. What it holds in memory may be half of something, so nothing of it is stored
    any more; the next process begins with its last checkpoint, at the same record.
    """

    trainer: Trainer
    alerts_offset: int = -1
    commands_offset: int = -1
    commands: deque[str] = field(default_factory=lambda: deque(maxlen=COMMANDS_REMEMBERED))
    last_produced_ms: int = 0
    halted: bool = False
    published_offset: int = -1
    publish_from: float = 0.0
    state_bytes: int = 0
    checkpoint_at: float = field(default_factory=time.monotonic)
    held: list[Callable[[], Any]] = field(default_factory=list)
    decided: list[Decided] = field(default_factory=list)
    standing: Standing = field(default_factory=Standing)

    @property
    def has_race(self) -> bool:
        """Whether a race is run or prepared."""
        return self.trainer.state.race is not None or self.trainer.state.preparing is not None


class TrainedPartition:
    """All configured models whose examples are in partition ``number``."""

    def __init__(self, config: Config, number: int) -> None:
        self._config = config
        self.number = number
        self._topics = Topics(config.kafka.topic_prefix)
        self._signer = Signer.of(config)
        self._trust = Trust.of(config)
        self._output = TransactionalOutput(config.kafka, f"{config.kafka.topic_prefix}trainer-{number}")
        self._direct = producer(config.kafka, f"trimtab-trainer-{number}", linger_ms=0)
        self._lock = asyncio.Lock()
        self._index: dict[str, bytes] | None = None
        self.models: dict[str, TrainedModel] = {}
        self.closed = False

    async def open(self) -> None:
        """Fence whoever trained this partition before, and restore every model."""
        await self._output.start()
        loop = asyncio.get_running_loop()
        self.models = await loop.run_in_executor(None, self._restore)
        served = await loop.run_in_executor(None, self._served)
        for name, model in self.models.items():
            await self._serve_again(model, _fields(served.get(champion_key(name), b"")))

    def close(self) -> None:
        """Stop; what is not committed is learnt again by the next owner."""
        self.closed = True
        self._output.close()

    async def tend(self) -> None:
        """Publish and checkpoint what is due; called every few milliseconds."""
        for model in self.models.values():
            if model.halted:
                continue
            now = time.monotonic()
            if model.held and now - model.checkpoint_at >= CHECKPOINT_EVERY_S:
                await self.commit(model)
            elif self._publish_due(model, now):
                await self._publish(model)

    async def commit(self, model: TrainedModel, decisions: Sequence[Decision] = ()) -> None:
        """One transaction with everything decided and a checkpoint; then acknowledge."""
        trainer, state = model.trainer, model.trainer.state
        # A commit that waits already will have the state that these have made, so it must have these too.
        model.decided += [decided(trainer, decision, clock.now_ms()) for decision in decisions]
        async with self._lock:
            due = model.held or model.decided or trainer.has_alarms
            if self.closed or model.halted or not due:
                return
            held, model.held = model.held, []
            made, model.decided = model.decided, []
            model.checkpoint_at = time.monotonic()
            admit = trainer.config.admit
            checkpoint = encode_state(state, lambda item: dump(item, admit=admit))
            record = {
                "model": trainer.name,
                "offset": state.offset,
                "recent_from": trainer.recent.first_offset,
                "alerts_offset": model.alerts_offset,
                "commands_offset": model.commands_offset,
                "commands": list(model.commands),
                "published_offset": model.published_offset,
            }
            online = self._online_state(model) if made else None
            alarms = [alarm_record(trainer.name, one, self.number, clock.now_ms()) for one in trainer.take_alarms()]
            alerts = [annotated(alarm, self._config.alerting) for alarm in alarms]

            def write(publication: Publication) -> None:
                # Before the alias: a reader that acts on the alias finds the state that goes with it.
                if online is not None:
                    publish_online(publication, trainer, *online, clock.now_ms())
                for one in made:
                    self._publish_decision(publication, model, one)
                for entry in entries:
                    self._produce(self._topics.audit, trainer.name, orjson.dumps(entry))
                for alert in alerts:
                    self._produce(self._topics.alerts, alert["fingerprint"], orjson.dumps(alert))
                ref = publication.snapshot(f"{trainer.name}/checkpoint", trainer.name, checkpoint)
                whole = record | {"standing": model.standing.to_wire(), "checkpoint": ref.to_wire()}
                signed = self._signer.signed("state", _state_key(trainer.name), whole)
                self._produce(self._topics.state, _state_key(trainer.name), orjson.dumps(signed))

            entries: list[dict[str, Any]] = []
            if made:
                entries = await asyncio.get_running_loop().run_in_executor(None, self._prepare, model, made)
            await self._transaction(write)
        VITALS.count("alerts", len(alerts))
        for alert in alerts:
            log.info("%s: %s", alert["state"], alert["summary"])
        for acknowledge in held:
            acknowledge()

    def tell(self, metrics: Iterable[dict[str, Any]]) -> None:
        """Write metric records, in no transaction."""
        for record in metrics:
            self._direct.produce(self._topics.metrics, orjson.dumps(record), metric_key(record).encode())
        self._direct.poll(0)

    async def refuse(self, topic: str, key: bytes, letter: bytes) -> None:
        """Send one record to dead letters."""
        async with self._lock:
            await self._transaction(lambda _: self._output.producer.produce(topic, letter, key))

    async def forward(self, topic: str, model: str, value: bytes) -> None:
        """Produce a record again where its model lives."""
        home = partition_of(model, self._config.kafka.partitions)
        async with self._lock:
            await self._transaction(lambda _: self._output.producer.produce(topic, value, model.encode(), home))

    # Publishing

    def _publish_due(self, model: TrainedModel, now: float) -> bool:
        trainer = model.trainer
        if trainer.config.mode != "online" or trainer.champion is None:
            return False
        fresh = trainer.state.offset > model.published_offset
        return fresh and now >= model.publish_from

    async def _publish(self, model: TrainedModel) -> None:
        """Publish the learning champion's state.

        Learning is deterministic, so whoever publishes the state at an offset publishes the same: a small state
        goes out at once, as one record, with no transaction to wait for. A large one takes several records.
        """
        if self.closed or model.halted:
            return
        if model.state_bytes > INLINE_BYTES:
            async with self._lock:
                online = self._online_state(model)
                if online is not None and not self.closed:
                    data, meta = online
                    await self._transaction(lambda p: publish_online(p, model.trainer, data, meta, clock.now_ms()))
            return
        online = self._online_state(model)
        if online is not None and model.state_bytes <= INLINE_BYTES:
            data, meta = online
            record = online_record(model.trainer.name, inline_snapshot(data), meta, clock.now_ms())
            key = online_key(model.trainer.name)
            value = orjson.dumps(self._signer.signed("registry", key, record))
            self._direct.produce(self._topics.serving, value, key.encode(), self.number)
            self._direct.poll(0)

    def _online_state(self, model: TrainedModel) -> tuple[bytes, dict[str, int]] | None:
        trainer, champion = model.trainer, model.trainer.champion
        # A version that is not in the registry yet has no state there.
        if trainer.config.mode != "online" or champion is None or model.decided:
            return None
        state, lineage = trainer.state, trainer.state.lineage
        model.published_offset, began = state.offset, time.monotonic()
        meta = {
            "version": champion.version,
            "learnt_offset": state.offset,
            "count": lineage.learnt.count,
            "event_time_ms": state.event_time_ms,
            "last_produced_ms": model.last_produced_ms,
        }
        data = dump(lineage.model, admit=trainer.config.admit)
        model.state_bytes = len(data)
        took_s = time.monotonic() - began
        model.publish_from = began + max(trainer.config.publish.every / 1_000, took_s / PUBLISHING_SHARE)
        return data, meta

    def _publish_decision(self, publication: Publication, model: TrainedModel, made: Decided) -> None:
        decision, trainer, standing = made.decision, model.trainer, model.standing
        if isinstance(decision, Promotion):
            partitions = self._config.kafka.partitions
            publish_promotion(publication, trainer, made, decision, self._topics, partitions, standing)
        elif isinstance(decision, Rollback | Appointment):
            publish_alias(publication, trainer, decision, standing, clock.now_ms())
        elif isinstance(decision, Canary):
            publish_canary(publication, trainer, decision, standing, made.made_ms)
        elif isinstance(decision, Pin):
            publish_pin(publication, trainer.name, decision, made.made_ms)
        elif isinstance(decision, Deletion):
            publish_deletion(publication, trainer.name, decision.versions, standing)
        elif isinstance(decision, Registration):
            publish_registration(publication, trainer.name, decision, standing)

    def _prepare(self, model: TrainedModel, made: Sequence[Decided]) -> list[dict[str, Any]]:
        """Read what the decisions need and is not known here; returns their entries for the audit log."""
        self._learn_of(model, made)
        name, standing = model.trainer.name, model.standing
        told = [one.audit for one in made if one.audit is not None]
        if standing.audit is None and told:
            standing.audit = chain_of(self._config.kafka, name, ROLE).head
        chain = Chain(name, ROLE, standing.audit or Head())
        entries = [chain.sealed(entry, self._signer) for entry in told]
        standing.audit = chain.head
        return entries

    def _learn_of(self, model: TrainedModel, made: Sequence[Decided]) -> None:
        """Read the manifests that decisions are about and that are not known here, being older than the last few."""
        name, standing = model.trainer.name, model.standing
        new = {one.decision.version for one in made if isinstance(one.decision, Promotion)}
        known, gone = standing.serving.keys() | new, set[int]()
        for decision in (one.decision for one in made):
            if isinstance(decision, Rollback | Appointment | Canary) and decision.version not in known:
                self._fetch_manifest(name, decision.version, standing)
            if isinstance(decision, Deletion):
                gone |= set(decision.versions) - standing.chunks.keys()
        if gone:
            table = self._registry()
            standing.chunks |= {version: chunk_keys(name, self._manifest(name, version, table)) for version in gone}

    def _fetch_manifest(self, name: str, version: int, standing: Standing) -> None:
        """Know the manifest of a version that was published long ago; one that is gone has an empty hash."""
        record = self._manifest(name, version, self._registry())
        standing.manifests[version] = manifest_sha256(record) if record else ""
        if record:
            standing.serving[version] = record

    def _manifest(self, name: str, version: int, table: Mapping[str, bytes]) -> dict[str, Any]:
        """A version's manifest; empty for one that is not there or not to be believed."""
        key = version_key(name, version)
        record = _fields(table.get(key, b""))
        try:
            if record:
                self._trust.check("registry", key, record)
        except SignatureRefused as refused:
            log.error("%s; services will refuse it as champion, and its chunks cannot be deleted", refused)
            return {}
        return record

    def _registry(self) -> dict[str, bytes]:
        return read_table(self._config.kafka, self._topics.registry, INDEX_PARTITION)

    async def _transaction(self, write: Callable[[Publication], None]) -> None:
        transactional = self._output.producer

        def run() -> None:
            transactional.begin_transaction()
            write(Publication(self._config.kafka, transactional, self._config.kafka.partitions, signer=self._signer))
            self._output.commit_now()

        await self._output.call(run)
        VITALS.count("transactions")

    def _produce(self, topic: str, key: str, value: bytes) -> None:
        self._output.producer.produce(topic, value, key.encode(), self.number)

    # Restoring

    def _restore(self) -> dict[str, TrainedModel]:
        table = read_table(self._config.kafka, self._topics.state, self.number)
        names = [n for n in self._config.models if partition_of(n, self._config.kafka.partitions) == self.number]
        models = {name: self._restore_one(name, table.get(_state_key(name))) for name in names}
        self._index = None
        return models

    def _served(self) -> dict[str, bytes]:
        """What services find; its manifests are known to each model from then on."""
        served = read_table(self._config.kafka, self._topics.serving, self.number)
        for name, model in self.models.items():
            versions = version_key(name, 0)[:-1]
            numbers = [key.removeprefix(versions) for key in served if key.startswith(versions)]
            found = {int(n): self._manifest(name, int(n), served) for n in numbers if n.isdecimal()}
            for version, manifest in found.items():
                if manifest:
                    model.standing.serving[version] = manifest
                    model.standing.manifests.setdefault(version, manifest_sha256(manifest))
        return served

    async def _serve_again(self, model: TrainedModel, served: Mapping[str, Any]) -> None:
        """Services may lack the champion: an earlier release wrote it for the registry alone."""
        name, champion = model.trainer.name, model.trainer.champion
        if champion is None or served.get("version") == champion.version:
            return
        table = await asyncio.get_running_loop().run_in_executor(None, self._registry)
        alias, version = _fields(table.get(champion_key(name), b"")), champion.version
        manifest = self._manifest(name, version, table)
        if manifest and alias.get("version") == version:
            model.standing.serving[version], model.published_offset = manifest, -1
            await self._transaction(lambda p: publish_serving(p, name, version, alias, model.standing))

    def _restore_one(self, name: str, value: bytes | None) -> TrainedModel:
        config = self._config.models[name]
        if value is None:
            return TrainedModel(self._new(name))
        record = orjson.loads(value)
        self._believe(name, record)
        reader = ChunkReader(self._config.kafka, "trimtab-trainer-restore")
        try:
            data = reader.read(SnapshotRef.from_wire(record["checkpoint"]))
        finally:
            reader.close()
        # Our own state may be larger than what the gate lets out.
        state = decode_state(
            data,
            lambda part: load(part, max_bytes=len(data), admit=config.admit),
            lambda next_version: self._counted(name, next_version),
        )
        trainer = Trainer(name, config, state)
        if record["recent_from"] is not None:
            for message in read_range(
                self._config.kafka, self._topics.examples, self.number, record["recent_from"], state.offset
            ):
                if message.key() == name.encode():
                    trainer.recent.add(read_batch(message.offset(), message.value()))
        log.info("%s restored at examples offset %d with %d examples", name, state.offset, state.count)
        return TrainedModel(
            trainer,
            alerts_offset=record["alerts_offset"],
            commands_offset=record["commands_offset"],
            commands=deque(record.get("commands", ()), maxlen=COMMANDS_REMEMBERED),
            published_offset=record["published_offset"],
            standing=Standing.from_wire(record.get("standing", {})),
        )

    def _new(self, name: str) -> Trainer:
        """A trainer that knows nothing; numbers that versions have, whose trainer's state is lost, it does not use."""
        trainer = Trainer(name, self._config.models[name])
        trainer.state.inventory = found = self._counted(name, 1)
        trainer.state.next_version = max(found.used, default=0) + 1
        return trainer

    def _counted(self, name: str, next_version: int) -> Inventory:
        """Which versions the registry has; read once, since no later checkpoint asks for it."""
        if self._index is None:
            self._index = self._registry()
        versions, pins = version_key(name, 0)[:-1], pin_key(name, 0)[:-1]
        manifests = {
            int(number): _fields(value)
            for key, value in self._index.items()
            if key.startswith(versions) and (number := key.removeprefix(versions)).isdecimal()
        }
        pinned = [int(key.removeprefix(pins)) for key in self._index if key.startswith(pins)]
        return Inventory.of(manifests, pinned, next_version)

    def _believe(self, name: str, record: dict[str, Any]) -> None:
        """Refuse a checkpoint that is not signed as it has to be: its models are loaded, and published again."""
        try:
            self._trust.check("state", _state_key(name), record)
        except SignatureRefused as refused:
            remedy = "; if it is yours, run the trainer once with require_signature: false, which signs its checkpoint"
            raise RegistryError(f"{self._topics.state}: {refused}{remedy}") from refused


def _state_key(name: str) -> str:
    return f"trainer/{name}"


def _fields(value: bytes) -> dict[str, Any]:
    """A record's fields, none when it is damaged: its number is used all the same."""
    try:
        record = orjson.loads(value)
    except orjson.JSONDecodeError:
        return {}
    return record if isinstance(record, dict) else {}
