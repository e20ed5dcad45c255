"""``trimtab doctor``: what is wrong, and what to do."""

from __future__ import annotations

import json
from dataclasses import asdict

import typer

from trimtab.cli.common import AsJson, ConfigPath, load_connected

__all__ = ["register"]

_MARKS = {"ok": "ok  ", "warn": "WARN", "fail": "FAIL"}


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(doctor)


def doctor(*, as_json: AsJson = False, config: ConfigPath = None) -> None:
    """Look at Kafka, the topics, the roles, the models and this machine. Exit code 1 when something has failed."""
    from trimtab.doctor import Status, examine

    loaded, found = load_connected(config), []
    for one in examine(loaded):
        found.append(one)
        if not as_json:
            typer.echo(f"{_MARKS[one.status]}  {one.check}: {one.what}")
            if one.remedy:
                typer.echo(f"      -> {one.remedy}")
    failed = sum(one.status == Status.FAIL for one in found)
    warned = sum(one.status == Status.WARN for one in found)
    if as_json:
        typer.echo(json.dumps({"ok": not failed, "findings": [asdict(one) for one in found]}))
    else:
        typer.echo(f"{len(found)} checks: {failed} failed, {warned} to look at.")
    if failed:
        raise typer.Exit(1)
