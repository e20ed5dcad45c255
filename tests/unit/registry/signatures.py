"""Keys and signed records for tests."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from trimtab.registry.keys import Key
from trimtab.registry.signing import Signer, Trust

__all__ = ["ED", "HMAC", "OTHER", "SIGNER", "TRUST", "manifest_of", "signed", "text"]


def text(data: bytes) -> str:
    """Base64."""
    return base64.b64encode(data).decode()


def _ed25519(id: str, seed: int) -> Key:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    private = bytes([seed]) * 32
    return Key(id, "ed25519", private, Ed25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw())


ED, OTHER, HMAC = _ed25519("main", 1), _ed25519("main", 2), Key("shared", "hmac", bytes([3]) * 32)
SIGNER = Signer(ED)
TRUST = Trust({"main": Key("main", "ed25519", None, ED.public), "shared": HMAC}, required=True)


def signed(key: str, record: dict[str, Any], signer: Signer = SIGNER) -> dict[str, Any]:
    """A registry record with its signature."""
    return signer.signed("registry", key, record)


def manifest_of(data: bytes, model: str = "credit", version: int = 1, **changes: Any) -> dict[str, Any]:
    """A manifest, unsigned, whose snapshot lies in one chunk."""
    chunk = {"partition": 1, "offset": 7, "size_bytes": len(data)}
    snapshot = {"size_bytes": len(data), "sha256": hashlib.sha256(data).hexdigest(), "chunks": [chunk]}
    return {"model": model, "version": version, "snapshot": snapshot, **changes}
