"""``trimtab alerts``: what fires, who is told of it, and how to hold that back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trimtab.cli.common import Actor, AsJson, ConfigPath, load, load_connected, print_table
from trimtab.cli.orders import user

if TYPE_CHECKING:
    from trimtab.config import Config
    from trimtab.delivery import Sender
    from trimtab.notices import Notice

__all__ = ["register"]

alerts = typer.Typer(no_args_is_help=True, help="Look at alerts, and say who is told of them.")
Comment = Annotated[str, typer.Option(help="Why, for those who wonder.")]
Label = Annotated[list[str] | None, typer.Argument(help="Labels, such as model=credit kind=drift.", metavar="LABEL")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.add_typer(alerts, name="alerts")


@alerts.callback()
def _group() -> None:
    """Look at alerts, and say who is told of them."""


@alerts.command("tail")
def tail(
    *,
    follow: Annotated[bool, typer.Option(help="Wait for more; else end with the topic.")] = True,
    config: ConfigPath = None,
) -> None:
    """Print every change of an alert as a JSON line, from the oldest on."""
    from trimtab.kafka.reading import read_topics
    from trimtab.kafka.topics import Topics

    loaded = _answering(config)
    for message in read_topics(loaded.kafka, [Topics(loaded.kafka.topic_prefix).alerts], follow=follow):
        value = message.value()
        if value is not None:
            typer.echo(value.decode("utf-8", "replace"))


@alerts.command("list")
def list_(
    model: Annotated[str | None, typer.Argument(help="Name of the model [default: all].")] = None,
    *,
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """List what fires, the newest first, and what becomes of it: told, silenced, inhibited or acknowledged."""
    from trimtab.cli.common import known_model
    from trimtab.roles.attention import standing

    loaded = _answering(config)
    if model is not None:
        known_model(loaded, model)
    found = [one for one in standing(loaded) if model is None or one["model"] == model]
    if as_json:
        typer.echo(json.dumps({"alerts": found}))
        return
    rows = [(one["incident"], one["severity"], one["status"], one["author"] or "", one["summary"]) for one in found]
    print_table(("incident", "severity", "status", "by", "summary"), rows, "Nothing fires.")


@alerts.command("ack")
def ack(
    incident: Annotated[str, typer.Argument(help="Incident id, from: trimtab alerts list.")],
    *,
    for_: Annotated[str | None, typer.Option("--for", help="For how long, such as 4h [default: to the end].")] = None,
    actor: Actor = None,
    comment: Comment = "",
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """Look after an incident: notices about it are not repeated; its resolve is told."""
    from trimtab import clock
    from trimtab.errors import ConfigError
    from trimtab.registry.silences import ack_record, send_attention, span_ms_of
    from trimtab.roles.attention import firing

    loaded = _answering(config)
    alert = next((one for one in firing(loaded) if one["incident"] == incident), None)
    if alert is None:
        raise ConfigError(f"incident {incident!r} does not fire; see: trimtab alerts list")
    until_ms = None if for_ is None else clock.now_ms() + span_ms_of(for_)
    record = send_attention(loaded, ack_record(alert, actor or user(), comment, until_ms))
    typer.echo(json.dumps(record) if as_json else f"{incident}: {record['author']} looks after it.")


@alerts.command("silence")
def silence(
    matcher: Annotated[list[str], typer.Argument(help="Such as model=credit or 'kind=~\"drift|quality\"'.")],
    *,
    for_: Annotated[str, typer.Option("--for", help="For how long.")] = "4h",
    actor: Actor = None,
    comment: Comment = "",
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """Hold back notices about alerts that meet all matchers."""
    from trimtab.registry.silences import matchers_of, send_attention, silence_record, span_ms_of

    matchers, span_ms = matchers_of(matcher), span_ms_of(for_)
    loaded = load_connected(config)
    record = send_attention(loaded, silence_record(matchers, span_ms, actor or user(), comment))
    typer.echo(json.dumps(record) if as_json else f"Silence {record['id']} for {for_}.")


@alerts.command("silences")
def silences(*, as_json: AsJson = False, config: ConfigPath = None) -> None:
    """List the silences that are in force or yet to come."""
    from trimtab.cli.common import time_text
    from trimtab.roles.attention import silences_of

    found = silences_of(_answering(config))
    if as_json:
        typer.echo(json.dumps({"silences": found}))
        return
    rows = [
        (one["id"], time_text(one["ends_ms"]), one["author"], ", ".join(one["shown"]), one["comment"]) for one in found
    ]
    print_table(("silence", "until", "by", "matchers", "why"), rows, "Nothing is silenced.")


@alerts.command("unsilence")
def unsilence(
    id: Annotated[str, typer.Argument(help="Id of the silence.")],
    *,
    actor: Actor = None,
    config: ConfigPath = None,
) -> None:
    """End a silence now."""
    from trimtab.errors import ConfigError
    from trimtab.registry.silences import ended_record, send_attention
    from trimtab.roles.attention import silences_of

    loaded = _answering(config)
    found = next((one for one in silences_of(loaded) if one["id"] == id), None)
    if found is None:
        raise ConfigError(f"no silence {id!r} is in force; see: trimtab alerts silences")
    send_attention(loaded, ended_record(found, actor or user()))
    typer.echo(f"Silence {id} has ended.")


@alerts.command("test-route")
def try_route(
    label: Label = None,
    *,
    send: Annotated[bool, typer.Option("--send", help="Really tell them, with a made-up alert.")] = False,
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """Say who would be told of an alert with these labels; with --send, tell them."""
    from trimtab.delivery import senders_of
    from trimtab.errors import ConfigError
    from trimtab.notices import Router

    loaded = load(config)
    labels = dict(_pair(text) for text in label or ())
    routes = Router(loaded.alerting.route).find(labels)
    if not routes:
        raise ConfigError("nobody is told of anything: give alerting.receivers and alerting.route.receiver")
    senders = senders_of(loaded.alerting)
    targets = [(route.receiver, way) for route in routes for way in loaded.alerting.receivers[route.receiver].targets]
    found = [_tried(senders, receiver, way, labels, send) for receiver, way in targets]
    if as_json:
        typer.echo(json.dumps({"labels": labels, "targets": found}))
    else:
        print_table(("receiver", "by", "outcome"), [(f["receiver"], f["route"], f["outcome"]) for f in found], "")
    if any(one["failed"] for one in found):
        raise typer.Exit(1)


def _answering(path: Path | None) -> Config:
    """The configuration, once a broker has answered."""
    from trimtab.kafka.clients import connect

    loaded = load_connected(path)
    connect(loaded.kafka)
    return loaded


def _pair(text: str) -> tuple[str, str]:
    from trimtab.errors import ConfigError

    name, sign, value = text.partition("=")
    if not sign or not name:
        raise ConfigError(f"{text!r} is no label; write NAME=VALUE, such as model=credit")
    return name, value.strip('"')


def _tried(
    senders: Mapping[str, Sender], receiver: str, way: str, labels: dict[str, str], send: bool
) -> dict[str, Any]:
    """One target, and what came of telling it."""
    from trimtab.delivery import Undelivered

    found = {"receiver": receiver, "route": way, "outcome": "would be told", "failed": False}
    if send:
        target = f"{receiver}/{way}"
        try:
            senders[target].send(_made_up(target, labels))
            found["outcome"] = "told"
        except Undelivered as error:
            found |= {"outcome": f"not told: {error}", "failed": True}
    return found


def _made_up(target: str, labels: dict[str, str]) -> Notice:
    import uuid

    from trimtab import clock
    from trimtab.notices import Notice

    now_ms, id = clock.now_ms(), uuid.uuid4().hex
    model, kind = labels.get("model", "test"), labels.get("kind", "drift")
    alert = {
        "fingerprint": id[:16],
        "incident": f"test-{id[:8]}",
        "state": "resolved",
        "model": model,
        "version": 0,
        "kind": kind,
        "feature": labels.get("feature"),
        "segment": "",
        "summary": "This is a test of trimtab alerts test-route; nothing is wrong.",
        "severity": "info",
        "raised_ms": now_ms,
        "first_raised_ms": now_ms,
        "labels": {"model": model, "kind": kind, **labels},
        "acknowledged": False,
    }
    # Resolved from the start: a test wakes nobody.
    return Notice(id, target, f"test-{id[:8]}", 1, "firing", {"model": model}, [alert], now_ms, now_ms, 60_000)
