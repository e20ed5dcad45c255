"""``trimtab registry export`` and ``import``: versions in one file, from one cluster into another."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated

import typer

from trimtab.cli import orders
from trimtab.cli.common import Actor, AsJson, ConfigPath, Reason, load_connected, named, registry_index

__all__ = ["export", "import_"]

_FETCH_S = 30.0


def export(
    version: orders.Named,
    *,
    out: Annotated[Path, typer.Option(help="The file to write; one that is there is replaced.")],
    chain: Annotated[bool, typer.Option("--chain", help="Also write all versions that it comes from.")] = False,
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """Write a version to one file, for import into another cluster; its model is copied, not loaded."""
    from trimtab.errors import RegistryError
    from trimtab.registry.carry import export as exported
    from trimtab.registry.fetch import ChunkReader
    from trimtab.registry.records import version_key

    loaded = load_connected(config)
    model, number = named(loaded, version)
    with registry_index(loaded) as index:
        if index.manifest(model, number) is None:
            refusal = index.refusal(version_key(model, number))
            raise refusal or RegistryError(f"{model} has no version {number}; see: trimtab registry list {model}")
        reader = ChunkReader(loaded.kafka, "trimtab-export")
        try:
            versions, digest = exported(
                out,
                model,
                number,
                record=index.record,
                pieces=lambda ref: reader.pieces(ref, _FETCH_S),
                chain=chain,
            )
        finally:
            reader.close()
    size_bytes = out.stat().st_size
    if as_json:
        said = {"model": model, "version": number, "versions": versions, "file": str(out)}
        typer.echo(json.dumps(said | {"size_bytes": size_bytes, "sha256": digest}))
        return
    also = f" with {', '.join(map(str, versions[:-1]))}" if len(versions) > 1 else ""
    typer.echo(f"{model}@{number}{also} is in {out}: {size_bytes:,} bytes, SHA-256 {digest}")


def import_(
    file: Annotated[Path, typer.Argument(help="What trimtab registry export wrote.")],
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
    from trimtab.registry.portable import open_export
    from trimtab.registry.signing import Trust
    from trimtab.registry.staging import stage

    loaded = load_connected(config)
    largest = max((one.gates.max_snapshot_bytes for one in loaded.models.values()), default=0)
    cap = loaded.models[as_].gates.max_snapshot_bytes if as_ in loaded.models else largest
    with open_export(file, cap) as opened:
        model = as_ or opened.model
        if model not in loaded.models:
            there = ", ".join(loaded.models)
            raise ConfigError(f"no model {model!r} is configured here; name one with --as: {there}")
        found = arrivals(opened, loaded.models[model], Trust.of(loaded), version)
        with registry_index(loaded) as index:
            refuse_taken(model, [one.number for one in found], [int(one["version"]) for one in index.versions(model)])
        order = orders.ordered("import", model, found[-1].number, actor, reason)
        since = orders.end_of_audit(loaded, partition_of(model, loaded.kafka.partitions))
        source = {
            "actor": order["actor"],
            "time_ms": time.time_ns() // 1_000_000,
            "file": file.name,
            "file_sha256": opened.sha256,
        }
        stage(loaded, model, found, opened.snapshot, order=order, imported=source)
    orders.tell(order, orders.answer(loaded, order, since, wait), as_json)
