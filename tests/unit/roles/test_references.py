"""References are looked for again, but not at every event."""

from __future__ import annotations

from typing import Any

from trimtab.profiles import Reference
from trimtab.roles.references import AGAIN_S, References


class Index:
    """An index that learns of its versions at a refresh."""

    def __init__(self, *published: int) -> None:
        self.published = set(published)
        self.read: set[int] = set()
        self.refreshes = 0

    def refresh(self, timeout_s: float = 5.0) -> None:
        self.refreshes += 1
        self.read = set(self.published)

    def champion(self, model: str) -> dict[str, Any] | None:
        return {"version": max(self.read), "changed_ms": 5} if self.read else None

    def manifest(self, model: str, version: int) -> dict[str, Any] | None:
        return {"version": version} if version in self.read else None

    def reference(self, model: str, version: int) -> Reference | None:
        return Reference.of(f"{model}@{version}", {}, {}, {}) if version in self.read else None


def test_a_version_just_published_is_waited_for() -> None:
    found = References(Index(1)).get("m", 1)
    assert found is not None
    assert found.id == "m@1"


def test_a_version_that_never_was_is_looked_for_only_now_and_then() -> None:
    clock, index = [0.0], Index(1)
    references = References(index, now=lambda: clock[0])
    for _ in range(100):
        assert references.get("m", 99) is None
    assert index.refreshes == 1
    clock[0] = AGAIN_S
    assert references.get("m", 99) is None
    assert index.refreshes == 2


def test_the_champion_is_what_the_index_has_now() -> None:
    index = Index(1, 2)
    references = References(index)
    assert references.champion("m") is None
    index.refresh()
    assert references.champion("m") == (2, 5)
    assert [references.knows("m", version) for version in (1, 3)] == [True, False]


def test_before_the_first_version_nothing_is_looked_for() -> None:
    index = Index(1)
    assert References(index).get("m", 0) is None
    assert index.refreshes == 0
