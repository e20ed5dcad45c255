"""Everything at once, small: what scripts ask for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from typing_extensions import TypedDict

from trimtab.dashboard.views.world import World

__all__ = ["ModelState", "StateView", "state"]

_SHOWN_VERSIONS = 20
_SHOWN_WINDOWS = 24


class ModelState(TypedDict):
    """One model: the champion's alias, the online state's record, the newest value of each metric, what is firing."""

    mode: str
    champion: dict[str, Any] | None
    online: dict[str, Any] | None
    performance: dict[str, dict[str, Any]]
    alerts: list[dict[str, Any]]
    versions: list[dict[str, Any]]


class StateView(TypedDict):
    """All models."""

    now_ms: int
    models: dict[str, ModelState]
    dead_letters: dict[str, int]


def state(world: World) -> StateView:
    """What is known now."""
    firing = world.queries.incidents(state="firing", most=10_000)
    return {
        "now_ms": world.now_ms,
        "models": {
            name: {
                "mode": spec.mode,
                "champion": _unsigned(world.registry.champion(name)),
                "online": _unsigned(world.online(name)),
                "performance": _performance(world, name),
                "alerts": [found for found in firing if found["model"] == name],
                "versions": [_brief(m) for m in world.registry.versions(name)[: -_SHOWN_VERSIONS - 1 : -1]],
            }
            for name, spec in world.config.models.items()
        },
        "dead_letters": world.queries.letter_counts(),
    }


def _performance(world: World, name: str) -> dict[str, dict[str, Any]]:
    """The newest value of each number of the model as a whole."""
    found: dict[str, dict[str, Any]] = {}
    for window in world.queries.windows("numbers", name, most=_SHOWN_WINDOWS):
        for statistic, number in window.data.items():
            found[statistic] = {
                **number,
                "version": window.version,
                "start_ms": window.start_ms,
                "end_ms": window.end_ms,
            }
    return found


def _brief(manifest: Mapping[str, Any]) -> dict[str, Any]:
    names = ("version", "parent", "candidate", "trigger", "created_ms")
    return {name: manifest.get(name) for name in names} | {"examples": manifest["examples"]["count"]}


def _unsigned(record: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if record is None else {name: value for name, value in record.items() if name != "signature"}
