"""What several commands share: the configuration option, and a configuration that knows its brokers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from trimtab.config import Config
    from trimtab.registry.index import RegistryIndex

__all__ = [
    "Actor",
    "AsJson",
    "ConfigPath",
    "Reason",
    "iso_time",
    "known_model",
    "load",
    "load_connected",
    "named",
    "print_table",
    "progress",
    "registry_index",
    "start_bar",
    "time_text",
]

ConfigPath = Annotated[
    Path | None, typer.Option("--config", "-c", help="Configuration [default: $TRIMTAB_CONFIG, else trimtab.yaml].")
]
Actor = Annotated[str | None, typer.Option(help="Who orders it [default: your user name].")]
Reason = Annotated[str, typer.Option(help="Why, for the audit log.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def load(path: Path | None) -> Config:
    """The configuration of a file; raises ConfigError."""
    from trimtab.config import load_config

    return load_config(path)


def load_connected(path: Path | None) -> Config:
    """The configuration with bootstrap servers: its own, or those of the embedded broker that runs.

    Raises
    ------
    ConfigError
        If the configuration is wrong.
    KafkaError
        If no brokers are configured and no embedded one runs.
    """
    from trimtab.kafka.embedded.found import connected

    return connected(load(path))


def iso_time(text: str, option: str) -> datetime:
    """The time that an option gives; raises ConfigError."""
    from trimtab.errors import ConfigError

    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"{option}: {text!r} is no ISO 8601 time; write 2026-01-31T12:00:00Z") from None


def known_model(config: Config, model: str) -> str:
    """The name itself; raises ConfigError for a model that is not configured."""
    from trimtab.errors import ConfigError

    if model not in config.models:
        raise ConfigError(f"no model {model!r}; the models are {', '.join(config.models)}")
    return model


def named(config: Config, text: str) -> tuple[str, int]:
    """Model and version of ``credit@7``; raises ConfigError."""
    from trimtab.errors import ConfigError

    model, at, number = text.rpartition("@")
    if not at or not (number.isascii() and number.isdigit()):
        raise ConfigError(f"{text!r} is no version; write MODEL@V, such as {model or text}@1")
    return known_model(config, model), int(number)


@contextmanager
def progress(what: str, of: str) -> Iterator[Callable[[int], None]]:
    """Count on stderr, where that is a terminal."""
    from rich.console import Console
    from rich.progress import Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), TextColumn(f"{{task.completed:,}} {of}"), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=None)
        yield lambda count: bar.update(task, completed=count)


@contextmanager
def registry_index(config: Config) -> Iterator[RegistryIndex]:
    """The registry's index, up to date."""
    from trimtab.registry.index import RegistryIndex
    from trimtab.registry.signing import Trust

    index = RegistryIndex(config.kafka, "trimtab-cli", Trust.of(config))
    index.start()
    try:
        yield index
    finally:
        index.close()


@contextmanager
def start_bar() -> Iterator[Callable[[str, int, int], None]]:
    """Show the steps of the embedded broker's start on stderr."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

    tasks: dict[str, TaskID] = {}
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    bar = Progress(*columns, console=Console(stderr=True), transient=True)

    def report(what: str, done: int, total: int) -> None:
        if what not in tasks:
            tasks[what] = bar.add_task(what, total=total)
        bar.update(tasks[what], completed=done, total=total)
        # Shown only while something is not done: what comes after may draw on the same terminal.
        if bar.finished and bar.live.is_started:
            bar.stop()
        elif not bar.finished and not bar.live.is_started:
            bar.start()

    try:
        yield report
    finally:
        # Stopping one that was never shown would print a blank line.
        if bar.live.is_started:
            bar.stop()


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], nothing: str) -> None:
    """Columns as wide as their longest text; the last as it is."""
    if not rows:
        typer.echo(nothing)
        return
    widths = [max(len(row[at]) for row in (columns, *rows)) for at in range(len(columns) - 1)]
    for row in (columns, *rows):
        cells = [text.ljust(width) for text, width in zip(row, widths, strict=False)]
        typer.echo("  ".join([*cells, row[-1]]).rstrip())


def time_text(ms: int) -> str:
    """Wall time for people.

    Examples
    --------
    >>> time_text(0)
    '1970-01-01 00:00:00Z'
    """
    return datetime.fromtimestamp(ms / 1_000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
