"""References of model versions, kept once read: a version's reference never changes."""

from __future__ import annotations

import asyncio
from typing import Protocol

from trimtab.profiles import Reference

__all__ = ["References"]


class _Index(Protocol):
    def refresh(self, timeout_s: float = 5.0) -> None: ...

    def reference(self, model: str, version: int) -> Reference | None: ...


class References:
    """Looks up references in the registry's index, and waits for one that was only just published."""

    def __init__(self, index: _Index) -> None:
        self._index = index
        self._known: dict[tuple[str, int], Reference] = {}

    async def get(self, model: str, version: int) -> Reference | None:
        """The reference of a version; None for version 0, or when the registry has none."""
        if version <= 0:
            return None
        key = (model, version)
        if key not in self._known:
            found = self._index.reference(model, version)
            if found is None:
                # The version is served, so its publication is committed; the index may be a moment behind.
                await asyncio.to_thread(self._index.refresh)
                found = self._index.reference(model, version)
            if found is None:
                return None
            self._known[key] = found
        return self._known[key]
