"""From a record of the registry to the model that it names: every check, in order, before anything is believed.

1. **size**: what the record says, and what it carries itself, against the cap; nothing is fetched or decoded before;
2. **signature** of the record, which names the snapshot's SHA-256;
3. **hash** of the bytes;
4. **format version**, and
5. the **allow-list** of the unpickler (both in ``snapshot``); then, that it is a model at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from trimtab.errors import RegistryError
from trimtab.registry.records import SnapshotRef, inline_bytes
from trimtab.registry.signing import Trust
from trimtab.registry.snapshot import load

__all__ = ["load_recorded"]


def load_recorded(
    key: str,
    record: Mapping[str, Any],
    *,
    trust: Trust,
    max_bytes: int,
    fetch: Callable[[SnapshotRef], bytes],
    admit: Iterable[str] = (),
) -> Any:
    """Return the model of a manifest or an online state, or refuse it.

    Parameters
    ----------
    key, record
        As they stand in the registry.
    max_bytes
        The cap, in bytes (``gates.max_snapshot_bytes``).
    fetch
        Reads the chunks; called only for what is small enough and signed as it has to be.
    admit
        Further classes, ``package.module:Name`` (``models.<name>.admit``).

    Raises
    ------
    RegistryError
        Any check failed; SignatureRefused and SnapshotRefused are kinds of it.
    KafkaError
        As ``fetch`` does.
    """
    wire = record.get("snapshot")
    if not isinstance(wire, Mapping):
        raise RegistryError(f"{key}: it names no snapshot; publish it again")
    _within(key, wire, max_bytes)
    trust.check("registry", key, record)
    data = inline_bytes(wire)
    if data is None:
        ref = SnapshotRef.from_wire(wire)
        model = load(fetch(ref), max_bytes=max_bytes, sha256=ref.sha256, admit=admit)
    else:
        model = load(data, max_bytes=max_bytes, sha256=wire["sha256"], admit=admit)
    # Asked of the class: an attribute of the object comes from the data.
    if not all(callable(getattr(type(model), name, None)) for name in ("learn_one", "predict_one")):
        raise RegistryError(f"{key}: it holds a {type(model).__name__}, which is no model; publish it again")
    return model


def _within(key: str, wire: Mapping[str, Any], max_bytes: int) -> None:
    said, text = wire.get("size_bytes"), wire.get("inline")
    # Base64 has four characters for three bytes, of which the last two may be padding.
    carried = len(text) // 4 * 3 - 2 if isinstance(text, str) else 0
    size_bytes = max(carried, said if isinstance(said, int) else 0)
    if size_bytes > max_bytes:
        raise RegistryError(
            f"{key}: {size_bytes} bytes are more than the cap of {max_bytes}; "
            "raise models.<name>.gates.max_snapshot_bytes if the model should be this large"
        )
