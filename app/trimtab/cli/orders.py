"""Orders to a model's trainer: ``retrain``, ``approve`` and ``rollback`` write a record to the topic ``commands``."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trimtab.cli.common import ConfigPath, load_connected, send

if TYPE_CHECKING:
    from trimtab.config import Config

__all__ = ["command_record", "register", "user"]

Model = Annotated[str, typer.Argument(help="Name of the model.")]
Actor = Annotated[str | None, typer.Option(help="Who orders it [default: your user name].")]
Reason = Annotated[str, typer.Option(help="Why, for the audit log.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(retrain)
    app.command()(approve)
    app.command()(rollback)


def retrain(model: Model, *, actor: Actor = None, reason: Reason = "", config: ConfigPath = None) -> None:
    """Start a race of candidates against the champion."""
    _order("retrain", model, actor, reason, load_connected(config))


def approve(model: Model, *, actor: Actor = None, reason: Reason = "", config: ConfigPath = None) -> None:
    """Promote the winner that waits for approval."""
    _order("approve", model, actor, reason, load_connected(config))


def rollback(model: Model, *, actor: Actor = None, reason: Reason = "", config: ConfigPath = None) -> None:
    """Restore the version before the champion."""
    _order("rollback", model, actor, reason, load_connected(config))


def command_record(command: str, model: str, actor: str, reason: str, *, id: str, time_ms: int) -> dict[str, Any]:
    """A record of the topic ``commands`` (schemas/command.avsc)."""
    return {"id": id, "model": model, "command": command, "actor": actor, "reason": reason, "time_ms": time_ms}


def _order(command: str, model: str, actor: str | None, reason: str, config: Config) -> None:
    import time
    import uuid

    import orjson

    from trimtab.errors import ConfigError, KafkaError
    from trimtab.kafka.clients import admin, connect
    from trimtab.kafka.topics import Topics, partition_of

    if model not in config.models:
        raise ConfigError(f"no model {model!r}; the models are {', '.join(config.models)}")
    connect(config.kafka)
    topic = Topics(config.kafka.topic_prefix).commands
    partitions = len(admin(config.kafka).list_topics(topic, timeout=10).topics[topic].partitions)
    if partitions == 0:
        raise KafkaError(f"topic {topic} does not exist; create it with: trimtab topics create")
    record = command_record(
        command, model, actor or user(), reason, id=uuid.uuid4().hex, time_ms=time.time_ns() // 1_000_000
    )
    where = partition_of(model, partitions)
    send(config, [(topic, model.encode(), orjson.dumps(record), where)], f"{topic}: the order")
    typer.echo(f"{command} {model}: ordered as {record['id']}; what came of it goes to the topic audit.")


def user() -> str:
    """Who runs this."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
