"""Keys that sign the registry's records and verify their signatures: HMAC-SHA256 and Ed25519 (RFC 2104, RFC 8032)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from pydantic import SecretStr

from trimtab.config import KeySpec
from trimtab.errors import ConfigError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

__all__ = ["Algorithm", "Key", "new_key"]

Algorithm = Literal["ed25519", "hmac"]

KEY_BYTES: Final = 32
"""Of an Ed25519 key, private or public; an HMAC secret has this many or more, as RFC 2104 wants for SHA-256."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key as it is used.

    Parameters
    ----------
    id
        Its name in the configuration, which signatures carry.
    secret
        HMAC secret or Ed25519 private key; None on a machine that only verifies.
    public
        Ed25519 public key.
    """

    id: str
    algorithm: Algorithm
    secret: bytes | None = field(repr=False, default=None)
    public: bytes | None = None

    @classmethod
    def of(cls, id: str, spec: KeySpec) -> Key:
        """Read the key of a configuration; the file of a private key only where there is no public one.

        Raises
        ------
        ConfigError
            A value is not base64 of the right length, a file cannot be read, or private and public do not belong
            together. The message never holds a part of the key.
        """
        where = f"registry.keys.{id}"
        if spec.algorithm == "hmac":
            return cls(id, "hmac", _material(f"{where}.secret", spec.secret, spec.secret_file, exact=False))
        public = None if spec.public_key is None else _decoded(f"{where}.public_key", spec.public_key, exact=True)
        private = None
        if spec.private_key is not None or (public is None and spec.private_key_file is not None):
            private = _material(f"{where}.private_key", spec.private_key, spec.private_key_file, exact=True)
        return cls._of_pair(where, id, private, public)

    @classmethod
    def signing(cls, id: str, spec: KeySpec) -> Key:
        """As :meth:`of`, for who signs; raises ConfigError where there is nothing to sign with."""
        if spec.algorithm == "hmac":
            return cls.of(id, spec)
        where = f"registry.keys.{id}"
        if spec.private_key is None and spec.private_key_file is None:
            variable = f"TRIMTAB_REGISTRY__KEYS__{id.upper()}__PRIVATE_KEY"
            raise ConfigError(
                f"{where}: records are signed with it (registry.sign_with), and its private key is not here; "
                f"give private_key_file, or the environment variable {variable}"
            )
        private = _material(f"{where}.private_key", spec.private_key, spec.private_key_file, exact=True)
        public = None if spec.public_key is None else _decoded(f"{where}.public_key", spec.public_key, exact=True)
        return cls._of_pair(where, id, private, public)

    @classmethod
    def _of_pair(cls, where: str, id: str, private: bytes | None, public: bytes | None) -> Key:
        if private is not None:
            derived = _public(private)
            if public is not None and not hmac.compare_digest(public, derived):
                raise ConfigError(
                    f"{where}: public_key is not that of private_key; give the pair that belongs together"
                )
            public = derived
        return cls(id, "ed25519", private, public)

    def sign(self, data: bytes) -> bytes:
        """The signature of ``data``; raises ConfigError without a private key."""
        if self.secret is None:
            raise ConfigError(f"registry.keys.{self.id}: its private key is not here, so nothing can be signed with it")
        if self.algorithm == "hmac":
            return hmac.digest(self.secret, data, hashlib.sha256)
        return _private_key(self.secret).sign(data)

    def verifies(self, data: bytes, signature: bytes) -> bool:
        """Whether ``signature`` is this key's, of exactly these bytes.

        Examples
        --------
        >>> key = Key("main", "hmac", bytes(32))
        >>> key.verifies(b"text", key.sign(b"text")), key.verifies(b"test", key.sign(b"text"))
        (True, False)
        """
        if self.algorithm == "hmac":
            return self.secret is not None and hmac.compare_digest(self.sign(data), signature)
        if self.public is None:
            return False
        from cryptography.exceptions import InvalidSignature

        try:
            _public_key(self.public).verify(signature, data)
        except InvalidSignature:
            return False
        return True


def new_key(algorithm: Algorithm) -> tuple[str, str | None]:
    """A new random key as base64: the secret or private key, and of Ed25519 the public key.

    Examples
    --------
    >>> secret, public = new_key("hmac")
    >>> len(base64.b64decode(secret)), public
    (32, None)
    """
    private = secrets.token_bytes(KEY_BYTES)
    public = _public(private) if algorithm == "ed25519" else None
    return _encoded(private), None if public is None else _encoded(public)


def _material(where: str, value: SecretStr | None, path: Path | None, *, exact: bool) -> bytes:
    if value is not None:
        return _decoded(where, value.get_secret_value(), exact=exact)
    assert path is not None  # noqa: S101  the configuration has one of them
    try:
        text = path.read_text(encoding="ascii")
    except UnicodeDecodeError:
        raise ConfigError(f"{where}_file: {path} is not base64 text; make one with: trimtab keys new") from None
    except OSError as error:
        raise ConfigError(f"{where}_file: {path} cannot be read: {error.strerror or type(error).__name__}") from None
    return _decoded(f"{where}_file", text, exact=exact)


def _decoded(where: str, text: str, *, exact: bool) -> bytes:
    try:
        data = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        # Without `from None` a traceback could hold the key.
        raise ConfigError(f"{where}: it is not base64; make one with: trimtab keys new") from None
    if len(data) < KEY_BYTES or (exact and len(data) != KEY_BYTES):
        raise ConfigError(
            f"{where}: it has {len(data)} bytes, not {KEY_BYTES}{'' if exact else ' or more'}; "
            "make one with: trimtab keys new"
        )
    return data


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _public(private: bytes) -> bytes:
    return _private_key(private).public_key().public_bytes_raw()


# cryptography is loaded where Ed25519 is used, so that the command line starts fast.
def _private_key(data: bytes) -> Ed25519PrivateKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.from_private_bytes(data)


def _public_key(data: bytes) -> Ed25519PublicKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    return Ed25519PublicKey.from_public_bytes(data)
