"""Which events a canary is served for: a share of their keys, the same ones for as long as it serves."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple

from trimtab.errors import RegistryError

__all__ = ["CanaryChoice", "canary_of", "in_share"]

_ALL = 1 << 64


class CanaryChoice(NamedTuple):
    """A version, and the share of keys it is served for, above 0."""

    version: int
    share: float


def canary_of(alias: Mapping[str, Any] | None, champion: int) -> CanaryChoice | None:
    """What the alias ``canary`` asks for; None for nothing, or for what is served anyway.

    Raises
    ------
    RegistryError
        The share is no number from 0 to 1.

    Examples
    --------
    >>> canary_of({"version": 8, "share": 0.1}, champion=7)
    CanaryChoice(version=8, share=0.1)
    >>> canary_of({"version": 8, "share": 0.0}, champion=7), canary_of({"version": 8, "share": 1.0}, champion=8)
    (None, None)
    """
    if alias is None:
        return None
    version, share = alias.get("version"), alias.get("share")
    if not isinstance(version, int) or isinstance(share, bool) or not isinstance(share, int | float):
        raise RegistryError(f"the alias canary needs a version and a share, not {version!r} and {share!r}")
    if not 0.0 <= share <= 1.0:
        raise RegistryError(f"the share of the alias canary must be from 0 to 1, not {share!r}")
    return None if share == 0 or version == champion else CanaryChoice(version, float(share))


def in_share(key: str, choice: CanaryChoice) -> bool:
    """Whether an event's key belongs to the canary's share.

    Every service says the same of a key; a key that is in stays in as the share grows; another version has other keys.

    Examples
    --------
    >>> [in_share("customer-1", CanaryChoice(8, share)) for share in (0.0, 1.0)]
    [False, True]
    >>> sum(in_share(f"customer-{i}", CanaryChoice(8, 0.1)) for i in range(10_000))
    1063
    """
    digest = hashlib.blake2b(f"{choice.version}/{key}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") < choice.share * _ALL
