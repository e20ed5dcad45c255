"""The two sides of a comparison: a version in the registry, or a folder that was exported."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from trimtab.config import Config, DriftSpec, ModelConfig
from trimtab.dataset.export import MANIFEST, RECORDS, chain_of
from trimtab.dataset.files import hashes_of
from trimtab.dataset.records import read_records
from trimtab.dataset.summary import Summary
from trimtab.errors import ConfigError
from trimtab.registry.index import RegistryIndex
from trimtab.training import LearntRange, read_batch
from trimtab.verification import Damaged, Source, from_kafka, read_batches, same_records

__all__ = ["is_exported", "summary_of_folder", "summary_of_version"]


def is_exported(text: str) -> bool:
    """Whether an argument names a folder that was exported."""
    return (Path(text) / MANIFEST).is_file()


def summary_of_version(
    config: Config,
    index: RegistryIndex,
    model: str,
    version: int,
    source: Source | None,
    tell: Callable[[int], None] = lambda examples: None,
) -> tuple[Summary, DriftSpec]:
    """What a version learnt, with the drift settings that it was made with; raises as an export does."""
    [manifest] = chain_of(config, index, model, version, from_scratch=False)
    found, seen = Summary(f"{model}@{version}", manifest.topic, manifest.partition), LearntRange()
    for record, batch in read_batches(source or from_kafka(config.kafka, model), manifest, manifest.learnt.last):
        seen.extend(batch)
        found.add(record.offset, batch.examples)
        tell(found.rows)
    same_records(manifest, seen)
    return found, manifest.config.drift


def summary_of_folder(folder: Path) -> tuple[Summary, DriftSpec]:
    """What was exported into a folder, with the drift settings of its version.

    Raises
    ------
    ConfigError
        Its manifest cannot be read.
    Damaged
        Its records are not those that the manifest names.
    """
    wire = _manifest(folder)
    path = folder / RECORDS
    try:
        name, topic, partition = f"{wire['model']}@{wire['version']}", wire["topic"], wire["partition"]
        said, text = wire["files"][RECORDS]["sha256"], wire["manifests"][0].get("config")
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise ConfigError(f"{folder / MANIFEST}: a field is missing ({type(error).__name__}: {error})") from error
    try:
        found = hashes_of(path).sha256
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; export it again") from error
    if found != said:
        raise Damaged(f"{path}: its SHA-256 is {found[:16]}…, {MANIFEST} says {str(said)[:16]}…; export it again")
    summary = Summary(f"{name} in {folder}", topic, partition)
    for record in read_records(path):
        summary.add(record.offset, read_batch(record.offset, record.value).examples)
    return summary, ModelConfig.model_validate_json(text).drift if text else DriftSpec()


def _manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    try:
        found = orjson.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: cannot be read ({error}); export it again") from error
    if not isinstance(found, dict):
        raise ConfigError(f"{path}: it is no manifest of an export; export it again")
    return found
