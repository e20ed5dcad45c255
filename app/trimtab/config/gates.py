"""What a winner of a race must pass before it may serve."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from trimtab.config.base import Positive, Share, Strict
from trimtab.config.duration import Milliseconds

__all__ = ["Gates", "ProtectedSegment", "QualityGate"]


class QualityGate(Strict):
    """A metric of the candidate over the race: at least ``limit``, or at most for one that is better when smaller.

    Or, with ``within``, worse than the champion's over the same examples by no more than that.
    """

    metric: Literal["accuracy", "f1", "log_loss", "mae", "rmse"]
    limit: float | None = None
    within: float | None = Field(default=None, ge=0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.limit is None) == (self.within is None):
            raise ValueError(f"{self.metric}: give limit, or within (how much worse than the champion it may be)")
        return self


class ProtectedSegment(Strict):
    """No value of this segment may get a mean loss that is higher than the champion's by ``tolerance`` or more.

    It must be shown, at level ``alpha``, for every value. A race goes on until it is; when it reaches its limit, values
    with fewer than ``min_examples`` in it are left aside.
    """

    segment: str
    tolerance: Share = 0.02
    alpha: float = Field(default=0.05, gt=0, lt=1)
    min_examples: Positive = 50


class Gates(Strict):
    """What a winner must pass.

    ``promotion: approve`` waits for a command that names its actor, for ``approval_expires`` (event time) at most. With
    ``approvers``, ids of keys in ``registry.keys``, it must be signed by one of them.
    ``max_calibration_error`` is of the expected calibration error over the race, ``max_predict_ms`` of the 99th
    percentile of the time that one prediction takes here, which is the one limit that depends on the machine.
    ``golden`` is a file of inputs with what must come out; ``own`` names functions of yours, ``package.module:name`` or
    an entry point of the group ``trimtab.gates``.
    """

    promotion: Literal["auto", "approve", "never"] = "auto"
    approvers: tuple[str, ...] = Field(default=(), strict=False)
    approval_expires: Milliseconds = Field(default=7 * 86_400_000, gt=0)
    max_snapshot_bytes: Positive = 200_000_000
    quality: tuple[QualityGate, ...] = Field(default=(), strict=False)
    protected: tuple[ProtectedSegment, ...] = Field(default=(), strict=False)
    max_calibration_error: Share | None = None
    max_predict_ms: Annotated[float, Field(gt=0)] | None = None
    golden: str | None = None
    own: tuple[str, ...] = Field(default=(), strict=False)

    @field_validator("own")
    @classmethod
    def _named(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if not re.fullmatch(r"[\w.-]+(:[\w.]+)?", name):
                raise ValueError(f"{name!r} must look like package.module:name, or be an entry point's name")
        return value
