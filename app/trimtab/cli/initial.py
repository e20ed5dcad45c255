"""Commands that start things: ``broker``, ``init``, ``run``, ``up``, ``simulate`` and ``demo``."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import Annotated

import typer

from trimtab.cli.common import ConfigPath, load, load_connected, start_bar
from trimtab.cli.playing import demo, simulate

__all__ = ["register"]

Count = Annotated[int, typer.Option(min=0, max=64)]


def register(app: typer.Typer, first: str) -> None:
    """Add the commands of this module; ``first`` is the word that the command line begins with."""
    _heavy(app, first)
    app.command()(run)
    app.command()(up)
    app.command()(simulate)
    app.command()(demo)


def _heavy(app: typer.Typer, first: str) -> None:
    """``broker`` and ``init`` load Kafka's and pydantic's modules, so they are only named unless they are meant."""
    if first == "broker":
        from trimtab.cli import broker

        app.add_typer(broker.app, name="broker")
    else:
        app.command("broker", help="Start, stop and look at the embedded Kafka of this machine.")(_named_only)
    if first == "init":
        from trimtab.cli.init import init

        app.command()(init)
    else:
        app.command("init", help="Write a trimtab.yaml for a table, to be edited.")(_named_only)


def _named_only() -> None:
    """Stands in the list of commands."""


def run(
    role: Annotated[str, typer.Argument(help="collector, monitor, trainer, notifier or dashboard.")],
    *,
    instance: Annotated[
        str, typer.Option(envvar="TRIMTAB_INSTANCE", help="Name of this process among those of its role.")
    ] = "1",
    config: ConfigPath = None,
) -> None:
    """Run one role until it is told to stop (SIGTERM)."""
    from importlib import import_module

    from trimtab.errors import ConfigError
    from trimtab.roles.health import HealthBeat
    from trimtab.roles.process import settle, start_logging
    from trimtab.roles.supervisor import ROLES, die_with_parent

    if role not in ROLES:
        raise ConfigError(f"no role {role!r}; the roles are {', '.join(ROLES)}")
    die_with_parent()
    loaded = load_connected(config)
    start_logging(role)
    # The dashboard stands above the roles: it shows what all of them wrote.
    module = import_module("trimtab.dashboard.run" if role == "dashboard" else f"trimtab.roles.{role}")
    settle(role)
    beat = HealthBeat(loaded, role, instance)
    beat.start()
    try:
        module.run(loaded, instance)
    finally:
        beat.close()


def up(
    *,
    collectors: Count = 1,
    monitors: Count = 1,
    trainers: Count = 1,
    notifiers: Annotated[int, typer.Option(min=0, max=16)] = 1,
    dashboards: Annotated[int, typer.Option(min=0, max=1)] = 1,
    config: ConfigPath = None,
) -> None:
    """Run all roles on this machine, with a broker if none is configured, until Ctrl-C."""
    import os

    from trimtab.roles.process import data_dir
    from trimtab.roles.supervisor import Supervisor

    path = config or Path(os.environ.get("TRIMTAB_CONFIG") or "trimtab.yaml")
    loaded = load(path)
    counts = {
        "collector": collectors,
        "monitor": monitors,
        "trainer": trainers,
        "notifier": notifiers,
        "dashboard": dashboards,
    }
    stop = threading.Event()
    before = signal.signal(signal.SIGTERM, lambda *_: stop.set())
    try:
        with start_bar() as progress:
            supervisor = Supervisor(loaded, path.absolute(), counts, on_restart=_told, progress=progress)
            ready = supervisor.start()
        with supervisor:
            typer.echo(f"Kafka at {ready.kafka.bootstrap_servers}; logs in {data_dir(ready) / 'logs'}; Ctrl-C stops.")
            stop.wait()
    finally:
        signal.signal(signal.SIGTERM, before)


def _told(name: str, code: int, line: str) -> None:
    typer.echo(f"{name} ended with code {code} and is started again: {line}", err=True)
