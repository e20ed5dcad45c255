"""Signatures of records: who wrote this, under this key of this topic, and has nobody changed it since?

A signature is a field of the record it signs::

    {"model": "credit", ..., "signature": {"key_id": "main", "algorithm": "ed25519", "value": "<base64>"}}

Signed are a fixed text, the topic's name in it (``registry`` or ``state``), the record's key, and the record without
that field as JSON with sorted keys. So a record cannot be moved under another key, and bytes signed for something
else mean nothing here. A record names the SHA-256 of its snapshot, which is thereby signed too.

The topic prefix is not signed: a version can be exported into another cluster. Clusters that should not believe each
other's records need keys of their own.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Self

import orjson

from trimtab.config import Config
from trimtab.errors import ConfigError, RegistryError
from trimtab.registry.keys import Key

__all__ = [
    "SIGNATURE",
    "SignatureRefused",
    "Signer",
    "TRUSTING",
    "Topic",
    "Trust",
    "UNSIGNED",
    "signed_bytes",
    "signed_order",
]

Topic = Literal["registry", "state", "audit", "commands", "silences"]
Record = Mapping[str, Any]

SIGNATURE: Final = "signature"
_DOMAIN: Final = "trimtab signed record 1"
_FIELDS: Final = {"key_id", "algorithm", "value"}


class SignatureRefused(RegistryError):
    """A record is not signed as it has to be; ``key`` is the record's, ``key_id`` its signature's, None without one."""

    def __init__(self, key: str, key_id: str | None, why: str) -> None:
        super().__init__(f"{key}: {why}")
        self.key = key
        self.key_id = key_id


def signed_bytes(topic: Topic, key: str, record: Record) -> bytes:
    """What a signature signs.

    Parameters
    ----------
    key
        The record's key in the topic.

    Raises
    ------
    TypeError
        The record cannot be JSON, such as one that is nested too deep.

    Examples
    --------
    >>> signed_bytes("registry", "m/online", {"b": 1, "a": 2, "signature": {}})
    b'trimtab signed record 1/registry/8/m/online{"a":2,"b":1}'
    """
    rest = {name: value for name, value in record.items() if name != SIGNATURE}
    # With its length before it, no key can run on into the record.
    head = f"{_DOMAIN}/{topic}/{len(key.encode())}/{key}".encode()
    return head + orjson.dumps(rest, option=orjson.OPT_SORT_KEYS)


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs records; without a key it leaves them as they are."""

    key: Key | None = None

    @classmethod
    def of(cls, config: Config) -> Self:
        """The signer of a configuration.

        Raises
        ------
        ConfigError
            The key is not usable, or signatures are required and ``registry.sign_with`` is missing.
        """
        registry = config.registry
        if registry.sign_with is not None:
            return cls(Key.signing(registry.sign_with, registry.keys[registry.sign_with]))
        if registry.require_signature:
            raise ConfigError(
                "registry.sign_with: it is missing, and with require_signature nobody would believe what is written "
                "here; name the key to sign with"
            )
        return cls()

    def signed(self, topic: Topic, key: str, record: Record) -> dict[str, Any]:
        """The record with its signature; one that it already has is replaced.

        Examples
        --------
        >>> signer = Signer(Key("main", "hmac", bytes(32)))
        >>> record = signer.signed("registry", "m/online", {"model": "m"})
        >>> record["signature"]["key_id"], Signer().signed("registry", "m/online", {"model": "m"})
        ('main', {'model': 'm'})
        """
        if self.key is None:
            return dict(record)
        value = base64.b64encode(self.key.sign(signed_bytes(topic, key, record))).decode()
        return {**record, SIGNATURE: {"key_id": self.key.id, "algorithm": self.key.algorithm, "value": value}}


def signed_order(config: Config, record: Record) -> dict[str, Any]:
    """An order, signed when this configuration has a key to sign with.

    Raises
    ------
    ConfigError
        The key is not usable.
    """
    if config.registry.sign_with is None:
        return dict(record)
    return Signer.of(config).signed("commands", str(record["model"]), record)


UNSIGNED: Final = Signer()
"""Leaves records as they are."""


@dataclass(frozen=True, slots=True)
class Trust:
    """Which signatures a reader believes; without keys it takes every record.

    Parameters
    ----------
    keys
        By key id.
    required
        Refuse what is not signed by one of them.
    """

    keys: Mapping[str, Key] = field(default_factory=dict)
    required: bool = False

    @classmethod
    def of(cls, config: Config) -> Self:
        """The trust of a configuration; raises ConfigError for a key that is not usable."""
        registry = config.registry
        return cls({id: Key.of(id, spec) for id, spec in registry.keys.items()}, registry.require_signature)

    @property
    def looks(self) -> bool:
        """Whether any record could be refused."""
        return bool(self.keys) or self.required

    def check(self, topic: Topic, key: str, record: Record) -> None:
        """Refuse a record that is not signed as it has to be.

        Raises
        ------
        SignatureRefused
            Always for a signature by a known key that does not fit; where signatures are required, also for none, and
            for one by a key that is not known here.
        """
        if not self.looks:
            return
        wire = record.get(SIGNATURE)
        if wire is None:
            if self.required:
                raise SignatureRefused(
                    key,
                    None,
                    "it is not signed, and registry.require_signature is on; do not trust where it came from, or sign "
                    "with the trainer first (registry.sign_with) and require it then",
                )
            return
        id, algorithm, value = _parsed(key, wire)
        known = self.keys.get(id)
        if known is None:
            if self.required:
                there = ", ".join(sorted(self.keys)) or "none"
                raise SignatureRefused(
                    key,
                    id,
                    f"it is signed with key {id!r}, which is not among registry.keys ({there}); add that key if it "
                    "is yours, else do not trust where the record came from",
                )
            return
        if algorithm != known.algorithm:
            raise SignatureRefused(
                key,
                id,
                f"its signature says algorithm {algorithm!r}, key {id!r} is of {known.algorithm}; do not trust where "
                "it came from",
            )
        if not _fits(known, topic, key, record, value):
            raise SignatureRefused(
                key,
                id,
                f"its signature by key {id!r} does not fit it: it was changed, or signed under another key of the "
                "topic, or with another key of this id; do not trust where it came from, and publish it again",
            )


TRUSTING: Final = Trust()
"""Takes every record."""


def _parsed(key: str, wire: Any) -> tuple[str, str, bytes]:
    """Key id, algorithm and value of a signature."""
    id = wire.get("key_id") if isinstance(wire, dict) else None
    shown = id[:100] if isinstance(id, str) else None
    if not isinstance(wire, dict) or set(wire) != _FIELDS or not all(isinstance(wire[name], str) for name in _FIELDS):
        raise SignatureRefused(key, shown, "its signature is damaged: it needs key_id, algorithm and value, all text")
    try:
        value = base64.b64decode(wire["value"], validate=True)
    except (binascii.Error, ValueError):
        raise SignatureRefused(key, shown, "its signature is damaged: the value is not base64") from None
    return wire["key_id"][:100], wire["algorithm"][:100], value


def _fits(known: Key, topic: Topic, key: str, record: Record, value: bytes) -> bool:
    try:
        return known.verifies(signed_bytes(topic, key, record), value)
    except TypeError:
        # JSON may be read deeper than it can be written; nothing that we write is so deep.
        return False
