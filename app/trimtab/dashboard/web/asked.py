"""What a request asks for, without anything of HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from trimtab.dashboard.views.world import World
from trimtab.errors import ConfigError, TrimtabError

__all__ = ["Asked", "Missing"]


class Missing(TrimtabError):
    """There is no such thing."""


@dataclass(frozen=True)
class Asked:
    """Parts of the path by name, and the query."""

    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)

    def model(self, world: World) -> str:
        """The model; raises Missing when it is not configured."""
        name = self.path["model"]
        if name not in world.config.models:
            raise Missing(f"no model {name!r} is configured")
        return name

    def number(self, name: str) -> int | None:
        """A whole number of the query, None when it is not there; raises ConfigError."""
        text = self.query.get(name)
        if not text:
            return None
        try:
            return int(text)
        except ValueError:
            raise ConfigError(f"{name}: a whole number is expected") from None

    def place(self) -> tuple[int, int]:
        """Partition and offset of the path."""
        try:
            return int(self.path["partition"]), int(self.path["offset"])
        except ValueError:
            raise Missing("partition and offset are whole numbers") from None
