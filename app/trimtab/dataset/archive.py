"""An archive of one model's examples records: Parquet files, and an index that says what they hold.

The index is written before a file gets its name, so that each file with a name is whole and listed, whenever the writer
dies: what was listed and has no name yet is still called ``next.part``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import orjson

from trimtab.dataset.files import hashes_of, json_bytes, write_whole
from trimtab.dataset.records import read_records
from trimtab.errors import ConfigError, KafkaError
from trimtab.kafka.log import LogDamaged, LogGone
from trimtab.verification import Record, Source

__all__ = ["INDEX", "PART", "Archive", "ArchiveFile", "ArchiveGone", "Catalogue", "with_archive"]

INDEX, PART = "archive.json", "next.part"
_FORMAT = 1


class ArchiveGone(LogGone):
    """What Kafka no longer has is not in the archive either."""

    def __init__(self, message: str) -> None:
        KafkaError.__init__(self, message)


@dataclass(frozen=True, slots=True)
class ArchiveFile:
    """One file; offsets are those of its first and last record, sizes those of the file."""

    file: str
    first_offset: int
    last_offset: int
    records: int
    size_bytes: int
    sha256: str

    def to_wire(self) -> dict[str, Any]:
        """Plain types."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What an archive holds.

    Parameters
    ----------
    covered
        Stretches of the partition, begin inclusive and end exclusive, ascending, that were read: every record of the
        model within them is in a file.
    last_record_sha256
        Of the last record's bytes, by which the same partition is known again; empty when there is none.
    """

    model: str
    topic: str
    partition: int
    covered: tuple[tuple[int, int], ...] = ()
    files: tuple[ArchiveFile, ...] = ()
    last_record_sha256: str = ""

    @property
    def next_offset(self) -> int:
        """Where reading goes on."""
        return self.covered[-1][1] if self.covered else 0

    def with_stretch(self, begin: int, end: int) -> tuple[tuple[int, int], ...]:
        """``covered`` with one more stretch at its end.

        Examples
        --------
        >>> Catalogue("m", "t", 0, ((0, 5),)).with_stretch(5, 9), Catalogue("m", "t", 0, ((0, 5),)).with_stretch(7, 9)
        (((0, 9),), ((0, 5), (7, 9)))
        """
        if begin >= end:
            return self.covered
        if self.covered and self.covered[-1][1] == begin:
            return (*self.covered[:-1], (self.covered[-1][0], end))
        return (*self.covered, (begin, end))

    def missing(self, first: int, last: int) -> list[tuple[int, int]]:
        """Stretches from offset ``first`` to ``last``, all inclusive, that were never read.

        Examples
        --------
        >>> Catalogue("m", "t", 0, ((2, 5), (7, 9))).missing(0, 9)
        [(0, 1), (5, 6), (9, 9)]
        """
        found, at = [], first
        for begin, end in self.covered:
            if at < begin and at <= last:
                found.append((at, min(last, begin - 1)))
            at = max(at, end)
        return [*found, (at, last)] if at <= last else found

    def to_bytes(self) -> bytes:
        """JSON that holds its own hash."""
        wire = self._wire()
        return json_bytes(wire | {"sha256": _sha256(wire)})

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read what :meth:`to_bytes` wrote; raises ValueError when a bit of it is another one."""
        wire = orjson.loads(data)
        try:
            said = wire.pop("sha256")
            if wire["format"] != _FORMAT:
                raise ValueError(f"it has format {wire['format']}, this Trimtab reads {_FORMAT}; use a newer one")
            if said != _sha256(wire):
                raise ValueError("it does not have the SHA-256 that it says")
            return cls(
                wire["model"],
                wire["topic"],
                wire["partition"],
                tuple((begin, end) for begin, end in wire["covered"]),
                tuple(ArchiveFile(**one) for one in wire["files"]),
                wire["last_record_sha256"],
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"a field is damaged ({type(error).__name__}: {error})") from error

    def _wire(self) -> dict[str, Any]:
        return {
            "format": _FORMAT,
            "model": self.model,
            "topic": self.topic,
            "partition": self.partition,
            "covered": [list(stretch) for stretch in self.covered],
            "files": [file.to_wire() for file in self.files],
            "last_record_sha256": self.last_record_sha256,
        }


@dataclass(slots=True)
class Archive:
    """A folder with an archive, to be read.

    Each file's hash is checked before its first record is read.
    """

    folder: Path
    catalogue: Catalogue
    _checked: set[str] = field(default_factory=set)

    @classmethod
    def open(cls, folder: Path, model: str) -> Self:
        """Read the index.

        Raises
        ------
        ConfigError
            There is no archive in the folder, or it is another model's.
        LogDamaged
            The index is not what was written.
        """
        path = folder / INDEX
        try:
            found = Catalogue.from_bytes(path.read_bytes())
        except OSError as error:
            raise ConfigError(
                f"{path}: {error.strerror}; name a folder that trimtab dataset archive has written"
            ) from error
        except ValueError as error:
            raise LogDamaged(f"archive {path}: {error}") from error
        if found.model != model:
            raise ConfigError(f"{folder} is an archive of {found.model}, not of {model}")
        return cls(folder, found)

    def save(self, catalogue: Catalogue) -> None:
        """Replace the index."""
        write_whole(self.folder / INDEX, catalogue.to_bytes())
        self.catalogue = catalogue

    def read(self, topic: str, partition: int, first: int, last: int) -> Iterator[Record]:
        """The model's records from offset ``first`` to ``last``, both inclusive.

        Raises
        ------
        ArchiveGone
            A part of that was never archived, or a file is gone.
        LogDamaged
            A file is not what was written; the message names it.
        """
        held = self.catalogue
        if (held.topic, held.partition) != (topic, partition):
            raise ArchiveGone(
                f"{topic}[{partition}]: {first} to {last} are gone, and {self.folder} is an archive of "
                f"{held.topic}[{held.partition}]"
            )
        if missing := held.missing(first, last):
            stretches = ", ".join(f"{begin} to {end}" for begin, end in missing)
            raise ArchiveGone(f"{topic}[{partition}]: {stretches} are gone, and not in the archive {self.folder}")
        for file in held.files:
            if file.last_offset >= first and file.first_offset <= last:
                for record in read_records(self._checked_path(file)):
                    if first <= record.offset <= last:
                        yield Record(record.offset, record.value)

    def path_of(self, file: ArchiveFile) -> Path:
        """Where a file's bytes are: it may not have its name yet."""
        path = self.folder / file.file
        return path if path.exists() or file != self.catalogue.files[-1] else self.folder / PART

    def _checked_path(self, file: ArchiveFile) -> Path:
        path = self.path_of(file)
        if file.file in self._checked:
            return path
        try:
            found = hashes_of(path)
        except FileNotFoundError:
            raise ArchiveGone(f"archive {self.folder / file.file} is gone: {_range(file)} were in it") from None
        if found.sha256 != file.sha256:
            raise LogDamaged(
                f"archive {self.folder / file.file} is damaged ({_range(file)}): its SHA-256 is {found.sha256[:16]}…, "
                f"{INDEX} says {file.sha256[:16]}…"
            )
        self._checked.add(file.file)
        return path


def with_archive(source: Source, archive: Archive) -> Source:
    """Read what ``source`` no longer has from an archive, and the rest from ``source``."""

    def read(topic: str, partition: int, first: int, last: int) -> Iterator[Record]:
        at = first
        while at <= last:
            try:
                for record in source(topic, partition, at, last):
                    yield record
                    at = record.offset + 1
                return
            except LogGone as gone:
                end = min(last, gone.low - 1)
            yield from archive.read(topic, partition, at, end)
            at = end + 1

    return read


def _sha256(wire: dict[str, Any]) -> str:
    return hashlib.sha256(json_bytes(wire)).hexdigest()


def _range(file: ArchiveFile) -> str:
    return f"offsets {file.first_offset} to {file.last_offset}"
