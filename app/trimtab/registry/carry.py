"""Versions out of the registry into a file, and the checks that one from a file must pass before it comes in."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from trimtab.config import ModelConfig
from trimtab.errors import RegistryError
from trimtab.events import encode
from trimtab.profiles import Reference
from trimtab.registry.digest import state_digest
from trimtab.registry.loading import load_recorded
from trimtab.registry.portable import MOST_VERSIONS, ExportFile, FileRefused, Portable, write_export
from trimtab.registry.records import SnapshotRef, manifest_sha256, reference_key, version_key
from trimtab.registry.signing import SIGNATURE, Trust

__all__ = ["Arrival", "arrivals", "export", "manifest_here", "refuse_taken"]

Record = Mapping[str, Any]


def export(
    path: Path,
    model: str,
    version: int,
    *,
    record: Callable[[str], Record | None],
    pieces: Callable[[SnapshotRef], Iterator[bytes]],
    chain: bool = False,
) -> tuple[list[int], str]:
    """Write a version to a file, with ``chain`` all that it comes from too; returns the versions and the SHA-256.

    Parameters
    ----------
    record
        A record of the registry by its key, None where there is none.
    pieces
        The bytes that a reference points at; they are copied, and no model is loaded.

    Raises
    ------
    RegistryError
        A version is not in the registry, or its bytes are gone or damaged.
    """
    found: list[Portable] = []
    wanted: int | None = version
    while wanted is not None:
        manifest = record(version_key(model, wanted))
        if manifest is None:
            raise RegistryError(
                f"{model}@{wanted}, which {model}@{version} comes from, is not in the registry; export without --chain"
            )
        ref = SnapshotRef.from_wire(manifest["snapshot"])
        found.append(Portable(manifest, record(reference_key(model, wanted)), _later(pieces, ref)))
        parent = manifest.get("parent") if chain else None
        wanted = parent if isinstance(parent, int) and parent < wanted else None
        if len(found) > MOST_VERSIONS:
            raise RegistryError(f"{model}@{version} comes from more than {MOST_VERSIONS} versions; leave --chain out")
    found.reverse()
    digest = write_export(path, model, version, found)
    return [int(one.manifest["version"]) for one in found], digest


def _later(pieces: Callable[[SnapshotRef], Iterator[bytes]], ref: SnapshotRef) -> Iterator[bytes]:
    """Fetched when it is written: one version's chunk at a time is in memory."""
    yield from pieces(ref)


@dataclass(frozen=True, slots=True)
class Arrival:
    """A version from a file that passed every check, with the number that it gets here."""

    number: int
    parent: int | None
    manifest: Record
    reference: Record | None


def arrivals(file: ExportFile, config: ModelConfig, trust: Trust, number: int | None = None) -> list[Arrival]:
    """Check everything in a file, the oldest version first.

    In the order of ``loading``: size, signature, hash, format, allow-list; then that the state has the digest of its
    manifest. Signatures are those of the cluster it comes from, whose key is to be in ``registry.keys`` here.

    Parameters
    ----------
    config
        Of the model that is to have them.
    number
        That of the file's version here; those it comes from move by as much. None leaves them as they are.

    Raises
    ------
    RegistryError
        A check failed; nothing was written anywhere.
    """
    move = 0 if number is None else number - file.version
    if file.versions[0] + move < 1:
        file.refuse(f"{len(file.versions)} versions do not go below {number}; give a higher --version")
    found = []
    for version in file.versions:
        manifest = file.manifest(version)
        _checked(file, version, manifest, config, trust)
        parent = manifest.get("parent")
        here = parent + move if parent in file.versions and parent < version else None
        found.append(Arrival(version + move, here, manifest, _reference(file, version, trust)))
    return found


def _checked(file: ExportFile, version: int, manifest: Record, config: ModelConfig, trust: Trust) -> None:
    key = version_key(file.model, version)
    _whole(file, key, version, manifest, config, trust)
    model = load_recorded(
        key,
        manifest,
        trust=trust,
        max_bytes=config.gates.max_snapshot_bytes,
        fetch=lambda _: file.snapshot(version),
        admit=config.admit,
    )
    if state_digest(model) != manifest["state_digest"]:
        file.refuse(f"{key}: its state's digest is not the one in the manifest; do not trust where it came from")


def _whole(file: ExportFile, key: str, version: int, manifest: Record, config: ModelConfig, trust: Trust) -> None:
    """What must be so of a manifest before its snapshot is looked at."""
    trust.check("registry", key, manifest)
    if not manifest.get("manifest_sha256"):
        file.refuse(f"{key}: its manifest is of a release that did not hash them; export a newer version")
    if manifest["manifest_sha256"] != manifest_sha256(manifest):
        file.refuse(f"{key}: its manifest does not have its SHA-256; it was changed: do not trust where it came from")
    try:
        encode("manifest", dict(manifest))
        task = orjson.loads(manifest["config"])["task"] if manifest.get("config") else config.task
    # fastavro reports what does not fit by a dozen kinds of error.
    except Exception as error:
        raise FileRefused(
            f"{file.path.name}: {key}: a field of its manifest is damaged ({type(error).__name__}: "
            f"{' '.join(str(error).split())[:200]}); export it again"
        ) from error
    if (manifest["model"], manifest["version"]) != (file.model, version):
        file.refuse(f"{key}: its manifest is of {manifest['model']}@{manifest['version']}; export it again")
    if task != config.task:
        file.refuse(f"{key}: it is a model for task {task!r}, and the one here is for {config.task!r}")


def _reference(file: ExportFile, version: int, trust: Trust) -> Record | None:
    record = file.reference(version)
    if record is None:
        return None
    key = reference_key(file.model, version)
    trust.check("registry", key, record)
    try:
        Reference.from_wire(record)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise FileRefused(f"{file.path.name}: {key} is damaged ({type(error).__name__}: {error})") from error
    return record


def manifest_here(
    arrival: Arrival, ref: SnapshotRef, *, model: str, reference: str, imported: Mapping[str, Any]
) -> dict[str, Any]:
    """The manifest that an arrival has in this registry, unsigned.

    Its examples are not here, so no offsets are named; what its first registry said of it is in ``imported.record``.

    Parameters
    ----------
    reference
        Id of its reference here.
    imported
        Field ``imported``, without what is said here.
    """
    old = arrival.manifest
    nowhere = dict.fromkeys(("first_offset", "last_offset", "asked_first_offset", "asked_last_offset"), -1)
    made = {name: value for name, value in old.items() if name not in (SIGNATURE, "manifest_sha256")}
    made |= {
        "model": model,
        "version": arrival.number,
        "parent": arrival.parent,
        "examples": {**old["examples"], **nowhere},
        "reference": reference,
        "snapshot": ref.to_wire(),
        "imported": {
            **imported,
            "model": old["model"],
            "version": old["version"],
            "manifest_sha256": old["manifest_sha256"],
            "record": orjson.dumps(old, option=orjson.OPT_SORT_KEYS).decode(),
        },
    }
    return made | {"manifest_sha256": manifest_sha256(made)}


def refuse_taken(model: str, wanted: Sequence[int], there: Collection[int]) -> None:
    """Refuse numbers that versions have already, before anything is written; the trainer has the last word.

    Examples
    --------
    >>> refuse_taken("credit", [7], [6, 8])
    """
    taken = sorted({*wanted} & {*there})
    if taken:
        free = max(there) + 1 + max(wanted) - min(wanted)
        raise RegistryError(f"{model} has version {taken[0]} already; import with --version {free}, or higher")
