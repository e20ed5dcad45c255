"""The chain of the audit log: every entry holds the hash of the one before it by the same writer about the same model.

::

    sequence 1 ──sha256──► previous_sha256 of sequence 2 ──sha256──► ...

So an entry that is changed, removed or put in between does not fit. Who can rewrite the whole log could make another
chain; signatures (``registry.keys``) are against that. Each model has a chain of its trainer, one of its monitor and
one of the command line: no two processes write one chain.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import orjson

from trimtab.registry.signing import SIGNATURE, TRUSTING, UNSIGNED, SignatureRefused, Signer, Trust

__all__ = ["Chain", "Entry", "Fault", "Head", "check", "entry_of", "entry_sha256", "heads_of"]

Record = Mapping[str, Any]

_HASH: Final = "sha256"


class Head(NamedTuple):
    """The last entry of a chain: its number and hash."""

    sequence: int = 0
    sha256: str = ""


class Entry(NamedTuple):
    """A record of the audit log, and its place; ``record`` is None when it is no JSON object."""

    partition: int
    offset: int
    record: Record | None


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that does not fit, at one place of the log."""

    model: str
    writer: str
    partition: int
    offset: int
    what: str


def entry_of(
    model: str,
    action: str,
    actor: str,
    time_ms: int,
    details: Record,
    *,
    trigger: str = "command",
    version: int | None = None,
    incident: str | None = None,
) -> dict[str, Any]:
    """An entry (schemas/audit.avsc) about something that no example has decided, for :meth:`Chain.sealed`.

    Examples
    --------
    >>> entry_of("m", "silenced", "ada", 5, {"reason": "known"})["offset"]
    -1
    """
    return {
        "model": model,
        "action": action,
        "actor": actor,
        "trigger": trigger,
        "incident": incident,
        "version": version,
        "offset": -1,
        "time_ms": time_ms,
        "event_time_ms": None,
        "details": dict(details),
    }


def entry_sha256(entry: Record) -> str:
    """Hash of everything but hash and signature, as JSON with sorted keys.

    Examples
    --------
    >>> entry_sha256({"b": 1, "a": 2}) == entry_sha256({"a": 2, "b": 1, "sha256": "?", "signature": None})
    True
    """
    rest = {name: value for name, value in entry.items() if name not in (_HASH, SIGNATURE)}
    return hashlib.sha256(orjson.dumps(rest, option=orjson.OPT_SORT_KEYS)).hexdigest()


@dataclass(slots=True)
class Chain:
    """What one writer has said of one model.

    Examples
    --------
    >>> chain = Chain("m", "trainer")
    >>> one, two = (chain.sealed({"action": name}) for name in ("promoted", "rolled_back"))
    >>> two["sequence"], two["previous_sha256"] == one["sha256"], chain.head.sequence
    (2, True, 2)
    """

    model: str
    writer: str
    head: Head = field(default_factory=Head)

    def sealed(self, entry: Record, signer: Signer = UNSIGNED) -> dict[str, Any]:
        """The entry as the next of the chain."""
        sequence = self.head.sequence + 1
        whole = {**entry, "writer": self.writer, "sequence": sequence, "previous_sha256": self.head.sha256}
        # As a reader will find it: a NaN is null there.
        sha256 = entry_sha256(orjson.loads(orjson.dumps(whole)))
        self.head = Head(sequence, sha256)
        return signer.signed("audit", self.model, {**whole, _HASH: sha256})


def heads_of(entries: Iterable[Entry]) -> dict[tuple[str, str], Head]:
    """The last entry of each chain, by model and writer."""
    found: dict[tuple[str, str], Head] = {}
    for _, _, record in entries:
        if record is not None and record.get("sequence"):
            found[str(record.get("model")), str(record.get("writer"))] = Head(record["sequence"], record[_HASH])
    return found


def check(
    entries: Iterable[Entry], *, trust: Trust = TRUSTING, heads: Mapping[tuple[str, str], Head] | None = None
) -> Iterator[Fault]:
    """Everything that does not fit, in the order of the log.

    Parameters
    ----------
    entries
        The whole log, ordered within each partition.
    heads
        How far chains must go, from their writers' checkpoints: what is missing at the end is found.
    """
    seen: dict[tuple[str, str], Head] = {}
    for entry in entries:
        record = entry.record
        if record is None:
            yield Fault("?", "?", entry.partition, entry.offset, "it is no JSON object; somebody else wrote it")
            continue
        key = (str(record.get("model")), str(record.get("writer")))
        chained = isinstance(record.get("sequence"), int) and record["sequence"] > 0
        if not chained:
            # Entries of earlier releases come before all others.
            if any(model == key[0] for model, _ in seen):
                yield Fault(*key, entry.partition, entry.offset, "it is in no chain, and comes after entries that are")
            continue
        for what in _wrong(record, seen.get(key, Head()), trust):
            yield Fault(*key, entry.partition, entry.offset, what)
        seen[key] = Head(record["sequence"], str(record.get(_HASH)))
    for (model, writer), head in (heads or {}).items():
        last = seen.get((model, writer), Head())
        if last.sequence < head.sequence:
            gone = f"{last.sequence + 1} to {head.sequence}"
            yield Fault(
                model, writer, -1, -1, f"entries {gone} are missing at the end: its writer's checkpoint has them"
            )
        elif last.sequence == head.sequence and last != head:
            yield Fault(model, writer, -1, -1, "the last entry is not the one in its writer's checkpoint")


def _wrong(record: Record, before: Head, trust: Trust) -> Iterator[str]:
    sequence = record["sequence"]
    if entry_sha256(record) != record.get(_HASH):
        yield f"entry {sequence} was changed: it does not have its sha256"
    if sequence <= before.sequence:
        yield f"entry {sequence} comes after entry {before.sequence}: it was written again, or put in between"
    elif sequence > before.sequence + 1:
        yield f"entries {before.sequence + 1} to {sequence - 1} are missing before it"
    elif record.get("previous_sha256") != before.sha256:
        yield f"entry {sequence} does not go on from the one before it: one of them was exchanged"
    try:
        trust.check("audit", str(record.get("model")), record)
    except SignatureRefused as refused:
        yield str(refused)
