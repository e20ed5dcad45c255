"""Orders from the topic ``commands``: read, looked up in the registry, and given to the state machine that decides.

Whatever a version's bytes are, they are checked as a service checks them before the state machine gets a model; what
fails is a refusal in the audit log, and the trainer goes on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import orjson

from trimtab.config import Config
from trimtab.errors import RegistryError
from trimtab.events import EventError, Reason
from trimtab.registry.digest import state_digest
from trimtab.registry.fetch import ChunkReader
from trimtab.registry.index import RegistryIndex
from trimtab.registry.loading import load_recorded
from trimtab.registry.records import import_key, manifest_sha256, version_key
from trimtab.registry.signing import SIGNATURE, TRUSTING, SignatureRefused, Trust
from trimtab.registry.staging import parents_of
from trimtab.training import Decision, Trainer, Trigger
from trimtab.training.orders import MOST_VERSION, Order, approve, delete, import_, not_to_promote, pin, promote, refused

__all__ = ["COMMANDS", "Found", "Ordered", "Shelf", "decide", "order_of"]

log = logging.getLogger("trimtab.trainer")

# Command: whether it names a version (None: it may).
COMMANDS: Final[Mapping[str, bool | None]] = {
    "retrain": False,
    "approve": None,
    "rollback": None,
    "promote": True,
    "pin": True,
    "unpin": True,
    "delete": True,
    "import": True,
}
_INDEX_S = 60.0


class Ordered(NamedTuple):
    """An order, and the model that it is for."""

    model: str
    order: Order


@dataclass(frozen=True, slots=True)
class Found:
    """What an order needs of the registry.

    Parameters
    ----------
    model
        From the version's snapshot.
    manifest_sha256
        Of the version, for the alias.
    staged
        What an importer wrote, by key.
    parents
        Its versions, each with its parent.
    refused
        Why it cannot be carried out.
    """

    model: Any = None
    manifest_sha256: str = ""
    staged: Mapping[str, Any] = field(default_factory=dict)
    parents: Mapping[int, int | None] = field(default_factory=dict)
    refused: str = ""


def order_of(value: bytes | None, config: Config, trust: Trust = TRUSTING) -> Ordered:
    """Read a record of the topic ``commands``; raises EventError, also when it is signed and the signature is wrong."""
    try:
        record = orjson.loads(value or b"")
        id, name, command, actor = record["id"], record["model"], record["command"], record["actor"]
        version, reason = record.get("version"), record.get("reason") or ""
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise EventError(Reason.MALFORMED, f"not a command: {error}; see schemas/command.avsc") from error
    if not isinstance(name, str) or name not in config.models:
        raise EventError(Reason.UNKNOWN_MODEL, f"model {name!r} is not configured")
    if not isinstance(command, str) or command not in COMMANDS:
        raise EventError(Reason.WRONG_TYPE, f"command {command!r} is not one of {', '.join(COMMANDS)}")
    if not isinstance(id, str) or not id:
        raise EventError(Reason.MISSING_FIELD, "id is missing: give each command one of its own")
    if not isinstance(actor, str) or not actor:
        raise EventError(Reason.MISSING_FIELD, "actor is missing: say who orders this")
    if not isinstance(reason, str):
        raise EventError(Reason.WRONG_TYPE, "reason must be text")
    _check_version(command, version)
    return Ordered(name, Order(id, command, version or 0, actor, reason, _signed_by(name, record, trust)))


def _signed_by(model: str, record: Mapping[str, Any], trust: Trust) -> str:
    """The key whose signature fits; empty when it is not signed, or by a key that is not known here."""
    signature = record.get(SIGNATURE)
    if signature is None:
        return ""
    try:
        trust.check("commands", model, record)
    except SignatureRefused as refused:
        raise EventError(Reason.UNTRUSTED, str(refused)) from refused
    id = str(signature["key_id"])
    return id if id in trust.keys else ""


def _check_version(command: str, version: Any) -> None:
    wanted = COMMANDS[command]
    if version is None and wanted:
        raise EventError(Reason.MISSING_FIELD, f"version is missing: {command} is of one version")
    if version is not None and wanted is False:
        raise EventError(Reason.WRONG_TYPE, f"{command} takes no version")
    # A boolean is an int in Python.
    if version is not None and (type(version) is not int or not 1 <= version <= MOST_VERSION):
        raise EventError(Reason.WRONG_TYPE, f"version must be a whole number from 1 to {MOST_VERSION}, not {version!r}")


def decide(trainer: Trainer, order: Order, found: Found) -> list[Decision]:
    """What the state machine makes of an order."""
    match order.command:
        case "retrain":
            decided = trainer.on_trigger(Trigger("command", None, order.actor), order.details)
        case "approve":
            decided = approve(trainer, order)
        case "rollback" if not order.version:
            decided = trainer.on_rollback(order.actor, order.details)
        case "import":
            decided = import_(trainer, order, found.parents, found.staged, found.refused)
        case "pin" | "unpin":
            decided = pin(trainer, order)
        case "delete":
            decided = delete(trainer, order)
        case _:
            decided = refused(order, found.refused) if found.refused else promote(trainer, order, found.model)
    return decided


class Shelf:
    """Reads from the registry what orders are about, in a thread of its own while the models learn on."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._trust = Trust.of(config)

    async def look_up(self, trainer: Trainer, order: Order) -> Found:
        """What an order needs; raises KafkaError when Kafka is away."""
        kind: Callable[[RegistryIndex, Trainer, Order], Found]
        if order.command == "import":
            kind = self._staged
        elif order.command in ("promote", "rollback") and order.version:
            kind = self._version
        else:
            return Found()
        if kind == self._version and (why := not_to_promote(trainer, order)) is not None:
            return Found(refused=why)
        return await asyncio.get_running_loop().run_in_executor(None, self._with_index, kind, trainer, order)

    def _with_index(
        self, kind: Callable[[RegistryIndex, Trainer, Order], Found], trainer: Trainer, order: Order
    ) -> Found:
        index = RegistryIndex(self._config.kafka, "trimtab-trainer-orders", self._trust)
        index.start(_INDEX_S)
        try:
            return kind(index, trainer, order)
        except RegistryError as error:
            log.error("%s: %s %s is refused: %s", trainer.name, order.command, order.version, error)
            return Found(refused=str(error))
        finally:
            index.close()

    def _version(self, index: RegistryIndex, trainer: Trainer, order: Order) -> Found:
        """The model of a version, after every check."""
        key = version_key(trainer.name, order.version)
        refusal = index.refusal(key)
        if refusal is not None:
            raise refusal
        manifest = index.manifest(trainer.name, order.version)
        if manifest is None:
            raise RegistryError(f"{key}: it is not in the registry; import it, or name another version")
        _whole(key, manifest, trainer, order.version)
        reader = ChunkReader(self._config.kafka, "trimtab-trainer-orders-chunks")
        try:
            model = load_recorded(
                key,
                manifest,
                trust=self._trust,
                max_bytes=trainer.config.gates.max_snapshot_bytes,
                fetch=reader.read,
                admit=trainer.config.admit,
            )
        finally:
            reader.close()
        # With another digest, what learns on from here could never be verified.
        if manifest.get("state_digest") and state_digest(model) != manifest["state_digest"]:
            raise RegistryError(f"{key}: its state's digest is not the one in its manifest; promote another version")
        return Found(model, manifest_sha256(manifest))

    def _staged(self, index: RegistryIndex, trainer: Trainer, order: Order) -> Found:
        """What an importer wrote for an order; also what is refused, to be removed."""
        staged = index.staged(trainer.name, order.id)
        try:
            refusal = index.refusal(import_key(trainer.name, order.id, order.version))
            if refusal is not None:
                raise refusal
            return Found(staged=staged, parents=parents_of(trainer.name, order.id, staged))
        except RegistryError as error:
            return Found(staged=staged, refused=str(error))


def _whole(key: str, manifest: Mapping[str, Any], trainer: Trainer, version: int) -> None:
    """Refuse a manifest that is not of this version and task, or was changed."""
    if (manifest.get("model"), manifest.get("version")) != (trainer.name, version):
        raise RegistryError(f"{key}: its manifest is of {manifest.get('model')}@{manifest.get('version')}")
    if manifest.get("manifest_sha256") and manifest["manifest_sha256"] != manifest_sha256(manifest):
        raise RegistryError(f"{key}: its manifest does not have its SHA-256; it was changed")
    try:
        task = orjson.loads(manifest["config"])["task"] if manifest.get("config") else trainer.config.task
    except (ValueError, KeyError, TypeError) as error:
        raise RegistryError(f"{key}: the configuration in its manifest is damaged ({error})") from error
    if task != trainer.config.task:
        raise RegistryError(f"{key}: it is for task {task!r}, and the model is configured for {trainer.config.task!r}")
