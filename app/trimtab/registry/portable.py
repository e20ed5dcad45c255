"""Versions in one file, to be carried into another cluster: a ZIP archive whose members are stored, not compressed.

====================================  ==========================================================================
member                                holds
====================================  ==========================================================================
``trimtab-export.json``               format, model, version, all versions, size and SHA-256 of every other member
``versions/<v>/manifest.json``        the manifest, as it stands in the registry, with its signature
``versions/<v>/reference.json``       its reference likewise, where it has one
``versions/<v>/snapshot``             the bytes of the model
====================================  ==========================================================================

The same versions give the same bytes. Writing loads no model. Reading takes nothing for granted: no member may be
compressed, encrypted, there twice or more than the head says, none is written to the disk, and none is larger than
it may be before it is read.
"""

from __future__ import annotations

import hashlib
import os
import struct
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO, Final, NoReturn

import orjson

from trimtab.errors import RegistryError

__all__ = ["FORMAT", "MOST_VERSIONS", "ExportFile", "FileRefused", "Portable", "open_export", "write_export"]

FORMAT: Final = 1
MOST_VERSIONS: Final = 1_000
HEAD: Final = "trimtab-export.json"
_RECORD_BYTES: Final = 4_000_000
_COPY_BYTES: Final = 1 << 20
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
_UNIX: Final = 3
# End of central directory: signature, this disk, its disk, members here, members, its size, its offset, comment.
_END: Final = struct.Struct("<4s4H2LH")
_DIRECTORY_BYTES: Final = 200


class FileRefused(RegistryError):
    """The file is not a whole export, or not one that may be taken."""


@dataclass(frozen=True, slots=True)
class Portable:
    """One version as it is written: its records, and its snapshot piece by piece."""

    manifest: Mapping[str, Any]
    reference: Mapping[str, Any] | None
    pieces: Iterable[bytes]


def write_export(path: Path, model: str, version: int, versions: Sequence[Portable]) -> str:
    """Write a file, whole or not at all; returns its SHA-256.

    Parameters
    ----------
    version
        The one that is meant; the others are those it comes from.
    versions
        In ascending order.

    Raises
    ------
    RegistryError
        The bytes of a snapshot are not those of its manifest, or all together are 2 GB.
    """
    part = path.with_name(path.name + ".part")
    try:
        with zipfile.ZipFile(part, "w", zipfile.ZIP_STORED, allowZip64=False) as archive:
            _write(archive, model, version, versions)
        digest = _sha256(part)
        os.replace(part, path)
    except zipfile.LargeZipFile:
        raise RegistryError(f"{path}: the versions are more than 2 GB together; export without --chain") from None
    finally:
        part.unlink(missing_ok=True)
    return digest


def _write(archive: zipfile.ZipFile, model: str, version: int, versions: Sequence[Portable]) -> None:
    records: dict[str, bytes] = {}
    members: dict[str, dict[str, Any]] = {}
    for one in versions:
        folder = f"versions/{one.manifest['version']}"
        for name, record in (("manifest", one.manifest), ("reference", one.reference)):
            if record is not None:
                data = records[f"{folder}/{name}.json"] = _json(record)
                members[f"{folder}/{name}.json"] = _sealed(len(data), hashlib.sha256(data).hexdigest())
        said = one.manifest["snapshot"]
        members[f"{folder}/snapshot"] = _sealed(said["size_bytes"], said["sha256"].lower())
    head = {
        "format": FORMAT,
        "model": model,
        "version": version,
        "versions": [one.manifest["version"] for one in versions],
        "members": members,
    }
    _member(archive, HEAD, [_json(head)])
    for one in versions:
        folder = f"versions/{one.manifest['version']}"
        for name in (f"{folder}/manifest.json", f"{folder}/reference.json"):
            if name in records:
                _member(archive, name, [records[name]])
        found = _member(archive, f"{folder}/snapshot", one.pieces)
        if found != members[f"{folder}/snapshot"]:
            raise RegistryError(
                f"{folder}/snapshot: its bytes are not those that the manifest names; they are damaged: export another "
                "version"
            )


def _member(archive: zipfile.ZipFile, name: str, pieces: Iterable[bytes]) -> dict[str, Any]:
    """Write a member that has the same bytes whenever and wherever it is written; returns what was written."""
    info = zipfile.ZipInfo(name, _EPOCH)
    info.create_system = _UNIX
    size_bytes, digest = 0, hashlib.sha256()
    with archive.open(info, "w") as out:
        for piece in pieces:
            out.write(piece)
            digest.update(piece)
            size_bytes += len(piece)
    return _sealed(size_bytes, digest.hexdigest())


def _sealed(size_bytes: int, sha256: str) -> dict[str, Any]:
    return {"size_bytes": size_bytes, "sha256": sha256}


def _json(record: Mapping[str, Any]) -> bytes:
    return orjson.dumps(record, option=orjson.OPT_SORT_KEYS)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class ExportFile:
    """A file that is being read; its members are checked against the head each time they are read.

    Parameters
    ----------
    max_bytes
        The cap on each snapshot, in bytes.
    """

    def __init__(self, path: Path, archive: zipfile.ZipFile, max_bytes: int) -> None:
        self.path = path
        self.sha256 = _sha256(path)
        self._archive = archive
        self._infos = self._whole(archive.infolist())
        head: dict[str, Any] = self._object(HEAD, self._read(HEAD, _RECORD_BYTES))
        if head.get("format") != FORMAT:
            self.refuse(f"format {head.get('format')!r}, this Trimtab reads {FORMAT}; import it with a newer Trimtab")
        members: Any = head.get("members")
        versions: Any = head.get("versions")
        model: Any = head.get("model")
        whole = isinstance(model, str) and isinstance(members, dict) and _ascending(versions)
        if not whole or versions[-1] != head.get("version"):
            self.refuse(f"{HEAD}: its fields are damaged; export it again")
        self._members: dict[str, Any] = members
        self.model: str = model
        self.versions: list[int] = versions
        self.version: int = versions[-1]
        self._as_the_head_says(max_bytes)

    def manifest(self, version: int) -> dict[str, Any]:
        """The manifest of a version, as it was exported."""
        return self._record(f"versions/{version}/manifest.json")

    def reference(self, version: int) -> dict[str, Any] | None:
        """Its reference, None when it has none."""
        name = f"versions/{version}/reference.json"
        return self._record(name) if name in self._infos else None

    def snapshot(self, version: int) -> bytes:
        """Its bytes."""
        name = f"versions/{version}/snapshot"
        return self._checked(name, self._infos[name].file_size)

    def refuse(self, why: str) -> NoReturn:
        """Raise FileRefused."""
        raise FileRefused(f"{self.path.name}: {why}")

    def _whole(self, infos: Sequence[zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
        """The members by name, if none of them could be more than its bytes in this file."""
        found: dict[str, zipfile.ZipInfo] = {}
        for info in infos:
            if info.orig_filename in found:
                self.refuse(f"member {info.orig_filename[:100]!r} is there twice; do not trust where it came from")
            if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size or info.flag_bits:
                self.refuse(
                    f"member {info.orig_filename[:100]!r} is compressed or encrypted, as no member of an export is; do "
                    "not trust where it came from"
                )
            found[info.orig_filename] = info
        if sum(info.file_size for info in infos) > self.path.stat().st_size:
            self.refuse("its members are more than its bytes; do not trust where it came from")
        return found

    def _as_the_head_says(self, max_bytes: int) -> None:
        """Refuse other members than those of the versions, other sizes, and sizes over the caps."""
        wanted = {HEAD}
        for version in self.versions:
            wanted |= {f"versions/{version}/{name}" for name in ("manifest.json", "snapshot")}
            wanted |= {f"versions/{version}/reference.json"} & self._infos.keys()
        for name in sorted(wanted ^ self._infos.keys()):
            missing = "is missing" if name in wanted else "is none of an export"
            self.refuse(f"member {name[:100]!r} {missing}; export it again")
        if self._members.keys() != wanted - {HEAD}:
            self.refuse(f"{HEAD}: it lists other members than there are; export it again")
        for name, said in self._members.items():
            size_bytes, cap = self._infos[name].file_size, max_bytes if name.endswith("/snapshot") else _RECORD_BYTES
            if not isinstance(said, dict) or said.get("size_bytes") != size_bytes:
                self.refuse(f"member {name} has {size_bytes} bytes, and {HEAD} says otherwise; export it again")
            if size_bytes > cap:
                self.refuse(
                    f"member {name} has {size_bytes} bytes, more than the cap of {cap}; raise "
                    "models.<name>.gates.max_snapshot_bytes if the model should be this large"
                )

    def _record(self, name: str) -> dict[str, Any]:
        return self._object(name, self._checked(name, _RECORD_BYTES))

    def _checked(self, name: str, cap: int) -> bytes:
        data = self._read(name, cap)
        if hashlib.sha256(data).hexdigest() != self._members[name].get("sha256"):
            self.refuse(f"member {name} does not have the SHA-256 that {HEAD} says; it is damaged: export it again")
        return data

    def _read(self, name: str, cap: int) -> bytes:
        info = self._infos.get(name)
        if info is None or info.file_size > cap:
            self.refuse(f"member {name} is {'missing' if info is None else 'too large'}; is this an export?")
        with _as_refusal(self.path):
            return self._archive.read(info)

    def _object(self, name: str, data: bytes) -> dict[str, Any]:
        try:
            record = orjson.loads(data)
        except orjson.JSONDecodeError as error:
            raise FileRefused(f"{self.path.name}: member {name} is no JSON ({error}); export it again") from error
        if not isinstance(record, dict):
            self.refuse(f"member {name} is no JSON object; export it again")
        return record


@contextmanager
def open_export(path: Path, max_bytes: int) -> Iterator[ExportFile]:
    """Open a file that :func:`write_export` wrote.

    Raises
    ------
    FileRefused
        It is damaged, or not one; also while it is read.
    """
    with path.open("rb") as file:
        _bounded(path, file)
        with _as_refusal(path):
            archive = zipfile.ZipFile(file)
        with archive:
            yield ExportFile(path, archive, max_bytes)


def _bounded(path: Path, file: BinaryIO) -> None:
    """Refuse what is no archive as we write them before its directory, which may be as large as the file, is read."""
    size_bytes = file.seek(0, os.SEEK_END)
    file.seek(max(0, size_bytes - _END.size))
    data = file.read(_END.size)
    most = 3 * MOST_VERSIONS + 1
    if len(data) == _END.size:
        mark, *disks, here, members, directory, offset, comment = _END.unpack(data)
        ends = offset + directory + _END.size == size_bytes
        if mark == b"PK\x05\x06" and ends and not comment and not any(disks) and here == members:
            if members <= most and directory <= most * _DIRECTORY_BYTES:
                return
            raise FileRefused(f"{path.name}: it has {members} members, an export at most {most}")
    raise FileRefused(
        f"{path.name}: it is cut off, or no file of trimtab registry export; export it again, and compare its SHA-256"
    )


@contextmanager
def _as_refusal(path: Path) -> Iterator[None]:
    try:
        yield
    except FileRefused:
        raise
    # zipfile reports damage by half a dozen kinds of error.
    except Exception as error:
        what = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        raise FileRefused(f"{path.name}: it is damaged ({what}); export it again") from error


def _ascending(versions: Any) -> bool:
    return (
        isinstance(versions, list)
        and 0 < len(versions) <= MOST_VERSIONS
        and all(type(version) is int and version > 0 for version in versions)
        and all(one < other for one, other in pairwise(versions))
    )
