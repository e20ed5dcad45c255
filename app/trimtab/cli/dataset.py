"""``trimtab dataset``: the training set of a version as files, compared with another's, and archived."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trimtab.cli.common import (
    AsJson,
    ConfigPath,
    known_model,
    load_connected,
    named,
    print_table,
    progress,
    registry_index,
)

if TYPE_CHECKING:
    from trimtab.config import Config, DriftSpec
    from trimtab.dataset.summary import Summary
    from trimtab.registry.index import RegistryIndex
    from trimtab.verification import Source

__all__ = ["ArchivePath", "register", "source_of"]

dataset = typer.Typer(no_args_is_help=True, help="Export, compare and archive what models were trained on.")

ArchivePath = Annotated[
    Path | None, typer.Option("--archive", help="Read what Kafka no longer has from this archive.", metavar="DIR")
]
_SHOWN = 5


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.add_typer(dataset, name="dataset")


@dataset.command("export")
def export(
    version: Annotated[str, typer.Argument(help="A version, such as credit@7.", metavar="MODEL@V")],
    out: Annotated[Path, typer.Option(help="A folder that is not there yet.", metavar="DIR")],
    *,
    from_scratch: Annotated[bool, typer.Option("--from-scratch", help="The whole chain of parents too.")] = False,
    archive: ArchivePath = None,
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """Write exactly what a version learnt as Parquet, with its manifest, hashes and .dvc files."""
    from trimtab.dataset import export_dataset

    loaded = load_connected(config)
    model, number = named(loaded, version)
    source = source_of(loaded, model, archive)
    with registry_index(loaded) as index, progress("reading", "examples") as tell:
        _require(index, model, number)
        done = export_dataset(loaded, index, model, number, out, from_scratch=from_scratch, source=source, tell=tell)
    if as_json:
        wire = {"model": model, "version": number, "out": str(out), "versions": list(done.versions)}
        typer.echo(json.dumps({**wire, "records": done.records, "examples": done.examples, "files": done.files}))
        return
    of = ", ".join(map(str, done.versions))
    typer.echo(f"{out}: {done.examples:,} examples in {done.records:,} records, learnt by {model}@{of}.")


@dataset.command("diff")
def diff(
    left: Annotated[str, typer.Argument(help="A version, such as credit@7, or an exported folder.", metavar="A")],
    right: Annotated[str, typer.Argument(help="Another one.", metavar="B")],
    *,
    archive: ArchivePath = None,
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """Show in what two training sets differ: times, offsets, labels, features, categories, drift of each feature."""
    from trimtab.dataset import compared, is_exported, summary_of_folder

    if is_exported(left) and is_exported(right):
        sides = [summary_of_folder(Path(one)) for one in (left, right)]
    else:
        sides = _sides(load_connected(config), (left, right), archive)
    (before, drift), (after, _) = sides
    found = compared(before, after, drift)
    if as_json:
        typer.echo(json.dumps(found))
        return
    _print_diff(found)


@dataset.command("archive")
def archive(
    model: Annotated[str, typer.Argument(help="Name of the model.")],
    out: Annotated[Path, typer.Option(help="The archive; made when it is not there.", metavar="DIR")],
    *,
    file_bytes: Annotated[
        int, typer.Option(min=1, help="Bytes of records after which a file ends, before compression.")
    ] = 64_000_000,
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """Archive the examples of a model that are not archived yet, before retention takes them; for cron."""
    from trimtab.dataset import archive_examples

    loaded = load_connected(config)
    known_model(loaded, model)
    with progress("archiving", "records") as tell:
        done = archive_examples(loaded, model, out, file_bytes=file_bytes, tell=tell)
    if as_json:
        lost = None if done.lost is None else {"first": done.lost[0], "last": done.lost[1]}
        files = [file.to_wire() for file in done.files]
        typer.echo(json.dumps({"model": model, "files": files, "lost": lost, "next_offset": done.next_offset}))
        return
    records = sum(file.records for file in done.files)
    typer.echo(f"{out}: {records:,} more records in {len(done.files)} files; archived up to offset {done.next_offset}.")
    if done.lost is not None:
        typer.echo(f"Offsets {done.lost[0]} to {done.lost[1]} were gone before they were archived.", err=True)


def source_of(config: Config, model: str, archive: Path | None) -> Source:
    """Where a model's records are read: Kafka, and the archive when one is named."""
    from trimtab.verification import from_kafka

    source = from_kafka(config.kafka, model)
    if archive is None:
        return source
    from trimtab.dataset import Archive, with_archive

    return with_archive(source, Archive.open(archive, model))


def _sides(config: Config, names: tuple[str, str], archive: Path | None) -> list[tuple[Summary, DriftSpec]]:
    from trimtab.dataset import is_exported, summary_of_folder, summary_of_version

    found = []
    with registry_index(config) as index, progress("reading", "examples") as tell:
        for name in names:
            if is_exported(name):
                found.append(summary_of_folder(Path(name)))
                continue
            model, number = named(config, name)
            _require(index, model, number)
            found.append(summary_of_version(config, index, model, number, source_of(config, model, archive), tell))
    return found


def _print_diff(found: dict[str, Any]) -> None:
    left, right = found["left"], found["right"]
    sides = ("left", "right")
    rows = [("rows", *(f"{found['rows'][side]:,}" for side in sides))]
    rows += [
        (f"{which} event", *(_time(found["time"][side][f"{which}_ms"]) for side in sides))
        for which in ("first", "last")
    ]
    rows.append(("offsets", *(_stretch(found["offsets"][side]) for side in sides)))
    rows += [(f"label {name}", *values) for name, values in _label_rows(found["labels"])]
    print_table(("", left, right), rows, "")
    overlap = found["offsets"]["overlap"]
    if overlap is not None:
        where = f"{overlap['first']} to {overlap['last']}"
        typer.echo(f"In both: {overlap['examples']:,} examples of {overlap['records']:,} records, offsets {where}.")
    for said, names in found["features"].items():
        if names:
            typer.echo(f"Features {said.replace('_', ' ')}: {', '.join(names)}")
    for feature, parts in found["categories"].items():
        for said, names in parts.items():
            if names:
                typer.echo(f"Categories of {feature} {said}: {_some(names)}")
    typer.echo("")
    print_table(("feature", "status", "value and p-value"), [_drift_row(one) for one in found["drift"]], "No features.")


def _label_rows(labels: dict[str, Any]) -> list[tuple[str, tuple[str, str]]]:
    if labels["moments"] is not None:
        left, right = labels["moments"]["left"], labels["moments"]["right"]
        return [(name, (_number(left, name), _number(right, name))) for name in ("mean", "std", "min", "max")]
    shares = labels["shares"].items()
    return [(name, (f"{100 * one['left']:.1f} %", f"{100 * one['right']:.1f} %")) for name, one in shares]


def _number(moments: dict[str, float] | None, name: str) -> str:
    return "" if moments is None else f"{moments[name]:.6g}"


def _drift_row(one: dict[str, Any]) -> tuple[str, str, str]:
    parts = []
    for name, measured in one["statistics"].items():
        p_value = "" if measured["p_value"] is None else f" (p {measured['p_value']:.2g})"
        parts.append(f"{name} {measured['value']:.3g}{p_value}{' *' if name in one['exceeded'] else ''}")
    return one["feature"], one["status"], ", ".join(parts)


def _stretch(offsets: dict[str, Any]) -> str:
    return "" if offsets["first"] is None else f"{offsets['first']} to {offsets['last']}"


def _some(names: list[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more:,} more" if more > 0 else "")


def _time(ms: int | None) -> str:
    return "" if ms is None else datetime.fromtimestamp(ms / 1_000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def _require(index: RegistryIndex, model: str, version: int) -> None:
    """Raise ConfigError unless the registry has, or had, the version."""
    from trimtab.errors import ConfigError
    from trimtab.registry.records import version_key

    if index.manifest(model, version) is None and index.refusal(version_key(model, version)) is None:
        known = ", ".join(str(manifest["version"]) for manifest in index.versions(model)) or "none"
        raise ConfigError(f"{model} has no version {version}; there are: {known}")
