"""Fills an archive with what is not in it yet; it may be killed at any time and run again."""

from __future__ import annotations

import fcntl
import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from confluent_kafka import IsolationLevel, KafkaException, TopicPartition
from confluent_kafka.admin import OffsetSpec

from trimtab.config import Config, KafkaConfig
from trimtab.dataset.archive import INDEX, PART, Archive, ArchiveFile, Catalogue
from trimtab.dataset.files import hashes_of, sync
from trimtab.dataset.records import RecordWriter, StoredRecord
from trimtab.errors import ConfigError, KafkaError
from trimtab.kafka.clients import admin, message_of
from trimtab.kafka.topics import Topics, partition_of
from trimtab.verification import Record, Source, from_kafka

__all__ = ["FILE_BYTES", "Archived", "archive_examples", "fill"]

FILE_BYTES = 64_000_000
_LOCK = ".lock"


@dataclass(frozen=True, slots=True)
class Archived:
    """What one run did.

    Parameters
    ----------
    files
        Those that are new.
    lost
        Offsets, both inclusive, that were gone before they were archived; None when there are none.
    next_offset
        Where the next run goes on.
    """

    files: tuple[ArchiveFile, ...]
    lost: tuple[int, int] | None
    next_offset: int


def archive_examples(
    config: Config,
    model: str,
    out: Path,
    *,
    file_bytes: int = FILE_BYTES,
    tell: Callable[[int], None] = lambda records: None,
) -> Archived:
    """Archive all examples records of a model that are in Kafka and not in ``out``.

    Parameters
    ----------
    file_bytes
        Bytes of records after which a file ends, before compression.
    tell
        Called with how many records were read so far.

    Raises
    ------
    ConfigError
        ``out`` is another archive, or another process writes to it.
    LogDamaged
        The index, or a record in Kafka, is damaged.
    KafkaError
        Kafka does not answer.
    """
    topic, home = Topics(config.kafka.topic_prefix).examples, partition_of(model, config.kafka.partitions)
    out.mkdir(parents=True, exist_ok=True)
    with _locked(out):
        archive = _opened(out, Catalogue(model, topic, home))
        begin, end = _offsets(config.kafka, topic, home)
        return fill(archive, from_kafka(config.kafka, model), begin, end, file_bytes=file_bytes, tell=tell)


def fill(
    archive: Archive,
    source: Source,
    begin: int,
    end: int,
    *,
    file_bytes: int = FILE_BYTES,
    tell: Callable[[int], None] = lambda records: None,
) -> Archived:
    """Archive what ``source`` has from where the archive ends, up to offset ``end``, exclusive.

    Parameters
    ----------
    begin
        The first offset that is left.
    """
    _finish(archive)
    held = archive.catalogue
    _same_log(archive, source, begin, end)
    start = max(begin, held.next_offset)
    lost = (held.next_offset, start - 1) if start > held.next_offset else None
    writer, made, count = _Pending(archive, start), [], 0
    try:
        for record in source(held.topic, held.partition, start, end - 1):
            writer.add(record)
            count += 1
            tell(count)
            if writer.size_bytes >= file_bytes:
                made.append(writer.seal(record.offset + 1))
                writer = _Pending(archive, record.offset + 1)
        if writer.records:
            made.append(writer.seal(end))
        else:
            archive.save(replace(archive.catalogue, covered=archive.catalogue.with_stretch(writer.begin, end)))
    finally:
        writer.close()
    return Archived(tuple(made), lost, archive.catalogue.next_offset)


class _Pending:
    """The file that is being written."""

    def __init__(self, archive: Archive, begin: int) -> None:
        self.begin = begin
        self._archive = archive
        self._writer: RecordWriter | None = None
        self._first = self._last = -1
        self._sha256 = ""

    @property
    def records(self) -> int:
        return 0 if self._writer is None else self._writer.records

    @property
    def size_bytes(self) -> int:
        return 0 if self._writer is None else self._writer.size_bytes

    def close(self) -> None:
        """Let go of the file, whole or not; more than once does nothing."""
        if self._writer is not None:
            self._writer.close()

    def add(self, record: Record) -> None:
        if self._writer is None:
            self._writer = RecordWriter(self._archive.folder / PART)
            self._first = record.offset
        self._last = record.offset
        self._sha256 = hashlib.sha256(record.value).hexdigest()
        self._writer.add(StoredRecord(record.offset, 0, record.value))

    def seal(self, end: int) -> ArchiveFile:
        """1. the bytes are on the disk; 2. the index lists them; 3. the file gets its name."""
        if self._writer is None:
            raise ValueError("a file without records is not written")
        self._writer.close()
        part, held = self._archive.folder / PART, self._archive.catalogue
        sync(part)
        hashes = hashes_of(part)
        made = ArchiveFile(
            f"examples-{held.partition}-{self._first}-{self._last}.parquet",
            self._first,
            self._last,
            self._writer.records,
            hashes.size_bytes,
            hashes.sha256,
        )
        covered = held.with_stretch(self.begin, end)
        self._archive.save(replace(held, covered=covered, files=(*held.files, made), last_record_sha256=self._sha256))
        _finish(self._archive)
        return made


def _finish(archive: Archive) -> None:
    """Name the last file when a run died before it did, and remove what no index lists."""
    part = archive.folder / PART
    if not part.exists():
        return
    files = archive.catalogue.files
    if files and not (path := archive.folder / files[-1].file).exists():
        if hashes_of(part).sha256 == files[-1].sha256:
            part.replace(path)
            sync(archive.folder)
        return
    part.unlink()


def _opened(out: Path, wanted: Catalogue) -> Archive:
    """The archive, a new one in an empty folder; raises ConfigError when the folder holds something else."""
    if not (out / INDEX).exists():
        # An index that is lost must not make a new one begin beside the files of the old.
        if others := sorted(path.name for path in out.iterdir() if path.name not in (_LOCK, PART, f"{INDEX}.part")):
            raise ConfigError(f"{out} has no {INDEX} and holds {others[0]}; name a folder that is empty or an archive")
        return Archive(out, wanted)
    archive = Archive.open(out, wanted.model)
    found = archive.catalogue
    if (found.topic, found.partition) != (wanted.topic, wanted.partition):
        raise ConfigError(
            f"{out} is an archive of {found.topic}[{found.partition}]; the model's examples are now in "
            f"{wanted.topic}[{wanted.partition}]: name another folder"
        )
    return archive


def _same_log(archive: Archive, source: Source, begin: int, end: int) -> None:
    """Raise ConfigError unless the log is the one of which the archive has the beginning."""
    held = archive.catalogue
    last = held.files[-1].last_offset if held.files else -1
    where = f"{archive.folder} was made from another {held.topic}: "
    if held.next_offset > end:
        raise ConfigError(
            f"{where}it has read up to {held.next_offset}, and this one ends at {end}; name another folder"
        )
    if begin <= last:
        found = next(source(held.topic, held.partition, last, last), None)
        if found is None or hashlib.sha256(found.value).hexdigest() != held.last_record_sha256:
            raise ConfigError(f"{where}record {last} is another one; name another folder")


def _offsets(kafka: KafkaConfig, topic: str, partition: int, timeout_s: float = 10.0) -> tuple[int, int]:
    """The first offset that is left, and the end of what is committed."""
    place, client = TopicPartition(topic, partition), admin(kafka)
    level = IsolationLevel.READ_COMMITTED
    try:
        asked = [
            client.list_offsets({place: spec}, isolation_level=level, request_timeout=timeout_s)[place]
            for spec in (OffsetSpec.earliest(), OffsetSpec.latest())
        ]
        low, high = (future.result(timeout=timeout_s).offset for future in asked)
    except KafkaException as error:
        raise KafkaError(f"{topic}[{partition}]: cannot be read: {message_of(error)}; is Kafka up?") from error
    return int(low), int(high)


@contextmanager
def _locked(out: Path) -> Iterator[None]:
    """Hold the folder; the system lets go of it when this process dies."""
    with (out / _LOCK).open("a") as file:
        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(f"{out}: another process is archiving there; wait for it to end") from None
        yield
