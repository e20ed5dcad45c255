"""Orders to a model's trainer, written to the topic ``commands``; those about a version wait for its answer."""

from __future__ import annotations

import getpass
import json
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trimtab.cli.common import Actor, AsJson, ConfigPath, Reason, load_connected, named

if TYPE_CHECKING:
    from trimtab.config import Config

__all__ = [
    "Wait",
    "answer",
    "delete",
    "end_of_audit",
    "ordered",
    "pin",
    "promote",
    "register",
    "rollback",
    "tell",
    "unpin",
    "user",
]

Model = Annotated[str, typer.Argument(help="Name of the model.")]
Named = Annotated[str, typer.Argument(help="A version, such as credit@7.", metavar="MODEL@V")]
Wait = Annotated[float, typer.Option(min=0, help="How many seconds to wait for the trainer's answer.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(retrain)
    app.command()(approve)
    app.command()(rollback)


def retrain(
    model: Model,
    *,
    actor: Actor = None,
    reason: Reason = "",
    wait: Wait = 10.0,
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """Start a race of candidates against the champion."""
    _order("retrain", model, None, actor, reason, load_connected(config), as_json, wait)


def approve(
    model: Annotated[str, typer.Argument(help="Name of the model, or MODEL@V.")],
    version: Annotated[int | None, typer.Argument(min=1, help="Which version [default: the one that waits].")] = None,
    *,
    actor: Actor = None,
    reason: Reason = "",
    wait: Wait = 10.0,
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """Let the winner that waits for approval go on: to its canary, or to champion."""
    loaded = load_connected(config)
    if "@" in model:
        model, version = named(loaded, model)
    _order("approve", model, version, actor, reason, loaded, as_json, wait)


def rollback(
    model: Model,
    *,
    to: Annotated[
        int | None, typer.Option(min=1, help="Which version [default: the one kept before the champion].")
    ] = None,
    actor: Actor = None,
    reason: Reason = "",
    wait: Wait = 10.0,
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """Restore an earlier version; newer ones are given up."""
    _order("rollback", model, to, actor, reason, load_connected(config), as_json, wait)


def promote(
    version: Named,
    *,
    actor: Actor = None,
    reason: Reason = "",
    wait: Wait = 10.0,
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """Make any version of the registry the champion; what is learnt from then on continues it."""
    _of_version("promote", version, actor, reason, wait, as_json, load_connected(config))


def pin(
    version: Named,
    *,
    actor: Actor = None,
    reason: Reason = "",
    wait: Wait = 10.0,
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """Keep a version, whatever retention says, until it is unpinned."""
    _of_version("pin", version, actor, reason, wait, as_json, load_connected(config))


def unpin(
    version: Named,
    *,
    actor: Actor = None,
    reason: Reason = "",
    wait: Wait = 10.0,
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """Leave a version to retention again."""
    _of_version("unpin", version, actor, reason, wait, as_json, load_connected(config))


def delete(
    version: Named,
    *,
    actor: Actor = None,
    reason: Reason = "",
    wait: Wait = 10.0,
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """Remove a version for good: its manifest, its reference and its bytes. Its entries in the audit log stay."""
    _of_version("delete", version, actor, reason, wait, as_json, load_connected(config))


def ordered(
    config: Config, command: str, model: str, version: int | None, actor: str | None, reason: str
) -> dict[str, Any]:
    """A new order, signed when this configuration has a key to sign with."""
    from trimtab.registry.orders import new_order

    return new_order(config, command, model, version, actor or user(), reason)


def _of_version(
    command: str, version: str, actor: str | None, reason: str, wait: float, as_json: bool, config: Config
) -> None:
    _order(command, *named(config, version), actor, reason, config, as_json, wait)


def _order(
    command: str,
    model: str,
    version: int | None,
    actor: str | None,
    reason: str,
    config: Config,
    as_json: bool,
    wait_s: float,
) -> None:
    from trimtab.errors import ConfigError
    from trimtab.kafka.clients import connect
    from trimtab.registry.orders import partition_of_orders, send_order

    if model not in config.models:
        raise ConfigError(f"no model {model!r}; the models are {', '.join(config.models)}")
    connect(config.kafka)
    where = partition_of_orders(config, model)
    record = ordered(config, command, model, version, actor, reason)
    since = end_of_audit(config, where)
    send_order(config, record, where)
    entry = answer(config, record, since, wait_s)
    tell(record, entry, as_json)


def end_of_audit(config: Config, partition: int) -> int:
    """Where the next entry about a model will be."""
    from confluent_kafka import TopicPartition

    from trimtab.kafka.clients import consumer
    from trimtab.kafka.topics import Topics

    reader = consumer(config.kafka, "trimtab-cli")
    try:
        topic = Topics(config.kafka.topic_prefix).audit
        return int(reader.get_watermark_offsets(TopicPartition(topic, partition), timeout=10)[1])
    finally:
        reader.close()


def answer(config: Config, order: dict[str, Any], since: int, wait_s: float) -> dict[str, Any] | None:
    """What the trainer said of an order; None when it has not within ``wait_s`` seconds.

    Parameters
    ----------
    since
        From :func:`end_of_audit`, before the order was sent.
    """
    from confluent_kafka import TopicPartition

    from trimtab.kafka.clients import consumer
    from trimtab.kafka.topics import Topics, partition_of

    reader, deadline = consumer(config.kafka, "trimtab-cli", fetch_wait_max_ms=50), time.monotonic() + wait_s
    where = partition_of(order["model"], config.kafka.partitions)
    try:
        topic = Topics(config.kafka.topic_prefix).audit
        # librdkafka, which knows no leader yet, would look for one only after half a second.
        reader.list_topics(topic, timeout=10)
        reader.assign([TopicPartition(topic, where, since)])
        while (left_s := deadline - time.monotonic()) > 0:
            message = reader.poll(min(left_s, 0.2))
            if message is None or message.error() is not None:
                continue
            entry: dict[str, Any] = json.loads(message.value() or b"{}")
            if entry.get("details", {}).get("order") == order["id"]:
                return entry
    finally:
        reader.close()
    return None


def tell(order: dict[str, Any], entry: dict[str, Any] | None, as_json: bool) -> None:
    """Print what came of an order; exit code 5 when it was refused."""
    from trimtab.errors import RegistryError

    version = "" if order["version"] is None else f"@{order['version']}"
    what = f"{order['command']} {order['model']}{version}"
    refused = entry is not None and entry["action"] == "refused"
    if as_json:
        outcome = None if entry is None else entry["action"]
        details = {} if entry is None else entry["details"]
        names = ("model", "version", "command", "actor")
        said = {"order": order["id"], **{name: order[name] for name in names}, "outcome": outcome, "details": details}
        typer.echo(json.dumps(said))
        raise typer.Exit(RegistryError.exit_code if refused else 0)
    if entry is None:
        typer.echo(f"{what}: ordered as {order['id']}; what came of it goes to the topic audit.")
    elif refused:
        raise RegistryError(f"{what} is refused: {entry['details'].get('reason')}")
    else:
        why = entry["details"].get("reason")
        typer.echo(f"{order['model']}{version}: {entry['action']}{f' ({why})' if why else ''}.")


def user() -> str:
    """Who runs this."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
