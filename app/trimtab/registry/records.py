"""What stands in the registry topic: its keys, its partitions, and the reference from an index record to its bytes.

Partition 0 is the index: small JSON records under the keys below. The bytes of snapshots lie in chunks in the other
partitions, so that a reader of the index never downloads a model that it does not want.

====================================  ===================================
key                                   value
====================================  ===================================
``<model>/versions/<v>``              manifest
``<model>/references/<v>``            reference, ``Reference.to_wire``
``<model>/aliases/champion``          alias
``<model>/pins/<v>``                  pin
``<model>/imports/<order>-<v>``       version that was imported and is not registered yet
``<model>/aliases/canary``            alias, with the share of keys it is for
``<model>/online``                    online state
``<model>/chunks/<v>/<i>``            bytes, of a version
``<model>/chunks/<order>-<v>/<i>``    bytes, of an imported one
``<model>/online/<i>``                bytes, of the online state
====================================  ===================================

Of these, aliases, the manifests that they name, and ``<model>/online`` stand in the topic ``serving``, which services
follow; the online state stands only there.

Each version has chunk keys of its own; the online state's are written again and again, and compaction keeps the last.
"""

from __future__ import annotations

import base64
import hashlib
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import orjson

from trimtab.errors import RegistryError

__all__ = [
    "INLINE_BYTES",
    "inline_bytes",
    "inline_snapshot",
    "CHUNK_BYTES",
    "INDEX_PARTITION",
    "ChunkRef",
    "SnapshotRef",
    "alias_key",
    "canary_key",
    "champion_key",
    "chunk_keys",
    "chunk_partition",
    "chunks_key",
    "import_key",
    "imported_chunks_key",
    "is_index_key",
    "manifest_sha256",
    "online_key",
    "pin_key",
    "reference_key",
    "split",
    "version_key",
]

INDEX_PARTITION: Final = 0
CHUNK_BYTES: Final = 900_000
"""Largest chunk: below Kafka's default limit for a record of 1 MiB."""


INLINE_BYTES = 16_384
"""An online state up to this size is carried by its record; larger ones would burden every reader's start."""


@dataclass(frozen=True, slots=True)
class ChunkRef:
    """Where one chunk lies in the registry topic, and its size in bytes."""

    partition: int
    offset: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class SnapshotRef:
    """Where the bytes of a snapshot lie, in order, with their SHA-256 in hexadecimal.

    Examples
    --------
    >>> ref = SnapshotRef(3, "ab", (ChunkRef(1, 7, 3),))
    >>> SnapshotRef.from_wire(ref.to_wire()) == ref
    True
    """

    size_bytes: int
    sha256: str
    chunks: tuple[ChunkRef, ...]

    def to_wire(self) -> dict[str, Any]:
        """The field ``snapshot`` of a manifest or an online state."""
        return {
            "size_bytes": self.size_bytes,
            "sha256": self.sha256,
            "chunks": [{"partition": c.partition, "offset": c.offset, "size_bytes": c.size_bytes} for c in self.chunks],
        }

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_wire` wrote.

        Raises
        ------
        RegistryError
            If a field is missing or of another type, or the sizes do not add up.
        """
        try:
            chunks = tuple(ChunkRef(*(_whole(c, name) for name in _CHUNK_FIELDS)) for c in wire["chunks"])
            ref = cls(_whole(wire, "size_bytes"), wire["sha256"], chunks)
        except (KeyError, TypeError, ValueError) as error:
            raise RegistryError(
                f"registry: a snapshot reference is damaged ({type(error).__name__}: {error}); publish it again"
            ) from error
        if not isinstance(ref.sha256, str) or sum(c.size_bytes for c in chunks) != ref.size_bytes or not chunks:
            raise RegistryError(
                f"registry: a snapshot reference is damaged ({len(chunks)} chunks do not make "
                f"{ref.size_bytes} bytes); publish it again"
            )
        return ref


def inline_snapshot(data: bytes) -> dict[str, Any]:
    """The field ``snapshot`` of an online state small enough to carry its own bytes.

    Examples
    --------
    >>> inline_bytes(inline_snapshot(b"model"))
    b'model'
    """
    return {
        "size_bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "chunks": [],
        "inline": base64.b64encode(data).decode(),
    }


def inline_bytes(wire: Mapping[str, Any]) -> bytes | None:
    """The bytes that a record carries itself, None when they lie in chunks; raises RegistryError."""
    text = wire.get("inline")
    if text is None:
        return None
    try:
        data = base64.b64decode(text, validate=True)
    except (TypeError, ValueError) as error:
        raise RegistryError(f"registry: inline bytes are damaged ({error}); publish the state again") from error
    if hashlib.sha256(data).hexdigest() != wire.get("sha256"):
        raise RegistryError("registry: inline bytes do not have the recorded SHA-256; publish the state again")
    return data


_ORDER = re.compile(r"[0-9a-f]{32}")
_CHUNK_FIELDS = ("partition", "offset", "size_bytes")


def _whole(wire: Mapping[str, Any], name: str) -> int:
    value = wire[name]
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"{name} must be a whole number from 0, not {value!r}")
    return value


def version_key(model: str, version: int) -> str:
    """Index key of a version's manifest."""
    return f"{model}/versions/{version}"


def manifest_sha256(manifest: Mapping[str, Any]) -> str:
    """SHA-256, in hexadecimal, of a manifest without the field that holds it and without its signature.

    The order of its fields does not matter.

    Examples
    --------
    >>> manifest_sha256({"model": "m", "version": 1}) == manifest_sha256(
    ...     {"version": 1, "model": "m", "manifest_sha256": "ab"})
    True
    """
    rest = {name: value for name, value in manifest.items() if name not in ("manifest_sha256", "signature")}
    return hashlib.sha256(orjson.dumps(rest, option=orjson.OPT_SORT_KEYS)).hexdigest()


def reference_key(model: str, version: int) -> str:
    """Index key of the reference made with a version."""
    return f"{model}/references/{version}"


def alias_key(model: str, name: str) -> str:
    """Index key of an alias: which version its name stands for."""
    return f"{model}/aliases/{name}"


def champion_key(model: str) -> str:
    """Index key of the alias ``champion``.

    Examples
    --------
    >>> champion_key("credit")
    'credit/aliases/champion'
    """
    return alias_key(model, "champion")


def canary_key(model: str) -> str:
    """Index key of the alias ``canary``: a version that is served for a share of the keys."""
    return alias_key(model, "canary")


def online_key(model: str) -> str:
    """Index key of the online state; also the prefix of its chunks' keys."""
    return f"{model}/online"


def chunks_key(model: str, version: int) -> str:
    """Prefix of the keys of a version's chunks."""
    return f"{model}/chunks/{version}"


def pin_key(model: str, version: int) -> str:
    """Index key of the record that keeps a version."""
    return f"{model}/pins/{version}"


def import_key(model: str, order: str, version: int) -> str:
    """Index key of an imported version until the trainer registers it; ``order`` is the id of the order."""
    return f"{model}/imports/{order}-{version}"


def imported_chunks_key(model: str, order: str, version: int) -> str:
    """Prefix of the keys of an imported version's chunks: the trainer may be publishing one of the same number."""
    return f"{model}/chunks/{order}-{version}"


def chunk_keys(model: str, manifest: Mapping[str, Any]) -> list[str]:
    """Keys of all chunks of a version, to delete them; of a damaged manifest none.

    Examples
    --------
    >>> chunk_keys("credit", {"version": 7, "snapshot": {"chunks": [{}, {}]}})
    ['credit/chunks/7/0', 'credit/chunks/7/1']
    """
    snapshot, imported, version = manifest.get("snapshot"), manifest.get("imported"), manifest.get("version")
    chunks = snapshot.get("chunks") if isinstance(snapshot, Mapping) else None
    if not isinstance(chunks, list) or not isinstance(version, int):
        return []
    prefix = chunks_key(model, version)
    if imported is not None:
        order = imported.get("order") if isinstance(imported, Mapping) else None
        # Whatever a record says, keys of other versions' chunks do not come of it.
        if not isinstance(order, str) or not _ORDER.fullmatch(order):
            return []
        prefix = imported_chunks_key(model, order, version)
    return [f"{prefix}/{number}" for number in range(len(chunks))]


def is_index_key(key: str) -> bool:
    """Whether a key names an index record; in a topic of one partition chunks lie beside them.

    Examples
    --------
    >>> is_index_key("credit/online"), is_index_key("credit/online/0"), is_index_key("credit/chunks/7/0")
    (True, False, False)
    """
    parts = key.split("/")
    kind = parts[1] if len(parts) > 1 else ""
    if kind == "online":
        return len(parts) == 2
    return len(parts) == 3 and kind in ("versions", "references", "aliases", "pins", "imports")


def chunk_partition(model: str, partitions: int) -> int:
    """Partition of a model's chunks in a registry topic of ``partitions``.

    Examples
    --------
    >>> chunk_partition("credit", 4), chunk_partition("credit", 1)
    (1, 0)
    """
    if partitions == 1:
        return INDEX_PARTITION
    return 1 + zlib.crc32(model.encode()) % (partitions - 1)


def split(data: bytes, size_bytes: int = CHUNK_BYTES) -> Iterator[bytes]:
    """The chunks of a snapshot; an empty one has none.

    Examples
    --------
    >>> list(split(b"abcde", 2))
    [b'ab', b'cd', b'e']
    """
    for start in range(0, len(data), size_bytes):
        yield data[start : start + size_bytes]
