"""``trimtab init``: a first configuration for your own data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trimtab.config.infer import infer_config, render_yaml
from trimtab.config.load import parse_config
from trimtab.errors import ConfigError

__all__ = ["init"]


def init(
    file: Annotated[Path, typer.Argument(help="A .csv, .csv.gz or .parquet file with one header line.")],
    *,
    label: Annotated[str | None, typer.Option(help="Column to predict [default: the last].")] = None,
    name: Annotated[str | None, typer.Option(help="Name of the model [default: the file's].")] = None,
    time: Annotated[
        str | None, typer.Option(help="Column with the event time [default: rows one second apart].")
    ] = None,
    prediction: Annotated[str | None, typer.Option(help="Column with a model's predictions, for backtests.")] = None,
    score: Annotated[str | None, typer.Option(help="Column with its probabilities.")] = None,
    out: Annotated[Path, typer.Option(help="Where to write.")] = Path("trimtab.yaml"),
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")] = False,
) -> None:
    """Write a trimtab.yaml for a table, to be edited."""
    # Said before the work is done, and held by the exclusive mode below.
    if out.exists() and not force:
        raise ConfigError(f"{out}: exists already; give another --out, or --force to overwrite it")
    config = infer_config(file, label=label, name=name, time=time, prediction=prediction, score=score)
    text = render_yaml(config)
    # Without the environment: its overrides may be meant for models that are not in this file.
    parse_config(text, source=str(out), environ={})
    _write(out, text, overwrite=force)
    for note in config.notes:
        typer.echo(note)
    (model,) = config["models"]
    spec = config["models"][model]
    typer.echo(f"Wrote {out}: model {model}, {spec['task']}, {len(spec['features'])} features.")


def _write(out: Path, text: str, *, overwrite: bool) -> None:
    try:
        with out.open("w" if overwrite else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise ConfigError(f"{out}: exists already; give another --out, or --force to overwrite it") from None
    except OSError as error:
        raise ConfigError(f"{out}: cannot be written: {error.strerror or type(error).__name__}") from None
