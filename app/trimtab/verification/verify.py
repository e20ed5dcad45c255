"""Rebuilds a version from the records that its manifest names, and compares it with what was published.

Where the parent's snapshot is the start, the parent is taken at its word (its bytes have the recorded hash); from
scratch, every version of the chain is learnt again from a new model.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from trimtab.config import Config, ModelConfig
from trimtab.errors import RegistryError
from trimtab.kafka.log import LogGone
from trimtab.registry.digest import state_diff, state_digest
from trimtab.registry.fetch import ChunkReader, SnapshotGone
from trimtab.registry.index import RegistryIndex
from trimtab.registry.records import version_key
from trimtab.registry.signing import Trust
from trimtab.registry.snapshot import load
from trimtab.roles.trainer_records import environment
from trimtab.training import Batch
from trimtab.training.factory import FactoryError, build, source_hash
from trimtab.training.provenance import code_of
from trimtab.training.replay import Replayed, last_needed, replay
from trimtab.verification.manifest import Damaged, Manifest, flat_code
from trimtab.verification.source import Source, believed_manifest, from_kafka, read_batches, same_records

__all__ = ["Verdict", "verify"]

Word = Literal["reproduced", "differs", "not_rebuildable", "other_environment"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a verification.

    Parameters
    ----------
    verdict
        ``reproduced``: the same to the bit. ``differs``: it is not what its manifest says. ``not_rebuildable``:
        something that is needed is gone. ``other_environment``: it differs, and so does the software.
    first_difference
        Where, or what is gone; None when it is reproduced.
    examples
        How many were learnt again.
    seconds
        How long it took.
    environment
        What differs between the recorded software and this: name to (recorded, here).
    replayed
        Versions that were learnt again, in order.
    """

    model: str
    version: int
    verdict: Word
    first_difference: str | None
    examples: int
    seconds: float
    environment: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    replayed: tuple[int, ...] = ()


class Elsewhere(RegistryError):
    """What a version learnt is in another cluster."""


def verify(
    config: Config,
    index: RegistryIndex,
    model: str,
    version: int,
    *,
    from_scratch: bool = False,
    source: Source | None = None,
    tell: Callable[[int], None] = lambda examples: None,
) -> Verdict:
    """Say whether a version can be made again.

    Parameters
    ----------
    index
        Started.
    from_scratch
        Learn the whole chain of parents again, instead of starting with the parent's snapshot.
    source
        Where the records are read; None for Kafka.
    tell
        Called now and then with how many examples were learnt so far.

    Raises
    ------
    RegistryError
        There is no such version.
    KafkaError
        Kafka does not answer.
    """
    if index.manifest(model, version) is None and index.refusal(version_key(model, version)) is None:
        known = ", ".join(str(manifest["version"]) for manifest in index.versions(model)) or "none"
        raise RegistryError(f"{model} has no version {version}; there are: {known}")
    began, work = time.monotonic(), _Work(config, index, model, source, tell)
    try:
        word, difference = work.compare(version, from_scratch)
    except Damaged as error:
        word, difference = "differs", str(error)
    except (SnapshotGone, LogGone, Elsewhere) as error:
        word, difference = "not_rebuildable", str(error)
    except FactoryError as error:
        word, difference = "other_environment", str(error)
    finally:
        work.close()
    if word == "reproduced":
        # Other packages than those that matter are always another set somewhere.
        work.environment.pop("lock", None)
    return Verdict(
        model,
        version,
        word,
        difference,
        work.examples,
        time.monotonic() - began,
        work.environment,
        tuple(work.replayed),
    )


class _Work:
    """One verification."""

    def __init__(
        self, config: Config, index: RegistryIndex, model: str, source: Source | None, tell: Callable[[int], None]
    ) -> None:
        self._config = config
        self._source = source or from_kafka(config.kafka, model)
        self._index = index
        self._model = model
        self._trust = Trust.of(config)
        self._tell = tell
        self._chunks = ChunkReader(config.kafka, "trimtab-verify")
        self.examples = 0
        self.replayed: list[int] = []
        self.environment: dict[str, tuple[str, str]] = {}

    def close(self) -> None:
        self._chunks.close()

    def compare(self, version: int, from_scratch: bool) -> tuple[Word, str | None]:
        """The word, and the first difference."""
        manifest = self._manifest(version)
        self.environment = _differences(manifest)
        published = self._published(manifest)
        again = self._rebuilt(manifest, from_scratch)
        if state_digest(again.version) == manifest.state_digest:
            return "reproduced", None
        if not from_scratch and manifest.parent is not None:
            # The parent's snapshot may have changed as it was asked, after what learnt on had left it.
            again = self._rebuilt(manifest, from_scratch=True)
            if state_digest(again.version) == manifest.state_digest:
                return "reproduced", None
        difference = state_diff(published, again.version) or "state_digest: the snapshot's is not the manifest's"
        return "other_environment" if self.environment else "differs", difference

    def _manifest(self, version: int) -> Manifest:
        return believed_manifest(self._config, self._index, self._trust, self._model, version)

    def _published(self, manifest: Manifest) -> Any:
        """The model in a version's snapshot, which is what its manifest says."""
        where = f"snapshot of {self._model}@{manifest.version}"
        try:
            data = self._chunks.read(manifest.snapshot)
            model = _loaded(data, manifest.config)
        except SnapshotGone:
            raise
        except RegistryError as error:
            raise Damaged(f"{where}: {error}") from error
        if state_digest(model) != manifest.state_digest:
            raise Damaged(f"{where}: its state's digest is not the one in the manifest")
        return model

    def _rebuilt(self, manifest: Manifest, from_scratch: bool) -> Replayed:
        """The version, learnt again."""
        if manifest.imported is not None:
            self._published(manifest)
            raise Elsewhere(
                f"{manifest.model}@{manifest.version} was imported: it is {manifest.imported} of another registry, and "
                "its examples are there; here, its bytes and its state are what its manifest says. Verify it there"
            )
        if manifest.parent is None:
            start = build(manifest.factory)
        elif from_scratch:
            start = self._rebuilt(self._manifest(manifest.parent), from_scratch=True).learnt
        else:
            start = self._published(self._manifest(manifest.parent))
        found = replay(manifest.config, start, manifest.learnt, self._batches(manifest))
        self.replayed.append(manifest.version)
        same_records(manifest, found.seen)
        return found

    def _batches(self, manifest: Manifest) -> Iterator[Batch]:
        """The model's records, as they lie in the log."""
        for _, batch in read_batches(self._source, manifest, last_needed(manifest.learnt)):
            if batch.offset <= manifest.learnt.last:
                self.examples += len(batch.examples)
                self._tell(self.examples)
            yield batch


def _loaded(data: bytes, config: ModelConfig) -> Any:
    # Those who serve may have a smaller cap; the trainer held its own when it published this.
    return load(data, max_bytes=len(data), admit=config.admit)


def _differences(manifest: Manifest) -> dict[str, tuple[str, str]]:
    """By name of the software, what was recorded and what is here."""
    here = environment()
    try:
        here["factory"] = source_hash(manifest.factory)
    except FactoryError as error:
        here["factory"] = str(error)
    recorded = dict(manifest.environment)
    if manifest.code is not None:
        here |= flat_code(code_of(manifest.config))
        recorded |= manifest.code
    names = sorted(here.keys() | recorded.keys())
    return {
        name: (recorded.get(name, ""), here.get(name, ""))
        for name in names
        if recorded.get(name, "") != here.get(name, "")
    }
