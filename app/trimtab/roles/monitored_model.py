"""What a monitor holds of one model between records: windows, silences, arrivals, followers and alerts."""

from __future__ import annotations

from typing import Any

from trimtab import clock
from trimtab.config import Config
from trimtab.drift import Nulls
from trimtab.kafka.topics import partition_of
from trimtab.roles.verdicts import Verdicts
from trimtab.roles.window_records import limits_of
from trimtab.windows import Absence, Arrivals, Arrived, ClosedWindow, Followers, Silence, Stale, Staleness, WindowState

__all__ = ["MonitoredModel", "awaited"]


class MonitoredModel:
    """Windows, silences and alerts of one model."""

    def __init__(
        self, name: str, config: Config, nulls: Nulls, state: dict[str, Any], records: dict[str, dict[str, Any]]
    ) -> None:
        model = config.models[name]
        self.name = name
        self.windows = WindowState(model.window, clock.now_ms(), state.get("windows"))
        limits = {"inputs": model.absence.predictions, "performance": model.absence.labels}
        self.absence = Absence({kind: limit for kind, limit in limits.items() if limit is not None}, clock.now_ms())
        self.silences: list[Silence] = []
        self.arrivals = Arrivals(model.window, clock.now_ms(), state.get("arrivals"))
        self.arrived: list[Arrived] = []
        self.staleness = Staleness(model.absence.stale, state.get("stale"))
        self.stale: list[Stale] = []
        self.followers = Followers(state.get("followers"))
        self.served: dict[int, int] = {}
        self.verdicts = Verdicts(name, model, nulls, state.get("verdicts"), records)
        self.limits = limits_of(model)

    def take(self, offset: int, batch: dict[str, Any], now_ms: int) -> list[ClosedWindow]:
        """One profile record; returns the windows that it closed."""
        closed = self.windows.step(offset, batch, now_ms)
        self.arrived += self.arrivals.step(offset, batch, now_ms)
        self.absence.hear((profile["kind"] for profile in batch["profiles"]), now_ms)
        for profile in batch["profiles"]:
            if profile["kind"] == "inputs":
                # A producer's clock may be ahead, and would be heard for ever.
                self.staleness.hear(int(profile["version"]), min(now_ms, int(profile["last_produced_ms"])))
        return closed

    def follow(self, instance: str, version: int | None, sent_ms: int) -> None:
        """A service serves a version, or (None) has ended."""
        if version is None:
            self.followers.end(instance)
            return
        self.followers.hear(instance, version, sent_ms)
        self.staleness.hear(version, sent_ms)

    @property
    def has_news(self) -> bool:
        """Whether there is something to tell beside closed windows."""
        return self.windows.has_late or bool(self.silences or self.stale or self.arrived or self.served)

    def waits(self, now_ms: int) -> bool:
        """Whether it matters what is unread."""
        parts = (self.windows, self.absence, self.arrivals, self.staleness)
        return any(part.waits(now_ms) for part in parts)

    def snapshot(self) -> dict[str, Any]:
        """The state record: what a successor needs beside the unacknowledged records."""
        return {
            "model": self.name,
            "offset": self.windows.offset,
            "windows": self.windows.snapshot(),
            "verdicts": self.verdicts.snapshot(),
            "stale": self.staleness.snapshot(),
            "arrivals": self.arrivals.snapshot(),
            "followers": self.followers.snapshot(),
        }


def awaited(config: Config, partition: int) -> list[str]:
    """Models of a partition whose silence is an alert."""
    return [
        name
        for name, model in config.models.items()
        if partition_of(name, config.kafka.partitions) == partition
        and (model.absence.predictions is not None or model.absence.labels is not None)
    ]
