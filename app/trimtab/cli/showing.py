"""``trimtab alerts tail`` and ``trimtab schema``: what is said about the models, for people and pipes."""

from __future__ import annotations

from typing import Annotated

import typer

from trimtab.cli.common import ConfigPath, load_connected

__all__ = ["register"]

alerts = typer.Typer(no_args_is_help=True, help="Look at alerts.")


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.add_typer(alerts, name="alerts")
    app.command("schema")(schema)


@alerts.callback()
def _group() -> None:
    """Look at alerts."""


@alerts.command("tail")
def tail(
    *,
    follow: Annotated[bool, typer.Option(help="Wait for more; else end with the topic.")] = True,
    config: ConfigPath = None,
) -> None:
    """Print every change of an alert as a JSON line, from the oldest on."""
    from trimtab.kafka.clients import connect
    from trimtab.kafka.reading import read_topics
    from trimtab.kafka.topics import Topics

    loaded = load_connected(config)
    connect(loaded.kafka)
    for message in read_topics(loaded.kafka, [Topics(loaded.kafka.topic_prefix).alerts], follow=follow):
        value = message.value()
        if value is not None:
            typer.echo(value.decode("utf-8", "replace"))


def schema(
    model: Annotated[str, typer.Argument(help="Name of the model.", metavar="MODEL")],
    config: ConfigPath = None,
) -> None:
    """Print the Avro schema of a model's predictions, the fast form of Avro; its fingerprint goes to stderr."""
    import orjson

    from trimtab.config import load_config
    from trimtab.errors import ConfigError
    from trimtab.events.typed_avro import AvroPredictions

    models = load_config(config).models
    if model not in models:
        raise ConfigError(f"model {model!r} is not configured; configured: {', '.join(sorted(models))}")
    made = AvroPredictions(model, models[model])
    typer.echo(orjson.dumps(made.schema, option=orjson.OPT_INDENT_2).decode())
    typer.echo(f"fingerprint {made.fingerprint.hex()}", err=True)
