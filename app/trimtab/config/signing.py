"""The section ``registry``: which keys sign its records, and which signatures are believed.

One file serves every role. The trainer alone needs a private key, which comes from a file or the environment
(``TRIMTAB_REGISTRY__KEYS__<KEY ID>__PRIVATE_KEY``); whoever only reads needs the public ones.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from trimtab.config.base import NAME, Secret, Strict

__all__ = ["KeySpec", "RegistryConfig"]


class KeySpec(Strict):
    """One key. Values are base64 (``trimtab keys new`` makes them); a file holds the same text.

    ``hmac``: ``secret`` signs and verifies, so whoever can verify can forge. ``ed25519``: ``private_key`` signs,
    ``public_key`` verifies; without the public one it is derived from the private one.
    """

    algorithm: Literal["ed25519", "hmac"]
    secret: Secret | None = None
    secret_file: Path | None = Field(default=None, strict=False)
    private_key: Secret | None = None
    private_key_file: Path | None = Field(default=None, strict=False)
    public_key: str | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        secret = [name for name in ("secret", "secret_file") if getattr(self, name) is not None]
        private = [name for name in ("private_key", "private_key_file") if getattr(self, name) is not None]
        public = [] if self.public_key is None else ["public_key"]
        alien = (private + public) if self.algorithm == "hmac" else secret
        if alien:
            raise ValueError(f"{alien[0]} is not of a key of algorithm {self.algorithm}; remove it")
        if len(secret) > 1 or len(private) > 1:
            raise ValueError(f"give {' or '.join(secret or private)}, not both")
        if not (secret or private or public):
            named = (
                "secret or secret_file" if self.algorithm == "hmac" else "public_key, private_key or private_key_file"
            )
            raise ValueError(f"the key is missing; give {named}, or make one with: trimtab keys new")
        return self


class RegistryConfig(Strict):
    """Signatures of the registry's records.

    Every key in ``keys`` is believed; ``sign_with`` names the one that the trainer signs with. With
    ``require_signature`` a record that is not signed by one of them is refused; without it, unsigned records are taken,
    and so are those of keys that are not here.
    """

    require_signature: bool = False
    sign_with: str | None = None
    keys: dict[str, KeySpec] = Field(default={})

    @field_validator("keys")
    @classmethod
    def _names(cls, value: dict[str, KeySpec]) -> dict[str, KeySpec]:
        for name in value:
            if not NAME.fullmatch(name):
                raise ValueError("a key id has letters, digits, '.', '_' and '-' only, at most 100")
        return value

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.sign_with is not None and self.sign_with not in self.keys:
            known = ", ".join(self.keys) or "none"
            raise ValueError(f"sign_with: it is not the id of a key in keys; there are: {known}")
        if self.require_signature and not self.keys:
            raise ValueError("require_signature: no record could be believed without keys; add one, or switch it off")
        return self
