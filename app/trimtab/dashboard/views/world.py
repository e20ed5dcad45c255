"""Where views look: the store, the registry and the configuration, at one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from trimtab.config import Config, ModelConfig
from trimtab.dashboard.store import Queries
from trimtab.dashboard.views.remembered import Remembered
from trimtab.registry.signing import TRUSTING, Trust

__all__ = ["Registry", "World", "metric_of"]

Record = dict[str, Any]


class Registry(Protocol):
    """What views ask of the registry's index."""

    def champion(self, model: str) -> Record | None:
        """The alias of the champion."""

    def alias(self, model: str, name: str) -> Record | None:
        """Another alias."""

    def manifest(self, model: str, version: int) -> Record | None:
        """The manifest of a version."""

    def versions(self, model: str) -> list[Record]:
        """All manifests, the oldest version first."""

    def pinned(self, model: str) -> set[int]:
        """Versions that are kept."""


@dataclass(frozen=True)
class World:
    """What is known at ``now_ms``; ``read_share`` is how much of the log is read, 0 to 1.

    ``remembered`` are the fleet's rows, of a world that goes on.
    """

    config: Config
    queries: Queries
    registry: Registry
    now_ms: int
    read_share: float = 1.0
    trust: Trust = TRUSTING
    remembered: Remembered = field(default_factory=Remembered)

    def served(self, model: str) -> tuple[int | None, str]:
        """The champion's version, and the name that is served."""
        champion = self.registry.champion(model)
        if champion is None:
            return None, "no version yet"
        name = f"{model}@{champion['version']}"
        online = self.online(model)
        if online is not None and online["version"] == champion["version"]:
            name += f"+{online['learnt_offset']}"
        return int(champion["version"]), name

    def online(self, model: str) -> Record | None:
        """The online state's record, for a model that keeps learning."""
        return self.queries.one_keyed("online", model) if self.config.models[model].mode == "online" else None

    def reference_metrics(self, model: str) -> Mapping[str, float]:
        """The champion's performance on its reference."""
        champion = self.registry.champion(model)
        manifest = None if champion is None else self.registry.manifest(model, int(champion["version"]))
        return {} if manifest is None else manifest["metrics"]


def metric_of(model: ModelConfig) -> str:
    """The metric that a model is first of all judged by."""
    if model.performance:
        return model.performance[0].metric
    return "rmse" if model.task == "regression" else "accuracy"
