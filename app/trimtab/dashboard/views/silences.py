"""Silences and acknowledgements."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from typing_extensions import TypedDict

from trimtab.dashboard.views.attention import ack_of, matcher_text
from trimtab.dashboard.views.world import World

__all__ = ["AckRow", "SilenceRow", "SilencesView", "silences"]


class SilenceRow(TypedDict):
    """One silence; matchers as people write them, such as ``model="credit"``."""

    id: str
    state: Literal["pending", "active", "expired"]
    matchers: list[str]
    starts_ms: int
    ends_ms: int
    author: str
    comment: str


class AckRow(TypedDict):
    """One acknowledgement that holds."""

    incident: str
    model: str
    until_ms: int | None
    author: str
    comment: str
    time_ms: int


class SilencesView(TypedDict):
    """The silences page."""

    now_ms: int
    silences: list[SilenceRow]
    acknowledgements: list[AckRow]


def silences(world: World) -> SilencesView:
    """Silences, those in force first, and acknowledgements of open incidents."""
    now_ms = world.now_ms
    rows = [_row(record, now_ms) for record in world.queries.keyed("silence").values()]
    rows.sort(key=lambda row: (row["state"] != "active", row["state"] == "expired", -row["ends_ms"]))
    firing = {found["incident"] for found in world.queries.incidents(state="firing", most=10_000)}
    acks: list[AckRow] = [
        {
            "incident": record["incident"],
            "model": record["model"],
            "until_ms": record["until_ms"],
            "author": record["author"],
            "comment": record["comment"],
            "time_ms": record["time_ms"],
        }
        for record in world.queries.keyed("ack").values()
        if record["incident"] in firing and ack_of(record, now_ms) is not None
    ]
    return {"now_ms": now_ms, "silences": rows, "acknowledgements": acks}


def _row(record: Mapping[str, Any], now_ms: int) -> SilenceRow:
    state: Literal["pending", "active", "expired"] = "active"
    if now_ms < record["starts_ms"]:
        state = "pending"
    elif now_ms >= record["ends_ms"]:
        state = "expired"
    return {
        "id": record["id"],
        "state": state,
        "matchers": [matcher_text(matcher) for matcher in record["matchers"]],
        "starts_ms": record["starts_ms"],
        "ends_ms": record["ends_ms"],
        "author": record["author"],
        "comment": record["comment"],
    }
