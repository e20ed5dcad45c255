"""``trimtab reference``: what the windows of a version are compared with."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trimtab.cli.common import ConfigPath, known_model, load_connected, registry_index

if TYPE_CHECKING:
    from trimtab.config import Config
    from trimtab.profiles import Reference
    from trimtab.registry.index import RegistryIndex

__all__ = ["register"]

reference = typer.Typer(no_args_is_help=True, help="Look at references, and set them.")

Model = Annotated[str, typer.Argument(help="Name of the model.")]
Version = Annotated[
    int | None, typer.Option(min=0, help="Version, 0 for events that name none [default: the champion, else 0].")
]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.add_typer(reference, name="reference")


@reference.command("set")
def set_(
    model: Model,
    file: Annotated[Path, typer.Argument(help="A .csv, .csv.gz or .parquet file with the model's features.")],
    *,
    version: Version = None,
    actor: Annotated[str | None, typer.Option(help="Who sets it [default: your user name].")] = None,
    config: ConfigPath = None,
) -> None:
    """Compare a version's windows with the rows of a file from now on; the next promotion has its own reference."""
    from trimtab.backtest import read_history, reference_of, unusable
    from trimtab.backtest.report import too_few

    loaded = load_connected(config)
    with _registry(loaded, model) as index:
        of = _version(index, model, version)
    history = read_history(file, loaded.models[model], features_only=True)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    made = reference_of(model, loaded.models[model], history)
    # The name tells versions of a reference apart: windows that were begun against another one stay with that.
    named = replace(made, id=f"{model}@{of}/{digest[:12]}")
    _publish(loaded, model, of, named, {"file": file.name, "sha256": digest, "rows": float(len(history))}, actor)
    typer.echo(f"{model}@{of} is compared with {named.id}: {len(history):,} rows of {file.name}.")
    short = unusable(made, loaded.models[model])
    if short:
        typer.echo(too_few(short), err=True)
    if history.refused:
        row, why = next(iter(sorted(history.refused.items())))
        typer.echo(f"warning: {len(history.refused):,} rows were left out, such as row {row}: {why}", err=True)


@reference.command("show")
def show(model: Model, *, version: Version = None, config: ConfigPath = None) -> None:
    """Say what a version's windows are compared with."""
    with _registry(load_connected(config), model) as index:
        of = _version(index, model, version)
        found = index.reference(model, of)
    if found is None:
        typer.echo(f"{model}@{of} has no reference.")
        return
    typer.echo(f"{model}@{of}: {found.id}, {found.profile.count:,} rows")
    numeric, categorical = found.profile.numeric, found.profile.categorical
    for name, values, missing in [
        *((name, p.count, p.missing_rate) for name, p in numeric.items()),
        *((name, p.count, p.missing_rate) for name, p in categorical.items()),
    ]:
        typer.echo(f"  {name}: {values:,} values, {100 * missing:.1f} % missing")
    for name, part in found.segments.items():
        typer.echo(f"  {name}: {part.profile.count:,} rows")


@contextmanager
def _registry(config: Config, model: str) -> Iterator[RegistryIndex]:
    """The registry's index, up to date; raises ConfigError for a model that is not configured."""
    known_model(config, model)
    with registry_index(config) as index:
        yield index


def _version(index: RegistryIndex, model: str, version: int | None) -> int:
    """The version that is meant; raises ConfigError."""
    from trimtab.errors import ConfigError

    champion = index.champion(model)
    of = (0 if champion is None else int(champion["version"])) if version is None else version
    if of and index.manifest(model, of) is None:
        raise ConfigError(f"{model} has no version {of}")
    return of


def _publish(
    config: Config, model: str, version: int, made: Reference, details: dict[str, float | str], actor: str | None
) -> None:
    from trimtab.cli.orders import user
    from trimtab.registry.set_reference import reference_set
    from trimtab.registry.signing import Signer
    from trimtab.roles.entries import write_with_entry

    by, now_ms = actor or user(), time.time_ns() // 1_000_000
    said: dict[str, Any] = {"actor": by, "trigger": "command", "now_ms": now_ms, "details": details}
    said["signer"] = Signer.of(config)
    write_with_entry(
        config.kafka, model, lambda chain: reference_set(config.kafka, model, version, made, chain=chain, **said)
    )
