"""What every section of the configuration is built on."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

__all__ = ["NAME", "Positive", "Secret", "Share", "Strict"]

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")

Positive = Annotated[int, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]


def _as_secret(value: object) -> object:
    return SecretStr(value) if isinstance(value, str) else value


Secret = Annotated[SecretStr, BeforeValidator(_as_secret)]
"""A text that is never shown."""


class Strict(BaseModel):
    """Base of every section: frozen, and unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
