"""Writes arrivals to the registry where nobody serves them, together with the order by which the trainer takes them in.

The trainer alone numbers versions and writes them, so an importer does not: in one transaction of its own it writes
the chunks, a record under ``<model>/imports/<order>-<v>`` and the order. The trainer then moves all versions of the
order to their places, or, if a number was given out meanwhile, removes what was staged and says so in the audit log.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import orjson
from confluent_kafka import KafkaException

from trimtab.config import Config
from trimtab.errors import KafkaError, RegistryError
from trimtab.kafka.clients import message_of, producer
from trimtab.kafka.topics import Topics, partition_of
from trimtab.profiles import Reference
from trimtab.registry.carry import Arrival, manifest_here
from trimtab.registry.publish import Publication
from trimtab.registry.records import import_key, imported_chunks_key, manifest_sha256
from trimtab.registry.signing import SIGNATURE, Signer

__all__ = ["parents_of", "stage"]

TIMEOUT_S = 60.0


def stage(
    config: Config,
    model: str,
    arrivals: Sequence[Arrival],
    snapshot: Callable[[int], bytes],
    *,
    order: Mapping[str, Any],
    imported: Mapping[str, Any],
) -> None:
    """Write arrivals and their order, all or nothing.

    Parameters
    ----------
    snapshot
        The bytes of a version by its number in the file.
    order
        The record of the topic ``commands``.
    imported
        Where they come from; see ``manifest_here``.

    Raises
    ------
    KafkaError
        Kafka did not take them; nothing was written.
    """
    kafka, signer, id = config.kafka, Signer.of(config), order["id"]
    name = f"{kafka.topic_prefix}import-{model}"
    writer = producer(kafka, name, transactional_id=name, transaction_timeout_ms=int(TIMEOUT_S * 1_000))
    try:
        writer.init_transactions(TIMEOUT_S)
        writer.begin_transaction()
        try:
            publication = Publication(kafka, writer, kafka.partitions, signer=signer)
            for arrival in arrivals:
                _stage(publication, model, arrival, snapshot(arrival.manifest["version"]), {"order": id, **imported})
            where = partition_of(model, kafka.partitions)
            writer.produce(Topics(kafka.topic_prefix).commands, orjson.dumps(order), model.encode(), where)
            writer.commit_transaction(TIMEOUT_S)
        except BaseException:
            # While it is open, no reader of the index gets past it.
            writer.flush(TIMEOUT_S)
            writer.abort_transaction(TIMEOUT_S)
            raise
    except KafkaException as error:
        raise KafkaError(f"the import was not written: {message_of(error)}; import it again") from error


def _stage(publication: Publication, model: str, arrival: Arrival, data: bytes, imported: Mapping[str, Any]) -> None:
    """Write one arrival."""
    order, number = imported["order"], arrival.number
    ref = publication.snapshot(imported_chunks_key(model, order, number), model, data)
    reference = _renamed(arrival, model, order)
    name = reference["id"] if reference is not None else ""
    manifest = manifest_here(arrival, ref, model=model, reference=name, imported=imported)
    record = {"model": model, "version": number, "manifest": manifest, "reference": reference}
    publication.index(import_key(model, order, number), record)


def parents_of(model: str, order: str, staged: Mapping[str, Mapping[str, Any]]) -> dict[int, int | None]:
    """Versions that were staged for an order, each with its parent.

    Parameters
    ----------
    staged
        The records by their keys.

    Raises
    ------
    RegistryError
        One is not what :func:`stage` writes.
    """
    found: dict[int, int | None] = {}
    for key, record in staged.items():
        manifest, version = record.get("manifest"), record.get("version")
        imported = manifest.get("imported") if isinstance(manifest, Mapping) else None
        if (
            not isinstance(manifest, Mapping)
            or not isinstance(imported, Mapping)
            or type(version) is not int
            or key != import_key(model, order, version)
            or (manifest.get("model"), manifest.get("version"), imported.get("order")) != (model, version, order)
            or manifest.get("manifest_sha256") != manifest_sha256(manifest)
            or not isinstance(manifest.get("parent"), int | None)
        ):
            raise RegistryError(f"{key}: it is damaged; import it again")
        found[version] = manifest["parent"]
    return found


def _renamed(arrival: Arrival, model: str, order: str) -> dict[str, Any] | None:
    """Its reference under an id of its own: windows that were begun against another one stay with that."""
    if arrival.reference is None:
        return None
    made = Reference.from_wire({name: value for name, value in arrival.reference.items() if name != SIGNATURE})
    return replace(made, id=f"{model}@{arrival.number}/{order[:12]}").to_wire()
