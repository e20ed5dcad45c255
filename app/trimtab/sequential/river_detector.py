"""River's detectors behind the one shape, and the means that those do not tell which only say "now"."""

from __future__ import annotations

from abc import abstractmethod
from collections import deque
from typing import Any

from trimtab.sequential.detector import Detection, Detector

__all__ = ["RECENT", "RiverDetector"]

RECENT = 30
"""The last so many values are taken to lie after a change whose place the detector does not tell."""


class RiverDetector(Detector):
    """A detector of River: it decides, and what is kept beside it only describes what it found."""

    @abstractmethod
    def _make(self) -> Any:
        """River's own object."""

    def _start(self, state: Any) -> None:
        if state is None:
            self._river, self._count, self._total = self._make(), 0, 0.0
            self._recent: deque[float] = deque(maxlen=RECENT)
        else:
            self._river, self._count, self._total, self._recent = state

    def state(self) -> Any:
        """River's object, and the count, sum and last values since it started."""
        return self._river, self._count, self._total, self._recent

    def _update(self, value: float) -> Detection | None:
        self._count += 1
        self._total += value
        self._recent.append(value)
        self._river.update(value)
        if not self._river.drift_detected:
            return None
        found = self._describe()
        # River's object starts anew by itself, with its next value.
        self._count, self._total = 0, 0.0
        self._recent.clear()
        return found

    def _describe(self) -> Detection:
        """What is known of a change just found."""
        return self._split(len(self._recent), sum(self._recent))

    def _split(self, count: int, total: float, p_value: float | None = None) -> Detection:
        """The last ``count`` values, of sum ``total``, lie after the change."""
        others = self._count - count
        before = (self._total - total) / others if others > 0 else None
        return Detection(before, total / count if count else None, p_value)
