"""The training set of a version: its examples as a table, its records byte for byte, and the hashes of both.

A folder is made beside the wanted one and renamed when it is whole. Nothing in it depends on when or where it was made.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pyarrow.parquet as pq

from trimtab.config import Config
from trimtab.dataset.files import dvc_text, hashes_of, json_bytes, sync
from trimtab.dataset.records import RecordWriter, StoredRecord, read_records
from trimtab.dataset.table import Layout, Part
from trimtab.errors import ConfigError
from trimtab.registry.index import RegistryIndex
from trimtab.registry.signing import Trust
from trimtab.training import LearntRange, read_batch
from trimtab.verification import Manifest, Source, believed_manifest, from_kafka, read_batches, same_records

__all__ = ["EXAMPLES", "MANIFEST", "RECORDS", "Exported", "chain_of", "export_dataset"]

EXAMPLES, RECORDS, MANIFEST = "examples.parquet", "records.parquet", "manifest.json"
_FORMAT = 1
_GROUP_BYTES, _GROUP_ROWS = 16_000_000, 65_536


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written; ``versions`` are those whose examples it holds, in the order in which they were learnt."""

    folder: Path
    model: str
    version: int
    versions: tuple[int, ...]
    records: int
    examples: int
    files: Mapping[str, Mapping[str, str | int]]


def export_dataset(
    config: Config,
    index: RegistryIndex,
    model: str,
    version: int,
    out: Path,
    *,
    from_scratch: bool = False,
    source: Source | None = None,
    tell: Callable[[int], None] = lambda examples: None,
) -> Exported:
    """Write the examples that a version learnt after its parent, once they are known to be those of its manifest.

    Parameters
    ----------
    index
        Started.
    out
        A folder that is not there, is empty, or holds this export already (then each file is made anew).
    from_scratch
        Those of its parents too, the first one's first.
    source
        Where the records are read; None for Kafka.
    tell
        Called now and then with how many examples were read so far.

    Raises
    ------
    ConfigError
        ``out`` holds something else, or cannot be written.
    Damaged
        A record, the manifest or its signature is not what was written; the message says where.
    LogGone, SnapshotGone
        Records or a parent are gone.
    """
    head = {"format": _FORMAT, "model": model, "version": version, "from_scratch": from_scratch}
    again = _holds(out, head)
    chain = chain_of(config, index, model, version, from_scratch)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{out.name}.partial-", dir=out.parent))
    except OSError as error:
        raise ConfigError(f"{out}: cannot be written: {error.strerror}; name another folder") from error
    try:
        layout, rows = _write_records(work / RECORDS, chain, source or from_kafka(config.kafka, model), tell)
        _write_examples(work / EXAMPLES, work / RECORDS, layout)
        records = [_of(index, one) for one in chain]
        done = _describe(work, head, chain, records, layout, rows)
        _publish(work, out, again)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return Exported(out, model, version, tuple(one.version for one in chain), done["records"], rows, done["files"])


def chain_of(config: Config, index: RegistryIndex, model: str, version: int, from_scratch: bool) -> list[Manifest]:
    """The version's manifest, behind those of its parents, the first one's first, when they are asked for."""
    trust, found = Trust.of(config), []
    wanted: int | None = version
    while wanted is not None:
        manifest = believed_manifest(config, index, trust, model, wanted)
        found.append(manifest)
        if manifest.parent is not None and manifest.parent >= wanted:
            raise ConfigError(f"{model}@{wanted} says that its parent is {manifest.parent}, which is not before it")
        wanted = manifest.parent if from_scratch else None
    return found[::-1]


def _of(index: RegistryIndex, manifest: Manifest) -> dict[str, Any]:
    return dict(index.manifest(manifest.model, manifest.version) or {})


def _write_records(
    path: Path, chain: list[Manifest], source: Source, tell: Callable[[int], None]
) -> tuple[Layout, int]:
    """All records, checked against the manifests; returns the columns that their examples have, and their number."""
    layout, rows = Layout(), 0
    with RecordWriter(path) as writer:
        for manifest in chain:
            seen = LearntRange()
            # What it was only asked about, before it had learnt anything, is not what it was trained on.
            for record, batch in read_batches(source, manifest, manifest.learnt.last):
                seen.extend(batch)
                layout.extend(batch.examples)
                writer.add(StoredRecord(record.offset, manifest.version, record.value))
                rows += len(batch.examples)
                tell(rows)
            same_records(manifest, seen)
    return layout, rows


def _write_examples(path: Path, records: Path, layout: Layout) -> None:
    with pq.ParquetWriter(path, layout.schema(), compression="zstd") as writer:
        for parts in _groups(records):
            table = layout.table(parts)
            writer.write_table(table, row_group_size=max(1, len(table)))


def _groups(records: Path) -> Iterator[list[Part]]:
    """Whole records, some 65,000 examples at a time: where groups end depends on nothing but the records."""
    held: list[Part] = []
    size = rows = 0
    for record in read_records(records):
        part = Part(record.offset, record.version, read_batch(record.offset, record.value).examples)
        held.append(part)
        size, rows = size + len(record.value), rows + len(part.examples)
        if size >= _GROUP_BYTES or rows >= _GROUP_ROWS:
            yield held
            held, size, rows = [], 0, 0
    if held:
        yield held


def _describe(
    work: Path, head: dict[str, Any], chain: list[Manifest], manifests: list[dict[str, Any]], layout: Layout, rows: int
) -> dict[str, Any]:
    """Write the ``.dvc`` files and the manifest; returns it."""
    files: dict[str, dict[str, str | int]] = {}
    for name in (EXAMPLES, RECORDS):
        hashes = hashes_of(work / name)
        files[name] = hashes.to_wire() | {"rows": pq.read_metadata(work / name).num_rows}
        (work / f"{name}.dvc").write_text(dvc_text(name, hashes), encoding="utf-8")
    wire = {
        **head,
        "topic": chain[-1].topic,
        "partition": chain[-1].partition,
        "examples": rows,
        "records": files[RECORDS]["rows"],
        "files": files,
        "schema": [{"name": field.name, "type": str(field.type)} for field in layout.schema()],
        "features": layout.features,
        # Of the version first; then its parents', the nearest one's first.
        "manifests": manifests[::-1],
    }
    (work / MANIFEST).write_bytes(json_bytes(wire))
    for path in sorted(work.iterdir()):
        sync(path)
    return wire


def _holds(out: Path, head: Mapping[str, Any]) -> bool:
    """Whether ``out`` holds this very export already; raises ConfigError when it holds something else."""
    if not out.exists():
        return False
    if not out.is_dir():
        raise ConfigError(f"{out} is a file; name a folder that is not there yet")
    try:
        found = orjson.loads((out / MANIFEST).read_bytes())
        if isinstance(found, dict) and {name: found.get(name) for name in head} == dict(head):
            return True
    except (OSError, ValueError):
        pass
    if any(out.iterdir()):
        raise ConfigError(f"{out} holds something else; name a folder that is not there yet, or empty it")
    return False


def _publish(work: Path, out: Path, again: bool) -> None:
    if again:
        # What others have put beside the files, such as DVC its .gitignore, stays.
        for path in sorted(work.iterdir(), key=lambda path: path.name == MANIFEST):
            path.replace(out / path.name)
        sync(out)
        return
    # A folder made for one user only is made for all whom the user's mask lets in.
    mask = os.umask(0)
    os.umask(mask)
    work.chmod(0o777 & ~mask)
    try:
        work.replace(out)
    except OSError as error:
        raise ConfigError(f"{out}: something was put there meanwhile; name another folder") from error
    sync(out.parent)
