"""What every section of the configuration is built on."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["NAME", "Positive", "Share", "Strict"]

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")

Positive = Annotated[int, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]


class Strict(BaseModel):
    """Base of every section: frozen, and unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
