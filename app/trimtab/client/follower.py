"""A model that keeps itself up to date: it follows the registry, and swaps in each new state whole.

::

    index record committed ──► loader wakes ──► bytes fetched ──► checked, unpickled ──► swapped
                                    │                                  │
                                    └── Kafka away: tried again        └── refused: counted, the last good model stays

Frozen models follow the alias ``champion``. Online models also follow the champion's state as it learns: the record
``<model>/online``, as long as it continues the version that the alias names. The alias ``canary`` names a version that
is served for a share of the keys. No more than two models are held.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from trimtab.client.canary import CanaryChoice, canary_of, in_share
from trimtab.client.choice import Target, targets
from trimtab.client.pulse import Pulse, instance_name
from trimtab.client.refusals import RefusalAlert
from trimtab.client.replica import Replica
from trimtab.client.served import FollowerStats, ServedModel, ServedPrediction
from trimtab.client.writing import Writer
from trimtab.config import Config, ModelConfig, load_config
from trimtab.errors import ConfigError, KafkaError, RegistryError
from trimtab.events import canonical_features, served_name
from trimtab.kafka.embedded.found import connected
from trimtab.kafka.topics import Topics, partition_of
from trimtab.registry.fetch import ChunkReader
from trimtab.registry.index import RegistryIndex
from trimtab.registry.loading import load_recorded
from trimtab.registry.records import SnapshotRef, canary_key, champion_key, online_key, version_key
from trimtab.registry.signing import Trust
from trimtab.registry.trusted import refuse_another_version
from trimtab.training.lineage import model_input
from trimtab.training.task import make_task

__all__ = ["FollowerStats", "ModelFollower", "ServedModel", "ServedPrediction"]

log = logging.getLogger("trimtab.client")

_RETRY_S = 1.0
_FETCH_S = 5.0
_REMEMBERED = 100
# While an alert fires, how often to see whether it may be resolved.
_LOOK_AGAIN_S = 5.0
_REFRESH_S = 2.0

_NO_LOCK = nullcontext()


class ModelFollower:
    """Serves the champion of one model and reloads it within milliseconds of a change.

    Parameters
    ----------
    model
        Its name in ``trimtab.yaml``.
    config
        The configuration or where it lies; None reads ``trimtab.yaml`` as the command line does.
    on_reload
        Called with each new :class:`ServedModel`, in the loading thread.
    replica
        Learn the examples here too, from the published state on: the same model as the trainer's, sooner. Only for
        models in mode ``online``.
    max_behind_s
        Predictions say ``stale`` when for so many seconds Kafka was away, or what it asks for could not be loaded.
        None: never.
    instance
        Name of this follower in its heartbeats; None makes one of host, process and chance.

    Raises
    ------
    ConfigError
        If the configuration is wrong or has no such model.

    Examples
    --------
    A service starts it once and asks it for every event::

        with ModelFollower("credit") as credit:
            answer = credit.predict({"income": 48_000.0})
            producer.prediction(..., prediction=answer.value, score=answer.score, served=answer.name)
    """

    def __init__(
        self,
        model: str,
        config: Config | Path | str | None = None,
        *,
        on_reload: Callable[[ServedModel], None] | None = None,
        replica: bool = False,
        max_behind_s: float | None = None,
        instance: str | None = None,
    ) -> None:
        whole = connected(
            config if isinstance(config, Config) else load_config(None if config is None else Path(config))
        )
        self._config = _model_of(whole, model)
        self._kafka = whole.kafka
        self._trust = Trust.of(whole)
        self._writer = Writer(whole.kafka, f"trimtab-follower-{model}-tells")
        self._alert = RefusalAlert(self._writer, whole.kafka.topic_prefix, model)
        self._model = model
        self.instance = instance or instance_name()
        self._max_behind_s = float("inf") if max_behind_s is None else max_behind_s
        self._pulse = Pulse(model, self._refresh, self._is_current, self._send_heartbeat)
        self._task = make_task(self._config.task, classes=self._config.classes)
        self._on_reload = on_reload
        self._wants_replica = replica and self._config.mode == "online"
        self._replica: Replica | None = None
        self._served: ServedModel | None = None
        self._canary: tuple[CanaryChoice, ServedModel] | None = None
        self._refused: tuple[str, ...] = ()
        self._not_believed: Mapping[str, RegistryError] = {}
        self._strange: dict[str, Mapping[str, Any] | None] = {}
        self._stats = FollowerStats(0, 0, None)
        self._index: RegistryIndex | None = None
        self._reader: ChunkReader | None = None
        self._changed = threading.Event()
        self._looked = threading.Event()
        self._loaded = threading.Condition()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._followed = (champion_key(model), canary_key(model), online_key(model))

    def start(self, timeout_s: float = 10.0) -> Self:
        """Read the registry and load the champion if there is one; then follow in the background.

        Raises
        ------
        KafkaError
            If the registry cannot be read within ``timeout_s`` seconds.
        """
        if self._thread is not None:
            return self
        deadline = time.monotonic() + timeout_s
        index = RegistryIndex(self._kafka, f"trimtab-follower-{self._model}", self._trust, serving=self._model)
        index.subscribe(self._on_record)
        index.start(timeout_s)
        self._index = index
        self._reader = ChunkReader(self._kafka, f"trimtab-follower-{self._model}-chunks")
        if self._wants_replica:
            self._replica = Replica(self._kafka, self._model, self._task, self._on_learnt)
            self._replica.start()
        self._changed.set()
        self._thread = threading.Thread(target=self._run, name=f"trimtab-follower-{self._model}", daemon=True)
        self._thread.start()
        self._looked.wait(max(0.0, deadline - time.monotonic()))
        self._pulse.start()
        return self

    def wait_for_model(self, timeout_s: float) -> bool:
        """Wait until there is a model to serve; False when none came within ``timeout_s`` seconds."""
        with self._loaded:
            return self._loaded.wait_for(lambda: self._served is not None, timeout_s)

    def close(self) -> None:
        """Stop following; the last model goes on predicting."""
        started = self._thread is not None
        self._pulse.close()
        self._stop.set()
        self._changed.set()
        if self._index is not None:
            self._index.close()
        if self._thread is not None:
            self._thread.join()
        if self._replica is not None:
            self._replica.close()
        if self._reader is not None:
            self._reader.close()
            self._reader = None
        if started:
            self._write_heartbeat(None)
        self._writer.close()

    async def __aenter__(self) -> Self:
        """As ``with``, with the loop running on meanwhile."""
        return await asyncio.to_thread(self.start)

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self.close)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def served(self) -> ServedModel | None:
        """The model in service; None before the first version."""
        return self._served

    @property
    def stats(self) -> FollowerStats:
        """Counts since the follower was made."""
        return self._stats

    @property
    def canary(self) -> ServedModel | None:
        """The version that is served for a share of the keys, if there is one."""
        canary = self._canary
        return None if canary is None else canary[1]

    @property
    def behind_s(self) -> float:
        """Seconds since what is served was last known to be what the registry asks for; looked at every ten."""
        return self._pulse.behind_s

    def predict(self, features: Mapping[str, object], *, key: str | None = None) -> ServedPrediction:
        """Predict one event, with the features typed exactly as the trainer types them.

        Parameters
        ----------
        key
            Whom or what the event is about, such as a customer's id: decides whether a canary is asked. None asks the
            champion.

        Raises
        ------
        EventError
            If a feature has the wrong type or is not finite.
        """
        typed = model_input(canonical_features(features, self._config))
        stale = self._pulse.behind_s > self._max_behind_s
        with self._replica.lock if self._replica is not None else _NO_LOCK:
            canary, served = self._canary, self._served
            if canary is not None and key is not None and in_share(key, canary[0]):
                served = canary[1]
            if served is None:
                return ServedPrediction(None, None, None, stale)
            answer = self._task.predict(served.model, typed)
        return ServedPrediction(answer.value, answer.score, served.name, stale)

    def _on_learnt(self, version: int, offset: int) -> None:
        """The replica has learnt one more record."""
        served = self._served
        if served is not None and served.version == version:
            name = served_name(self._model, version, offset)
            self._served = replace(served, name=name, learnt_offset=offset)

    def _on_record(self, key: str, _record: dict[str, Any] | None) -> None:
        if key in self._followed or key.startswith(f"{self._model}/versions/"):
            self._changed.set()

    def _run(self) -> None:
        while not self._stop.is_set():
            self._changed.wait(_LOOK_AGAIN_S if self._alert.firing else None)
            self._changed.clear()
            if self._stop.is_set():
                return
            try:
                self._look()
            except KafkaError as error:
                log.warning("%s: cannot load its new state yet (%s); trying again", self._model, error)
                self._stop.wait(_RETRY_S)
                self._changed.set()
            except Exception:
                log.exception("%s: the follower failed; the last good model stays in service", self._model)
            finally:
                self._looked.set()

    def _look(self) -> None:
        """Load the best states that the index names and that have not been refused."""
        index = self._index
        alias = None if index is None else index.champion(self._model)
        if index is not None:
            self._note_refusals(index, alias)
        if index is not None and alias is not None:
            self._look_at_champion(index, alias)
            self._look_at_canary(index, int(alias["version"]))

    def _look_at_champion(self, index: RegistryIndex, alias: Mapping[str, Any]) -> None:
        version, served = int(alias["version"]), self._served
        if self._replica is not None and served is not None and served.version == version:
            return  # the replica goes on by itself
        found = self._targets(index, version)
        if found and not self._belongs(champion_key(self._model), alias, index.manifest(self._model, version)):
            return
        for target in found:
            if target.name in self._refused:
                continue
            try:
                self._swap(target, self._promoted_canary(target) or self._load(target), alias)
                return
            except RegistryError as error:
                self._refuse_target(target, error)

    def _targets(self, index: RegistryIndex, version: int) -> list[Target]:
        online = index.online(self._model) if self._config.mode == "online" else None
        serving = None if self._served is None else (self._served.version, self._served.learnt_offset)
        return targets(version, index.manifest(self._model, version), online, serving)

    def _promoted_canary(self, target: Target) -> Any:
        """The canary's model when it is to be the champion's. Another one makes room before a version is loaded."""
        canary = self._canary
        if canary is None or (self._served is not None and target.version == self._served.version):
            return None
        same = target.learnt_offset is None and canary[1].record == target.record
        self._canary = canary if same else None
        return canary[1].model if same else None

    def _look_at_canary(self, index: RegistryIndex, champion: int) -> None:
        """Serve, or stop serving, the version that the alias ``canary`` names for its share of the keys."""
        alias, held = index.alias(self._model, "canary"), self._canary
        key = canary_key(self._model)
        try:
            choice = canary_of(alias, champion)
        except RegistryError as error:
            choice = None
            if self._strange.get(key) is not alias:
                self._strange[key] = alias
                self._refuse(key, champion, error)
        if choice is None or alias is None:
            self._canary = None
            return
        manifest = index.manifest(self._model, choice.version)
        if held is not None and held[1].record == manifest:
            self._canary = (choice, held[1])
            return
        self._canary = None
        target = Target(choice.version, None, manifest)
        if target.name in self._refused or not self._belongs(key, alias, manifest):
            return
        try:
            model = self._load(target)
        except RegistryError as error:
            self._refuse_target(target, error)
            return
        name = served_name(self._model, choice.version, None)
        now_ms = time.time_ns() // 1_000_000
        self._canary = (choice, ServedModel(name, choice.version, None, model, manifest or {}, now_ms))
        self._pulse.beat_soon()

    def _refuse_target(self, target: Target, error: RegistryError) -> None:
        self._refused = (*self._refused, target.name)[-_REMEMBERED:]
        self._refuse(f"{self._model}@{target.name}", target.version, error)

    def _note_refusals(self, index: RegistryIndex, alias: Mapping[str, Any] | None) -> None:
        """Tell of records that the index does not believe; it goes on with those before them."""
        version = 0 if alias is None else int(alias["version"])
        keys = [*self._followed, version_key(self._model, version)]
        found = {key: error for key in keys if (error := index.refusal(key)) is not None}
        for key, error in found.items():
            # Each is another object: the same forgery sent again is refused, and counted, again.
            if self._not_believed.get(key) is not error:
                self._refuse(key, version, error)
        self._not_believed = found
        serves = self._served is not None and self._served.version == version
        self._alert.settle(whole=serves and not found, version=version)

    def _belongs(self, key: str, alias: Mapping[str, Any], manifest: Mapping[str, Any] | None) -> bool:
        """Whether the alias was written for this manifest; told once, and looked at again with the next record."""
        try:
            if manifest is not None:
                refuse_another_version(key, alias, manifest, required=self._trust.required)
            elif self._trust.required:
                raise RegistryError(f"{key}: the registry has no manifest of it to believe; publish the version again")
        except RegistryError as error:
            if self._strange.get(key) is not alias:
                self._strange[key] = alias
                self._refuse(f"{self._model}@{alias['version']}", int(alias["version"]), error)
            return False
        return True

    def _refresh(self) -> None:
        if self._index is not None:
            self._index.refresh(_REFRESH_S)

    def _is_current(self) -> bool:
        """Whether the champion's version is served, and nothing newer of it was refused."""
        index, served = self._index, self._served
        alias = None if index is None else index.champion(self._model)
        if index is None or alias is None:
            return served is None
        if served is None or served.version != int(alias["version"]):
            return False
        return not any(target.name in self._refused for target in self._targets(index, served.version))

    def _send_heartbeat(self) -> None:
        served, canary, stats = self._served, self._canary, self._stats
        record = {
            "model": self._model,
            "instance": self.instance,
            "version": 0 if served is None else served.version,
            "learnt_offset": None if served is None else served.learnt_offset,
            "loaded_ms": None if served is None else served.loaded_at_ms,
            "canary": None if canary is None else canary[1].version,
            "replica": self._replica is not None,
            "behind_s": round(self._pulse.behind_s, 3),
            "reloads": stats.reloads,
            "refused": stats.refused,
            "last_refusal": stats.last_refusal,
            "time_ms": time.time_ns() // 1_000_000,
        }
        self._write_heartbeat(record)

    def _write_heartbeat(self, record: dict[str, Any] | None) -> None:
        """None says that this follower is gone. The monitor of the model's partition counts them."""
        partition = partition_of(self._model, self._kafka.partitions)
        topic = Topics(self._kafka.topic_prefix).followers
        self._writer.write(topic, f"{self._model}/{self.instance}", record, partition)

    def _load(self, target: Target) -> Any:
        """The model of a target; raises RegistryError when it is refused, KafkaError when Kafka is away."""
        if target.record is None:
            raise RegistryError(f"{target.name}: its manifest is not in the registry; publish the version again")
        key = version_key(self._model, target.version) if target.learnt_offset is None else online_key(self._model)
        return load_recorded(
            key,
            target.record,
            trust=self._trust,
            max_bytes=self._config.gates.max_snapshot_bytes,
            fetch=self._fetch,
            admit=self._config.admit,
        )

    def _fetch(self, ref: SnapshotRef) -> bytes:
        assert self._reader is not None  # noqa: S101  start() made it before this thread
        return self._reader.read(ref, _FETCH_S)

    def _swap(self, target: Target, model: Any, alias: Mapping[str, Any]) -> None:
        now_ms = time.time_ns() / 1e6
        name = served_name(self._model, target.version, target.learnt_offset)
        record = target.record or {}
        served = ServedModel(name, target.version, target.learnt_offset, model, record, int(now_ms))
        changed_ms = record.get("published_ms") if target.learnt_offset is not None else alias.get("changed_ms")
        latency_ms = now_ms - changed_ms if isinstance(changed_ms, int) else None
        with self._loaded:
            with self._replica.lock if self._replica is not None else _NO_LOCK:
                if self._replica is not None:
                    self._replica.rebase(model, target.version, _learnt_offset(target))
                changed = self._served is None or self._served.version != served.version
                self._served = served
            self._stats = replace(self._stats, reloads=self._stats.reloads + 1, last_reload_ms=latency_ms)
            self._loaded.notify_all()
        if changed:
            self._pulse.beat_soon()
        if self._on_reload is None:
            return
        try:
            self._on_reload(served)
        except Exception:
            log.exception("on_reload failed on %s", name)

    def _refuse(self, what: str, version: int, error: RegistryError) -> None:
        self._stats = replace(self._stats, refused=self._stats.refused + 1, last_refusal=f"{what}: {error}")
        keeps = "no model is served" if self._served is None else f"{self._served.name} stays in service"
        log.error("%s is refused: %s; %s", what, error, keeps)
        self._alert.fire(version, error)


def _learnt_offset(target: Target) -> int:
    """Examples offset up to which a state to load has learnt."""
    if target.learnt_offset is not None:
        return target.learnt_offset
    return int((target.record or {})["examples"]["last_offset"])


def _model_of(config: Config, model: str) -> ModelConfig:
    found = config.models.get(model)
    if found is None:
        raise ConfigError(f"model {model!r} is not configured; configured: {', '.join(sorted(config.models))}")
    return found
