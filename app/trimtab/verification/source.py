"""Where the records come from that a version learnt, and whether they are those of its manifest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from trimtab.config import Config, KafkaConfig
from trimtab.kafka.log import LogDamaged, read_range
from trimtab.registry.fetch import SnapshotGone
from trimtab.registry.index import RegistryIndex
from trimtab.registry.records import version_key
from trimtab.registry.signing import SignatureRefused, Trust
from trimtab.training import Batch, LearntRange, read_batch
from trimtab.verification.manifest import Damaged, Manifest

__all__ = ["Record", "Source", "believed_manifest", "from_kafka", "read_batches", "same_records"]


class Record(NamedTuple):
    """One record of the examples log, as its bytes."""

    offset: int
    value: bytes


Source = Callable[[str, int, int, int], Iterator[Record]]
"""From topic, partition, first and last offset, both inclusive, to the records of one model there, in order.

It raises LogGone for what is no longer there, and LogDamaged for what is not what was written."""


def from_kafka(config: KafkaConfig, model: str) -> Source:
    """The records of one model as they lie in the log, their checksums checked."""
    key = model.encode()

    def read(topic: str, partition: int, first: int, last: int) -> Iterator[Record]:
        for message in read_range(config, topic, partition, first, last):
            if message.key() == key:
                yield Record(message.offset(), message.value() or b"")

    return read


def read_batches(source: Source, manifest: Manifest, last: int) -> Iterator[tuple[Record, Batch]]:
    """The records that a manifest names, from its first to offset ``last``, decoded.

    Raises
    ------
    Damaged
        A record is not what was written; the message says where.
    LogGone
        Some are no longer there.
    """
    wanted = manifest.learnt
    # One that goes on from a parent may have been asked before it had learnt anything.
    first = wanted.first if wanted.first >= 0 else wanted.asked_first
    if first < 0:
        return
    where = f"examples: {manifest.topic}[{manifest.partition}]"
    try:
        for record in source(manifest.topic, manifest.partition, first, last):
            try:
                batch = read_batch(record.offset, record.value)
            except ValueError as error:
                raise Damaged(f"{where} offset {record.offset}: {error}") from error
            yield record, batch
    except LogDamaged as error:
        raise Damaged(f"{where}: {error}") from error


def same_records(manifest: Manifest, seen: LearntRange) -> None:
    """Raise Damaged unless the records that were read are those of the manifest."""
    wanted = manifest.learnt
    where = f"examples of {manifest.model}@{manifest.version}: {manifest.topic}[{manifest.partition}]"
    if (seen.first, seen.last) != (wanted.first, wanted.last):
        raise Damaged(f"{where} holds {seen.first} to {seen.last}, the manifest says {wanted.first} to {wanted.last}")
    if seen.count != wanted.count:
        raise Damaged(f"{where} {seen.first} to {seen.last}: {seen.count} examples, the manifest says {wanted.count}")
    if seen.sha256 != wanted.sha256:
        raise Damaged(f"{where} {seen.first} to {seen.last}: the records' chained SHA-256 is not the manifest's")


def believed_manifest(config: Config, index: RegistryIndex, trust: Trust, model: str, version: int) -> Manifest:
    """What a version says of itself, once its signature and its hashes are checked.

    Raises
    ------
    Damaged
        It is not what was written, or not signed as it has to be.
    SnapshotGone
        It is no longer in the registry.
    """
    key = version_key(model, version)
    record = index.manifest(model, version)
    try:
        # Also when an earlier record of the key is believed: what stands there now is what is verified.
        if (refusal := index.refusal(key)) is not None:
            raise refusal
        if record is not None:
            trust.check("registry", key, record)
    except SignatureRefused as refused:
        raise Damaged(f"signature: {refused}") from refused
    if record is None:
        raise SnapshotGone(f"{model}@{version}, which it comes from, is no longer in the registry")
    found = Manifest.of(record, config.models[model])
    if (found.model, found.version) != (model, version):
        raise Damaged(f"manifest: it is of {found.model}@{found.version}, under the key of {model}@{version}")
    return found
