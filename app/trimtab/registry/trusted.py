"""The index's records as a reader may believe them: of each key the last one that is signed as it has to be.

A record is verified when somebody asks for its key, since a signature takes as long as reading a hundred records and
most are never asked for. Until then the newest few of each key wait; a forged one that comes after a good one thus
never takes its place. Aliases are few and verified as they come, in order: one that is older than what it replaces is
refused, or an old promotion could be played again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any, Final

from trimtab.errors import RegistryError
from trimtab.registry.records import manifest_sha256
from trimtab.registry.signing import SignatureRefused, Trust

__all__ = ["TrustedRecords", "refuse_another_version"]

Record = dict[str, Any]

MOST_WAITING: Final = 8


class TrustedRecords:
    """The newest believable record of every key; not safe to use from several threads.

    Parameters
    ----------
    trust
        Which signatures are believed.

    Examples
    --------
    >>> records = TrustedRecords(Trust(required=True))
    >>> records.put("m/online", {"model": "m"})
    >>> records.get("m/online"), type(records.refusal("m/online")).__name__
    (None, 'SignatureRefused')
    """

    def __init__(self, trust: Trust) -> None:
        self._trust = trust
        self._good: dict[str, Record] = {}
        self._waiting: dict[str, deque[Record]] = {}
        self._refused: dict[str, SignatureRefused] = {}
        # Kept when an alias is removed: else an old one could come after a removal.
        self._changed_ms: dict[str, int] = {}

    def put(self, key: str, record: Record | None) -> None:
        """Take a record as it comes; None removes the key."""
        if record is None:
            for held in (self._good, self._waiting, self._refused):
                held.pop(key, None)
        elif not self._trust.looks:
            self._good[key] = record
        elif _is_alias(key):
            self._take(key, [record])
        else:
            self._waiting.setdefault(key, deque(maxlen=MOST_WAITING)).append(record)

    def get(self, key: str) -> Record | None:
        """The newest record of a key that can be believed."""
        self._verify(key)
        return self._good.get(key)

    def refusal(self, key: str) -> SignatureRefused | None:
        """Why the newest record of a key is not believed; None when it is."""
        self._verify(key)
        return self._refused.get(key)

    def items(self, prefix: str) -> Iterator[tuple[str, Record]]:
        """Believable records under keys that begin with ``prefix``."""
        for key in list(self._good.keys() | self._waiting.keys()):
            record = self.get(key) if key.startswith(prefix) else None
            if record is not None:
                yield key, record

    def _verify(self, key: str) -> None:
        waiting = self._waiting.pop(key, None)
        if waiting is not None:
            self._take(key, list(reversed(waiting)))

    def _take(self, key: str, newest_first: list[Record]) -> None:
        """Keep the first that can be believed, and why the newest cannot."""
        self._refused.pop(key, None)
        for record in newest_first:
            try:
                self._trust.check("registry", key, record)
                self._follows(key, record)
            except SignatureRefused as refused:
                self._refused.setdefault(key, refused)
                continue
            self._good[key] = record
            return

    def _follows(self, key: str, record: Record) -> None:
        """Refuse an alias that is older than the one before it."""
        if not (self._trust.required and _is_alias(key)):
            return
        changed_ms, before = record.get("changed_ms"), self._changed_ms.get(key, 0)
        if not isinstance(changed_ms, int) or changed_ms < before:
            raise SignatureRefused(
                key,
                record["signature"]["key_id"],
                f"it is of {changed_ms} ms, older than the one it would replace ({before} ms): it is played again; do "
                "not trust where it came from",
            )
        self._changed_ms[key] = changed_ms


def refuse_another_version(key: str, alias: Mapping[str, Any], manifest: Mapping[str, Any], *, required: bool) -> None:
    """Refuse a manifest that is not the one the alias was written for.

    Version numbers begin anew when a trainer's state is lost, so a signed manifest under the same key may be another.

    Parameters
    ----------
    key
        The alias's.
    required
        Refuse an alias that names no manifest, as those of earlier releases do not.

    Raises
    ------
    RegistryError
        The manifest is another one.

    Examples
    --------
    >>> refuse_another_version("m/aliases/champion", {"version": 1}, {"version": 1}, required=False)
    """
    named = alias.get("manifest_sha256")
    if not named and not required:
        return
    found = manifest_sha256(manifest)
    if named != found:
        raise RegistryError(
            f"{key}: it was written for version {alias.get('version')} with manifest {str(named or 'unnamed')[:16]}…, "
            f"and that in the registry is {found[:16]}…; do not trust where they came from, and promote again"
        )


def _is_alias(key: str) -> bool:
    return "/aliases/" in key
