"""``trimtab dashboard``: tokens for the people who use it."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated

import typer

from trimtab.cli.common import AsJson

__all__ = ["register"]

dashboard = typer.Typer(no_args_is_help=True, help="Make tokens for the dashboard.")


class Role(StrEnum):
    """Roles of tokens."""

    READ = "read"
    OPERATOR = "operator"


@dashboard.callback()
def _group() -> None:
    """With a callback, ``token`` stays a word of its own though it is the only command."""


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.add_typer(dashboard, name="dashboard")


@dashboard.command()
def token(
    name: Annotated[str, typer.Argument(help="Whose it is; changes are told under this name.")],
    *,
    role: Annotated[Role, typer.Option(help="read may look, operator may also act.")] = Role.READ,
    as_json: AsJson = False,
) -> None:
    """Print a new random token, and what goes into the configuration; it is kept nowhere."""
    from trimtab.config.base import NAME
    from trimtab.dashboard.web.tokens import new_token, token_sha256
    from trimtab.errors import ConfigError

    if not NAME.fullmatch(name):
        raise ConfigError(f"{name!r} is no name of a token; letters, digits, '.', '_' and '-' only, at most 100")
    made = new_token()
    if as_json:
        typer.echo(json.dumps({"name": name, "role": role.value, "token": made, "sha256": token_sha256(made)}))
        return
    line = f"    {name}: {{role: {role.value}, sha256: {token_sha256(made)}}}"
    typer.echo(f"# trimtab.yaml\ndashboard:\n  tokens:\n{line}")
    typer.echo(f"\n# for {name} alone; it is kept nowhere\n{made}")
