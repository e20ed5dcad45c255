"""Status and differences of versions."""

from __future__ import annotations

import json
from typing import Any

import pytest

from trimtab.registry.overview import differences, status_of, version_rows


def manifest(version: int, **changes: Any) -> dict[str, Any]:
    return {
        "model": "m",
        "version": version,
        "parent": None,
        "candidate": "reset",
        "trigger": "drift",
        "incident": None,
        "examples": {"count": 10 * version, "first_offset": 0},
        "metrics": {"accuracy": 0.5},
        "snapshot": {"size_bytes": 7, "sha256": str(version)},
        "created_ms": version,
        "state_digest": str(version),
        "config": json.dumps({"task": "binary", "race": {"alpha": 0.01}}),
        **changes,
    }


@pytest.mark.parametrize(
    ("version", "champion", "status"),
    [(1, None, "registered"), (1, 1, "champion"), (1, 2, "superseded"), (3, 2, "rolled_back")],
)
def test_status(version: int, champion: int | None, status: str) -> None:
    assert status_of(version, champion) == status


def test_rows_are_in_the_order_of_the_manifests() -> None:
    rows = version_rows([manifest(1), manifest(2)], 2)
    assert [(row["version"], row["status"], row["examples"], row["size_bytes"]) for row in rows] == [
        (1, "superseded", 10, 7),
        (2, "champion", 20, 7),
    ]


def test_differences_go_into_the_configuration_and_leave_out_what_always_differs() -> None:
    other = json.dumps({"task": "binary", "race": {"alpha": 0.05}, "new": 1})
    assert differences(manifest(1), manifest(2, config=other, incident="i")) == {
        "config.new": (None, 1),
        "config.race.alpha": (0.01, 0.05),
        "examples.count": (10, 20),
        "incident": (None, "i"),
    }
    assert differences(manifest(1), manifest(1)) == {}
    # A manifest of an earlier release has no configuration of its own.
    assert differences(manifest(1, config=""), manifest(1))["config.task"] == (None, "binary")
