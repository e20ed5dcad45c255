"""``trimtab top``: the fleet and Trimtab itself, live in a terminal."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from trimtab.cli.common import AsJson, ConfigPath, load_connected

if TYPE_CHECKING:
    from rich.console import Console

    from trimtab.dashboard.top import Watch

__all__ = ["register"]

_READ_S = 60.0


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(top)


def top(
    *,
    once: Annotated[
        bool, typer.Option("--once", help="Print it once, as it is done where there is no terminal.")
    ] = False,
    every: Annotated[float, typer.Option(min=0.2, max=60, help="Seconds between looks.")] = 1.0,
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """Show every model and every process, what needs somebody first, until Ctrl-C."""
    from rich.console import Console

    from trimtab.dashboard.top import watching
    from trimtab.errors import KafkaError

    loaded = load_connected(config)
    console = Console(width=None if sys.stdout.isatty() else 200)
    with watching(loaded) as watch:
        if not watch.wait(_READ_S):
            raise KafkaError(f"the log was not read within {_READ_S:.0f} s; is Kafka slow? See: trimtab doctor")
        if as_json:
            seen, known = watch.look()
            typer.echo(json.dumps({"fleet": seen, "system": known}))
        elif once or not console.is_terminal:
            console.print(watch.draw())
        else:
            _live(console, watch, every)


def _live(console: Console, watch: Watch, every: float) -> None:
    from rich.live import Live

    with Live(console=console, screen=True, auto_refresh=False) as live:
        while True:
            live.update(watch.draw(console.height), refresh=True)
            time.sleep(every)
