"""Features that come apart from their predictions: JSON objects, typed once the model is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import orjson

from trimtab.config import ModelConfig
from trimtab.events.errors import EventError
from trimtab.events.tables import Features
from trimtab.events.typed import TypedFeatures
from trimtab.events.values import canonical_features

__all__ = ["LateFeatures"]


class LateFeatures:
    """Types feature events by the models' configurations.

    Examples
    --------
    >>> from trimtab.config import FactorySpec, NumericFeature
    >>> config = ModelConfig(task="binary", features={"x": NumericFeature()}, factory=FactorySpec(function="a:b"))
    >>> found, bad = LateFeatures({"m": config}).typed("m", [b'{"x": 1}', b'{"x": []}'])
    >>> found.numbers.tolist(), list(bad)
    ([[1.0]], [1])
    """

    def __init__(self, models: Mapping[str, ModelConfig]) -> None:
        self._models = models
        self._typed = {name: TypedFeatures(model) for name, model in models.items()}

    def typed(self, model: str, values: Sequence[bytes]) -> tuple[Features, dict[int, EventError]]:
        """Columns of the objects that fit the model, and why the others (by position) do not."""
        try:
            return self._typed[model].decode(values), {}
        except (msgspec.MsgspecError, EventError, ValueError, OverflowError, RecursionError):
            pass
        parts: list[Features] = []
        bad: dict[int, EventError] = {}
        for position, value in enumerate(values):
            try:
                parts.append(self._one(model, value))
            except EventError as error:
                bad[position] = error
        config = self._models[model]
        return Features.concat(parts) if parts else Features.of([], config), bad

    def _one(self, model: str, value: bytes) -> Features:
        try:
            return self._typed[model].decode([value])
        except (msgspec.MsgspecError, EventError, ValueError, OverflowError, RecursionError):
            config = self._models[model]
            return Features.of([canonical_features(orjson.loads(value), config)], config)
