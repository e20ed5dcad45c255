"""Histograms by window and feature in plain dicts: what one writes who has messages in a loop."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from typing import Any

import orjson

from loadtest.peers.scripts.task import BINS, EDGES, FEATURES, WINDOW_MS, metric, psi
from loadtest.peers.scripts.windows import Windows

__all__ = ["Histograms", "empty_bins", "metric_of"]

Bins = dict[str, list[int]]


def empty_bins() -> Bins:
    """Feature to 20 counts of zero."""
    return {name: [0] * BINS for name in FEATURES}


def metric_of(start_ms: int, bins: Bins) -> dict[str, Any]:
    """The metric message of a window with these counts."""
    return metric(start_ms, sum(bins[FEATURES[0]]), {name: psi(counts) for name, counts in bins.items()})


class Histograms(Windows[Bins]):
    """Counts by window, feature and bin."""

    def take(self, values: Iterable[bytes]) -> list[dict[str, Any]]:
        """Count events; returns the metrics of the windows that they closed."""
        loads, bisect, edges, opened = orjson.loads, bisect_right, EDGES, self._open
        closed: list[dict[str, Any]] = []
        for value in values:
            self.seen += 1
            event = loads(value)
            time_ms = event["time"]
            start_ms = time_ms - time_ms % WINDOW_MS
            bins = opened.get(start_ms) or self._begin(start_ms)
            if bins is None:
                self.late += 1
                continue
            for name, number in event["features"].items():
                bins[name][bisect(edges, number)] += 1
            if time_ms > self._clock_ms:
                self._clock_ms = time_ms
                if time_ms >= self._due_ms:
                    closed += self._close()
        return closed

    def _make(self) -> Bins:
        return empty_bins()

    def _metric(self, start_ms: int, window: Bins) -> dict[str, Any]:
        return metric_of(start_ms, window)
