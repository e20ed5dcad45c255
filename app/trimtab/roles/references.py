"""References of model versions, with one that was only just published waited for."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from trimtab.profiles import Reference
from trimtab.windows import Champion

__all__ = ["AGAIN_S", "References"]

# How soon a version that the registry does not have is looked for again.
AGAIN_S = 5.0


class _Index(Protocol):
    def refresh(self, timeout_s: float = 5.0) -> None: ...

    def champion(self, model: str) -> Mapping[str, Any] | None: ...

    def manifest(self, model: str, version: int) -> Mapping[str, Any] | None: ...

    def reference(self, model: str, version: int) -> Reference | None: ...


class References:
    """Looks up references in the registry's index; blocks while it brings the index up to date.

    A producer may serve a version a moment before the index here has it, so it is looked for once more; one that
    never was (a producer can write any number) costs that only every ``AGAIN_S`` seconds.
    """

    def __init__(self, index: _Index, now: Callable[[], float] = time.monotonic) -> None:
        self._index = index
        self._now = now
        self._missing: dict[tuple[str, int], float] = {}

    def get(self, model: str, version: int) -> Reference | None:
        """The reference of a version; version 0 has one only if it was set. None when the registry has none."""
        if version <= 0:
            return self._index.reference(model, 0)
        if self._index.manifest(model, version) is None:
            self._look_for((model, version))
        return self._index.reference(model, version)

    def champion(self, model: str) -> Champion | None:
        """The champion as the index knows it now."""
        alias = self._index.champion(model)
        return None if alias is None else Champion(int(alias["version"]), int(alias["changed_ms"]))

    def knows(self, model: str, version: int) -> bool:
        """Whether the index has a version now."""
        return self._index.manifest(model, version) is not None

    def _look_for(self, version: tuple[str, int]) -> None:
        now = self._now()
        self._missing = {missing: at for missing, at in self._missing.items() if now - at < AGAIN_S}
        if version not in self._missing:
            self._index.refresh()
            self._missing[version] = now
