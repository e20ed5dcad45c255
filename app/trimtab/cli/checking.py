"""``trimtab check`` and ``trimtab topics``: is everything there that the roles need?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import typer

from trimtab.cli.common import AsJson, ConfigPath, load_connected
from trimtab.errors import KafkaError, TrainingError, TrimtabError

if TYPE_CHECKING:
    from trimtab.config import Config

__all__ = ["register"]

topics = typer.Typer(no_args_is_help=True, help="Create and check the topics.")


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(check)
    app.add_typer(topics, name="topics")


def check(*, config: ConfigPath = None, as_json: AsJson = False) -> None:
    """Check the configuration, the models on made-up examples, Kafka and the topics; exit code 2, 6 or 3 tells which
    failed."""
    from trimtab.kafka.clients import admin, connect
    from trimtab.kafka.topics import check_topics

    loaded = load_connected(config)
    unfit = _unfit(loaded)
    if unfit and not as_json:
        raise TrainingError("; ".join(unfit))
    connect(loaded.kafka)
    problems = check_topics(admin(loaded.kafka), loaded.kafka)
    if as_json:
        found = {
            "ok": not unfit and not problems,
            "bootstrap_servers": loaded.kafka.bootstrap_servers,
            "models": sorted(loaded.models),
            "problems": unfit + problems,
        }
        typer.echo(json.dumps(found))
        raise typer.Exit(TrainingError.exit_code if unfit else KafkaError.exit_code if problems else 0)
    if problems:
        raise KafkaError("; ".join(problems))
    typer.echo(
        f"All is well: {len(loaded.models)} model(s), Kafka at {loaded.kafka.bootstrap_servers}, topics present."
    )


def _unfit(config: Config) -> list[str]:
    """What is wrong with the models that are to be trained."""
    from trimtab.training.conformance import try_model

    found = []
    for name, model in config.models.items():
        try:
            if model.labels:
                try_model(model)
        except TrimtabError as error:
            found.append(f"models.{name}: {error}")
    return found


@topics.command("create")
def create(*, config: ConfigPath = None) -> None:
    """Create the topics that are missing."""
    from trimtab.kafka.clients import admin, connect
    from trimtab.kafka.topics import create_topics

    loaded = load_connected(config)
    connect(loaded.kafka)
    created = create_topics(admin(loaded.kafka), loaded.kafka)
    typer.echo("\n".join(f"created {name}" for name in created) or "All topics are there.")


@topics.command("check")
def check_only(*, config: ConfigPath = None) -> None:
    """Check the topics; exit code 3 when one is missing or wrong."""
    from trimtab.kafka.clients import admin, connect
    from trimtab.kafka.topics import check_topics

    loaded = load_connected(config)
    connect(loaded.kafka)
    problems = check_topics(admin(loaded.kafka), loaded.kafka)
    if problems:
        raise KafkaError("; ".join(problems))
    typer.echo("All topics are there.")
