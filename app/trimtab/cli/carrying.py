"""``trimtab registry export`` and ``import``: versions in one file, from one cluster into another; MLflow's models."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trimtab.cli import orders
from trimtab.cli.common import Actor, AsJson, ConfigPath, Reason, load_connected, named, registry_index

if TYPE_CHECKING:
    from trimtab.registry.fetch import ChunkReader
    from trimtab.registry.index import RegistryIndex
    from trimtab.registry.portable import ExportFile

__all__ = ["export", "import_"]

_FETCH_S = 30.0


def export(
    version: orders.Named,
    *,
    out: Annotated[Path, typer.Option(help="The file to write; one that is there is replaced.")],
    mlflow: Annotated[bool, typer.Option("--mlflow", help="Write a folder that MLflow loads, not a file.")] = False,
    chain: Annotated[bool, typer.Option("--chain", help="Also write all versions that it comes from.")] = False,
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """Write a version to one file, for import into another cluster; its model is copied, not loaded."""
    from trimtab.errors import ConfigError
    from trimtab.registry.fetch import ChunkReader

    if mlflow and chain:
        raise ConfigError("--mlflow: a model of MLflow's is one version; leave --chain out")
    loaded = load_connected(config)
    model, number = named(loaded, version)
    with registry_index(loaded) as index:
        reader = ChunkReader(loaded.kafka, "trimtab-export")
        try:
            written = _write_mlflow if mlflow else _write_file
            said, told = written(out, model, number, chain, index, reader)
        finally:
            reader.close()
    typer.echo(json.dumps({"model": model, "version": number, **said}) if as_json else told)


def import_(
    file: Annotated[Path, typer.Argument(help="What trimtab registry export wrote: a file, or a folder of MLflow's.")],
    *,
    as_: Annotated[str | None, typer.Option("--as", help="Of which model here [default: the same].")] = None,
    version: Annotated[int | None, typer.Option(min=1, help="Its number here [default: the same].")] = None,
    actor: Actor = None,
    reason: Reason = "",
    wait: orders.Wait = 10.0,
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """Check the versions of a file and register them; they do not serve until they are promoted."""
    from trimtab.errors import ConfigError
    from trimtab.kafka.topics import partition_of
    from trimtab.registry.carry import arrivals, refuse_taken
    from trimtab.registry.signing import Trust
    from trimtab.registry.staging import stage

    loaded = load_connected(config)
    largest = max((one.gates.max_snapshot_bytes for one in loaded.models.values()), default=0)
    cap = loaded.models[as_].gates.max_snapshot_bytes if as_ in loaded.models else largest
    with _opened(file, cap) as opened:
        model = as_ or opened.model
        if model not in loaded.models:
            there = ", ".join(loaded.models)
            raise ConfigError(f"no model {model!r} is configured here; name one with --as: {there}")
        found = arrivals(opened, loaded.models[model], Trust.of(loaded), version)
        with registry_index(loaded) as index:
            refuse_taken(model, [one.number for one in found], [int(one["version"]) for one in index.versions(model)])
        order = orders.ordered(loaded, "import", model, found[-1].number, actor, reason)
        since = orders.end_of_audit(loaded, partition_of(model, loaded.kafka.partitions))
        source = {
            "actor": order["actor"],
            "time_ms": time.time_ns() // 1_000_000,
            "file": file.name,
            "file_sha256": opened.sha256,
        }
        stage(loaded, model, found, opened.snapshot, order=order, imported=source)
    orders.tell(order, orders.answer(loaded, order, since, wait), as_json)


def _write_file(
    out: Path, model: str, number: int, chain: bool, index: RegistryIndex, reader: ChunkReader
) -> tuple[dict[str, Any], str]:
    """Write one file; returns what ``--json`` says of it, and what people are told."""
    from trimtab.registry.carry import export as exported

    _manifest(index, model, number)
    versions, digest = exported(
        out, model, number, record=index.record, pieces=lambda ref: reader.pieces(ref, _FETCH_S), chain=chain
    )
    size_bytes = out.stat().st_size
    also = f" with {', '.join(map(str, versions[:-1]))}" if len(versions) > 1 else ""
    told = f"{model}@{number}{also} is in {out}: {size_bytes:,} bytes, SHA-256 {digest}"
    return {"versions": versions, "file": str(out), "size_bytes": size_bytes, "sha256": digest}, told


def _write_mlflow(
    out: Path, model: str, number: int, _: bool, index: RegistryIndex, reader: ChunkReader
) -> tuple[dict[str, Any], str]:
    """Write a folder, as :func:`_write_file` a file."""
    from trimtab.interop.mlflow import write_mlflow
    from trimtab.registry.records import SnapshotRef

    manifest = _manifest(index, model, number)
    write_mlflow(out, manifest, b"".join(reader.pieces(SnapshotRef.from_wire(manifest["snapshot"]), _FETCH_S)))
    return {"folder": str(out)}, f'{model}@{number} is in {out}; load it with mlflow.pyfunc.load_model("{out}")'


def _manifest(index: RegistryIndex, model: str, number: int) -> Mapping[str, Any]:
    """The manifest of a version; raises RegistryError."""
    from trimtab.errors import RegistryError
    from trimtab.registry.records import version_key

    manifest = index.manifest(model, number)
    if manifest is None:
        refusal = index.refusal(version_key(model, number))
        raise refusal or RegistryError(f"{model} has no version {number}; see: trimtab registry list {model}")
    return manifest


@contextmanager
def _opened(file: Path, max_bytes: int) -> Iterator[ExportFile]:
    """A file, or what a folder of MLflow's is as one."""
    from trimtab.interop.mlflow import mlflow_as_export
    from trimtab.registry.portable import open_export

    with TemporaryDirectory() as temporary:
        path = file
        if file.is_dir():
            path = Path(temporary) / file.name
            mlflow_as_export(file, path, max_bytes)
        with open_export(path, max_bytes) as opened:
            yield opened
