"""confluent-kafka with river: one ADWIN for each feature, updated with every event; windows say what they found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import orjson
from river.drift import ADWIN

from loadtest.peers.scripts.task import FEATURES, WINDOW_MS, metric
from loadtest.peers.scripts.windows import Windows, consume


@dataclass(slots=True)
class _Window:
    events: int = 0
    drifts: int = 0


class Detectors(Windows[_Window]):
    """The detectors, which know no windows, and what each window saw of them."""

    def __init__(self) -> None:
        super().__init__()
        self._detectors = {name: ADWIN() for name in FEATURES}

    def take(self, values: Iterable[bytes]) -> list[dict[str, Any]]:
        """Update with events; returns the metrics of the windows that they closed."""
        loads, detectors, opened = orjson.loads, self._detectors, self._open
        closed: list[dict[str, Any]] = []
        for value in values:
            self.seen += 1
            event = loads(value)
            time_ms = event["time"]
            start_ms = time_ms - time_ms % WINDOW_MS
            window = opened.get(start_ms) or self._begin(start_ms)
            if window is None:
                self.late += 1
                continue
            window.events += 1
            for name, number in event["features"].items():
                detector = detectors[name]
                detector.update(number)
                if detector.drift_detected:
                    window.drifts += 1
            if time_ms > self._clock_ms:
                self._clock_ms = time_ms
                if time_ms >= self._due_ms:
                    closed += self._close()
        return closed

    def _make(self) -> _Window:
        return _Window()

    def _metric(self, start_ms: int, window: _Window) -> dict[str, Any]:
        means = {name: detector.estimation for name, detector in self._detectors.items()}
        return metric(start_ms, window.events, None, drifts=window.drifts, means=means)


if __name__ == "__main__":
    consume(Detectors())
