"""``trimtab registry`` and ``trimtab verify``: which versions there are, and whether they can be made again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trimtab.cli import carrying, orders
from trimtab.cli.common import (
    AsJson,
    ConfigPath,
    known_model,
    load_connected,
    progress,
    registry_index,
    time_text,
)
from trimtab.cli.common import print_table as _table
from trimtab.cli.dataset import ArchivePath, source_of

if TYPE_CHECKING:
    from trimtab.config import Config
    from trimtab.registry.index import RegistryIndex
    from trimtab.verification import Verdict

__all__ = ["register"]

registry = typer.Typer(no_args_is_help=True, help="Look at versions, and change which one is served.")

Named = Annotated[str, typer.Argument(help="A version, such as credit@7.", metavar="MODEL@V")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.add_typer(registry, name="registry")
    app.command()(verify)
    registry.command("approve")(orders.approve)
    registry.command("rollback")(orders.rollback)
    registry.command("promote")(orders.promote)
    registry.command("pin")(orders.pin)
    registry.command("unpin")(orders.unpin)
    registry.command("delete")(orders.delete)
    registry.command("export")(carrying.export)
    registry.command("import")(carrying.import_)


@registry.command("list")
def list_(
    model: Annotated[str | None, typer.Argument(help="Name of the model [default: all].")] = None,
    *,
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """List the versions, each with its status."""
    from trimtab.registry.overview import version_rows

    loaded = load_connected(config)
    names = sorted(loaded.models) if model is None else [known_model(loaded, model)]
    with registry_index(loaded) as index:
        rows = [
            row
            for name in names
            for row in version_rows(
                index.versions(name), _champion(index, name), index.pinned(name), index.alias(name, "canary")
            )
        ]
    if as_json:
        typer.echo(json.dumps({"versions": rows}))
        return
    columns = ("model", "version", "status", "pinned", "parent", "candidate", "trigger", "examples", "size", "created")
    _table(columns, [_row(row) for row in rows], "There is no version yet.")


@registry.command("show")
def show(version: Named, *, as_json: AsJson = False, config: ConfigPath = None) -> None:
    """Print all that is known of a version: its manifest and status."""
    from trimtab.registry.overview import status_of

    loaded = load_connected(config)
    with registry_index(loaded) as index:
        model, number = _which(loaded, index, version)
        manifest = _manifest(index, model, number)
        imported, proposed = bool(manifest.get("imported")), index.alias(model, "canary")
        status = status_of(number, _champion(index, model), imported=imported, proposed=proposed)
        pinned = number in index.pinned(model)
    settings = json.loads(manifest["config"]) if manifest.get("config") else None
    found = {**manifest, "status": status, "pinned": pinned, "config": settings}
    if as_json:
        typer.echo(json.dumps(found))
        return
    for name, value in found.items():
        typer.echo(f"{name}: {json.dumps(value) if isinstance(value, dict | list) else value}")


@registry.command("history")
def history(
    model: Annotated[str, typer.Argument(help="Name of the model.")],
    *,
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """Tell what happened to a model's versions, from the audit log."""
    from trimtab.kafka.clients import connect
    from trimtab.registry.audit_log import read_audit

    loaded = load_connected(config)
    known_model(loaded, model)
    connect(loaded.kafka)
    entries = [dict(entry.record) for entry in read_audit(loaded.kafka, model) if entry.record is not None]
    if as_json:
        typer.echo(json.dumps({"model": model, "entries": entries}))
        return
    columns = ("time", "action", "version", "trigger", "actor", "incident", "details")
    _table(columns, [_entry(entry) for entry in entries], f"Nothing is in the audit log about {model}.")


@registry.command("diff")
def diff(left: Named, right: Named, *, as_json: AsJson = False, config: ConfigPath = None) -> None:
    """Show in what two versions differ: metrics, settings, training data, code and environment."""
    from trimtab.registry.overview import differences

    loaded = load_connected(config)
    with registry_index(loaded) as index:
        sides = [_manifest(index, *_which(loaded, index, one)) for one in (left, right)]
    found = differences(*sides)
    if as_json:
        parts = {name: {"left": values[0], "right": values[1]} for name, values in found.items()}
        typer.echo(json.dumps({"left": left, "right": right, "differences": parts}))
        return
    rows = [(name, *(json.dumps(value) for value in values)) for name, values in found.items()]
    _table(("what", left, right), rows, f"{left} and {right} differ in nothing but their state.")


def verify(
    version: Named,
    *,
    from_scratch: Annotated[
        bool, typer.Option("--from-scratch", help="Learn the whole chain of parents again.")
    ] = False,
    in_environment: Annotated[
        bool, typer.Option("--in-environment", help="First build the recorded versions of Python, River and NumPy.")
    ] = False,
    archive: ArchivePath = None,
    record: Annotated[bool, typer.Option(help="Tell the audit log what came of it.")] = True,
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """Learn a version again from the recorded events, and compare bit for bit; exit code 1 unless it is reproduced."""
    from trimtab.verification import verify as verified

    loaded = load_connected(config)
    with registry_index(loaded) as index, progress("learning again", "examples") as tell:
        model, number = _which(loaded, index, version)
        if in_environment:
            manifest = _manifest(index, model, number)
            raise typer.Exit(_verify_there(loaded, manifest, from_scratch, archive, record, as_json, config))
        source = source_of(loaded, model, archive)
        found = verified(loaded, index, model, number, from_scratch=from_scratch, source=source, tell=tell)
    if record:
        _record(loaded, found)
    typer.echo(json.dumps(_wire(found)) if as_json else _sentence(found))
    raise typer.Exit(0 if found.verdict == "reproduced" else 1)


def _record(config: Config, found: Verdict) -> None:
    """An entry of the audit log; without the right to write one, the verdict is as good."""
    import orjson

    from trimtab import clock
    from trimtab.cli.orders import user
    from trimtab.errors import KafkaError
    from trimtab.kafka.topics import Topics, partition_of
    from trimtab.registry.audit import Chain, entry_of
    from trimtab.registry.signing import Signer
    from trimtab.roles.entries import Records, write_with_entry

    model, kafka = found.model, config.kafka
    details: dict[str, float | str] = {"verdict": found.verdict, "examples": float(found.examples)}
    if found.first_difference is not None:
        details["first_difference"] = found.first_difference
    action = "verified" if found.verdict == "reproduced" else "verify_failed"
    entry = entry_of(model, action, user(), clock.now_ms(), details, version=found.version)

    def make(chain: Chain) -> Records:
        sealed = orjson.dumps(chain.sealed(entry, Signer.of(config)))
        topic, number = Topics(kafka.topic_prefix).audit, partition_of(model, kafka.partitions)
        return [(topic, model.encode(), sealed, number)]

    try:
        write_with_entry(kafka, model, make)
    except KafkaError as error:
        typer.echo(f"trimtab: warning: {error}; --no-record leaves it out", err=True)


def _verify_there(
    config: Config,
    manifest: dict[str, Any],
    from_scratch: bool,
    archive: Path | None,
    record: bool,
    as_json: bool,
    path: Path | None,
) -> int:
    """Verify in an environment with the recorded versions; returns the exit code."""
    import tempfile

    from trimtab.verification.environment import build_environment, run_in

    options = [*(["--from-scratch"] if from_scratch else []), *(["--json"] if as_json else [])]
    options += [] if record else ["--no-record"]
    if path is not None:
        options += ["--config", str(path)]
    if archive is not None:
        options += ["--archive", str(archive)]
    # The embedded broker is found here, whatever its folder is called there.
    servers = config.kafka.bootstrap_servers or ""
    with tempfile.TemporaryDirectory(prefix="trimtab-environment-") as folder:
        python = build_environment(Path(folder), manifest["environment"], lambda text: typer.echo(text, err=True))
        done = run_in(python, ["verify", f"{manifest['model']}@{manifest['version']}", *options], servers)
    typer.echo(done.stdout, nl=False)
    return done.returncode


def _wire(found: Verdict) -> dict[str, Any]:
    return {
        "model": found.model,
        "version": found.version,
        "verdict": found.verdict,
        "first_difference": found.first_difference,
        "examples": found.examples,
        "seconds": found.seconds,
        "environment": {name: {"recorded": was, "here": now} for name, (was, now) in found.environment.items()},
        "replayed": list(found.replayed),
    }


def _sentence(found: Verdict) -> str:
    said = {
        "reproduced": "is reproduced, bit for bit",
        "differs": "differs",
        "not_rebuildable": "can no longer be rebuilt",
        "other_environment": "differs, in another environment",
    }[found.verdict]
    lines = [f"{found.model}@{found.version} {said}: {found.examples:,} examples in {found.seconds:.1f} s."]
    if found.first_difference is not None:
        lines.append(f"  {found.first_difference}")
    lines += [
        f"  {name}: {was or 'unknown'} then, {now or 'none'} here" for name, (was, now) in found.environment.items()
    ]
    return "\n".join(lines)


def _which(config: Config, index: RegistryIndex, named: str) -> tuple[str, int]:
    """Model and version of ``credit@7``; the champion of ``credit``."""
    from trimtab.errors import ConfigError

    model, at, number = named.rpartition("@") if "@" in named else (named, "", "")
    known_model(config, model)
    if at and not (number.isascii() and number.isdigit()):
        raise ConfigError(f"{named!r} is no version; write MODEL@V, such as {model}@1")
    champion = _champion(index, model)
    if not at and champion is None:
        raise ConfigError(f"{model} has no champion yet; write MODEL@V")
    return model, int(number) if at else champion or 0


def _champion(index: RegistryIndex, model: str) -> int | None:
    alias = index.champion(model)
    return None if alias is None else int(alias["version"])


def _manifest(index: RegistryIndex, model: str, version: int) -> dict[str, Any]:
    from trimtab.errors import ConfigError

    found = index.manifest(model, version)
    if found is None:
        known = ", ".join(str(manifest["version"]) for manifest in index.versions(model)) or "none"
        raise ConfigError(f"{model} has no version {version}; there are: {known}")
    return dict(found)


def _row(row: dict[str, Any]) -> tuple[str, ...]:
    size = f"{row['size_bytes'] / 1_000:,.1f} kB"
    parent = "" if row["parent"] is None else str(row["parent"])
    pinned = "pinned" if row["pinned"] else ""
    texts = (row["model"], str(row["version"]), row["status"], pinned, parent, row["candidate"], row["trigger"])
    return (*texts, f"{row['examples']:,}", size, time_text(row["created_ms"]))


def _entry(entry: dict[str, Any]) -> tuple[str, ...]:
    from trimtab.registry.told import details_text

    version = "" if entry.get("version") is None else str(entry["version"])
    incident = (entry.get("incident") or "")[:12]
    return (
        time_text(entry["time_ms"]),
        entry["action"],
        version,
        entry["trigger"],
        entry["actor"],
        incident,
        details_text(entry),
    )
