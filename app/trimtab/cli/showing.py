"""``trimtab followers`` and ``schema``: what is said about the models, for people and pipes."""

from __future__ import annotations

from typing import Annotated

import typer

from trimtab.cli.common import AsJson, ConfigPath, load_connected, print_table

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("followers")(followers)
    app.command("schema")(schema)


def followers(
    model: Annotated[str | None, typer.Argument(help="Name of the model [default: all].")] = None,
    *,
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """List the services that serve a model, and which version each serves."""
    import json
    import time

    from trimtab.errors import ConfigError
    from trimtab.kafka.clients import connect
    from trimtab.kafka.tables import read_table
    from trimtab.kafka.topics import Topics
    from trimtab.windows.followers import GONE_AFTER_MS

    loaded = load_connected(config)
    if model is not None and model not in loaded.models:
        raise ConfigError(f"no model {model!r}; the models are {', '.join(loaded.models)}")
    connect(loaded.kafka)
    topic, now_ms = Topics(loaded.kafka.topic_prefix).followers, time.time_ns() // 1_000_000
    found = []
    for number in range(loaded.kafka.partitions):
        for key, value in sorted(read_table(loaded.kafka, topic, number).items()):
            one = json.loads(value)
            if model in (None, key.partition("/")[0]) and now_ms - one["time_ms"] < GONE_AFTER_MS:
                found.append(one)
    if as_json:
        typer.echo(json.dumps({"followers": found}))
        return
    columns = ("model", "version", "canary", "behind", "refused", "instance")
    rows = [
        (f["model"], f"@{f['version']}", f["canary"] or "", f"{f['behind_s']:.0f} s", f["refused"], f["instance"])
        for f in sorted(found, key=lambda f: (f["model"], f["version"], f["instance"]))
    ]
    print_table(
        columns, [tuple(map(str, row)) for row in rows], "No service has told within half a minute what it serves."
    )


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
