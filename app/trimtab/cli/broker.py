"""``trimtab broker``: the embedded Kafka of this machine."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from trimtab.kafka.embedded import BrokerInfo, EmbeddedBroker, default_data_dir

__all__ = ["app"]

NOT_RUNNING = 3

app = typer.Typer(no_args_is_help=True, help="Start, stop and look at the embedded Kafka of this machine.")

DataDir = Annotated[
    Path | None, typer.Option(help="Folder of the broker's data [default: broker/ in data_dir, else in the user's].")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@app.command()
def start(
    *,
    data_dir: DataDir = None,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Port for clients [default: the last one, or a free one].")
    ] = None,
    timeout_s: Annotated[float, typer.Option(min=1, help="Seconds to wait for Kafka to answer.")] = 60.0,
    as_json: Json = False,
) -> None:
    """Start the broker unless it runs; it goes on when this command ends. The first start downloads Kafka (43 MB)."""
    broker = EmbeddedBroker(_folder(data_dir), port=port)
    # On stderr, so that the output stays for programs; rich shows nothing when that is no terminal.
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        info = broker.start(_Report(bar), timeout_s=timeout_s)
    _show(info, as_json=as_json)


@app.command()
def stop(
    *,
    data_dir: DataDir = None,
    timeout_s: Annotated[float, typer.Option(min=0, help="Seconds until it is killed.")] = 30.0,
) -> None:
    """Stop the broker; its data stay."""
    folder = _folder(data_dir)
    stopped = EmbeddedBroker(folder).stop(timeout_s=timeout_s)
    typer.echo(f"Stopped; data stay in {folder}." if stopped else f"No broker runs in {folder}.")


@app.command()
def status(*, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Show the broker; exit code 0 when it runs, 3 when it does not."""
    folder = _folder(data_dir)
    info = EmbeddedBroker(folder).status()
    if info is None:
        typer.echo(json.dumps({"running": False}) if as_json else f"No broker runs in {folder}.")
        raise typer.Exit(NOT_RUNNING)
    _show(info, as_json=as_json)


def _folder(data_dir: Path | None) -> Path:
    """The folder given, that of the configuration at hand, where ``trimtab up`` keeps its broker, or the user's."""
    if data_dir is not None:
        return data_dir
    from trimtab.config import load_config
    from trimtab.errors import ConfigError

    try:
        of = load_config(None).data_dir
    except ConfigError:  # a broker needs no configuration
        of = None
    if of is None and os.environ.get("TRIMTAB_DATA_DIR"):
        of = Path(os.environ["TRIMTAB_DATA_DIR"])
    return default_data_dir() if of is None else of / "broker"


class _Report:
    """Shows each step of a start as a bar of its own."""

    def __init__(self, bar: Progress) -> None:
        self._bar = bar
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, what: str, done: int, total: int) -> None:
        task = self._tasks.get(what)
        if task is None:
            task = self._tasks[what] = self._bar.add_task(what, total=total)
        self._bar.update(task, completed=done, total=total)


def _show(info: BrokerInfo, *, as_json: bool) -> None:
    if as_json:
        content = {
            "running": True,
            "bootstrap_servers": info.bootstrap_servers,
            "pid": info.pid,
            "data_dir": str(info.data_dir),
            "log_file": str(info.log_file),
            "version": info.version,
        }
        typer.echo(json.dumps(content))
        return
    typer.echo(f"Kafka {info.version} runs at {info.bootstrap_servers} (process {info.pid}).")
    typer.echo(f"data {info.data_dir}\nlog  {info.log_file}")
