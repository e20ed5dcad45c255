"""``trimtab audit``: who or what changed a model, when and why; and whether the log was changed since."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trimtab.cli.common import AsJson, ConfigPath, known_model, load_connected, time_text

if TYPE_CHECKING:
    from trimtab.config import Config
    from trimtab.registry.audit import Fault, Head

__all__ = ["register"]

_FAULTY = 1


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(audit)


def audit(
    what: Annotated[str, typer.Argument(metavar="MODEL|verify", help="A model, whose story is told; or verify.")],
    model: Annotated[str | None, typer.Argument(help="With verify: one model [default: all].")] = None,
    *,
    incident: Annotated[str | None, typer.Option(help="Only what belongs to this incident.")] = None,
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """Tell the story of a model; or, with verify, find every change and gap in the log. Exit code 1 if there is one."""
    from trimtab.kafka.clients import connect

    loaded = load_connected(config)
    name = model if what == "verify" else what
    if name is not None:
        known_model(loaded, name)
    connect(loaded.kafka)
    if what == "verify":
        _verify(loaded, name, as_json)
    else:
        _tell(loaded, what, incident, as_json)


def _tell(config: Config, model: str, incident: str | None, as_json: bool) -> None:
    from trimtab.registry.audit_log import read_audit

    entries = [dict(entry.record) for entry in read_audit(config.kafka, model) if entry.record is not None]
    # Another writer's clock may be off by a little, a writer's own order is its chain's.
    entries.sort(key=lambda entry: int(entry.get("time_ms") or 0))
    if incident is not None:
        entries = [entry for entry in entries if (entry.get("incident") or "").startswith(incident)]
    if as_json:
        typer.echo(json.dumps({"model": model, "entries": entries}))
        return
    if not entries:
        typer.echo(f"Nothing is in the audit log about {model}{f' and incident {incident}' if incident else ''}.")
    last = None
    for entry in entries:
        if entry.get("incident") and entry["incident"] != last:
            typer.echo(f"-- incident {entry['incident']}")
        last = entry.get("incident") or last
        typer.echo("\n".join(_lines(entry)))


def _lines(entry: dict[str, Any]) -> list[str]:
    """One entry for people: a sentence, then its evidence."""
    from trimtab.registry.told import details_text, subject_of

    by = "" if entry["actor"] in ("trainer", "monitor") else f", ordered by {entry['actor']}"
    when = f"{time_text(entry['time_ms'])}  {subject_of(entry)}"
    stood = f"; examples to offset {entry['offset']}" if entry["offset"] >= 0 else ""
    first = f"{when} ({entry['trigger']}{by}{stood})"
    details = details_text(entry)
    return [first, *([f"    {details}"] if details else [])]


def _verify(config: Config, model: str | None, as_json: bool) -> None:
    from trimtab.registry.audit import check
    from trimtab.registry.audit_log import read_audit
    from trimtab.registry.signing import Trust

    names = list(config.models) if model is None else [model]
    heads = _heads(config, names)
    entries = list(read_audit(config.kafka, model))
    chained = sum(bool(entry.record and entry.record.get("sequence")) for entry in entries)
    faults = list(check(entries, trust=Trust.of(config), heads=heads))
    if as_json:
        said = [{name: getattr(fault, name) for name in fault.__slots__} for fault in faults]
        typer.echo(json.dumps({"entries": len(entries), "chained": chained, "intact": not faults, "faults": said}))
    else:
        for fault in faults:
            typer.echo(_fault_line(config, fault))
        earlier = f", {len(entries) - chained} of earlier releases in no chain" if chained < len(entries) else ""
        found = f"{len(faults)} faults" if faults else "nothing was changed, and nothing is missing"
        typer.echo(f"{len(entries)} entries{earlier}: {found}.")
    if faults:
        raise typer.Exit(_FAULTY)


def _fault_line(config: Config, fault: Fault) -> str:
    from trimtab.kafka.topics import Topics

    topic = Topics(config.kafka.topic_prefix).audit
    where = f"{topic}[{fault.partition}] offset {fault.offset}" if fault.offset >= 0 else topic
    return f"{where}: {fault.model}, chain of {fault.writer or 'nobody'}: {fault.what}"


def _heads(config: Config, models: list[str]) -> dict[tuple[str, str], Head]:
    """How far each trainer's chain goes, from its checkpoint; read before the log, which only grows."""
    from trimtab.kafka.tables import read_table
    from trimtab.kafka.topics import Topics, partition_of
    from trimtab.registry.audit import Head

    topic, found = Topics(config.kafka.topic_prefix).state, {}
    for partition in {partition_of(model, config.kafka.partitions) for model in models}:
        table = read_table(config.kafka, topic, partition)
        for model in models:
            record = json.loads(table.get(f"trainer/{model}", b"{}"))
            head = (record.get("standing") or {}).get("audit")
            if head:
                found[model, "trainer"] = Head(*head)
    return found
