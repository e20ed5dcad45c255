"""``trimtab keys``: keys that sign the registry's records."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated

import typer

from trimtab.cli.common import AsJson

__all__ = ["register"]

keys = typer.Typer(no_args_is_help=True, help="Make keys that sign the registry's records.")


class Algorithm(StrEnum):
    """Algorithms of keys."""

    ED25519 = "ed25519"
    HMAC = "hmac"


@keys.callback()
def _group() -> None:
    """With a callback, ``new`` stays a word of its own though it is the only command."""


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.add_typer(keys, name="keys")


@keys.command("new")
def new(
    *,
    algorithm: Annotated[Algorithm, typer.Option(help="ed25519: readers cannot forge; hmac: they could.")] = (
        Algorithm.ED25519
    ),
    id: Annotated[str, typer.Option("--id", help="Name of the key in the configuration.")] = "main",
    as_json: AsJson = False,
) -> None:
    """Print a new random key, and where it goes; it is kept nowhere."""
    from trimtab.config.base import NAME
    from trimtab.errors import ConfigError
    from trimtab.registry.keys import new_key

    if not NAME.fullmatch(id):
        raise ConfigError(f"--id: {id!r} is no key id; letters, digits, '.', '_' and '-' only, at most 100")
    private, public = new_key(algorithm.value)
    field = "secret" if public is None else "private_key"
    if as_json:
        found = {"key_id": id, "algorithm": algorithm.value, field: private}
        typer.echo(json.dumps(found if public is None else found | {"public_key": public}))
        return
    entry = f"{id}: {{algorithm: {algorithm.value}{'' if public is None else f', public_key: {public}'}}}"
    who = "trainer and every reader" if public is None else "trainer only"
    variable = f"TRIMTAB_REGISTRY__KEYS__{''.join(c if c.isalnum() else '_' for c in id).upper()}__{field.upper()}"
    typer.echo(f"# trimtab.yaml, everywhere\nregistry:\n  sign_with: {id}\n  keys:\n    {entry}")
    typer.echo("  # require_signature: true   # once the trainer has signed everything that is read")
    typer.echo(f"\n# {who}: environment, or a file named by {field}_file\n{variable}={private}")
