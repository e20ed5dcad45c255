"""Where the served loss last changed, as an offset of the examples log.

ADWIN (Bifet and Gavaldà, "Learning from time-changing data with adaptive windowing", SDM 2007) keeps the longest window
of losses whose parts do not differ, so its window begins where the loss last changed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from river.drift import ADWIN

from trimtab.events.examples import Examples
from trimtab.training.task import Prediction, Task

__all__ = ["ChangePoint", "served_losses"]

_MOST_ANCHORS = 512


@dataclass(slots=True, eq=False)
class ChangePoint:
    """The detector, and the offsets at which it had seen so many losses.

    Parameters
    ----------
    anchors
        Pairs of a count and the offset of the record that came then; thinned out as they grow many, so that of a
        window of ``n`` examples the beginning is found to within ``n / 128``.

    Examples
    --------
    >>> change = ChangePoint()
    >>> for offset in range(100):
    ...     change.step(offset, [0.0 if offset < 60 else 1.0] * 10)
    >>> 58 <= change.offset <= 66
    True
    """

    detector: Any = field(default_factory=ADWIN)
    count: int = 0
    found: bool = False
    every: int = 1
    records: int = 0
    anchors: list[list[int]] = field(default_factory=list)

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any], detector: Any) -> Self:
        """Read what :meth:`to_wire` wrote."""
        return cls(detector, wire["count"], wire["found"], wire["every"], wire["records"], wire["anchors"])

    def to_wire(self) -> dict[str, Any]:
        """Plain types, without the detector."""
        return {
            "count": self.count,
            "found": self.found,
            "every": self.every,
            "records": self.records,
            "anchors": self.anchors,
        }

    def step(self, offset: int, losses: Iterable[float]) -> None:
        """Take the losses of one record, each in [0, 1]."""
        if self.records % self.every == 0:
            self.anchors.append([self.count, offset])
        self.records += 1
        for loss in losses:
            self.detector.update(loss)
            self.count += 1
            self.found |= self.detector.drift_detected
        if len(self.anchors) > _MOST_ANCHORS:
            self._thin()

    def _thin(self) -> None:
        """Let go of what is before the window, then of every second anchor."""
        begins = self.count - int(self.detector.width)
        before = sum(count <= begins for count, _ in self.anchors)
        self.anchors = self.anchors[max(0, before - 1) :]
        if len(self.anchors) > _MOST_ANCHORS // 2:
            self.anchors = self.anchors[::2]
            self.every *= 2
            self.records = 0

    @property
    def offset(self) -> int | None:
        """The record in which the loss last changed; None when it never has."""
        if not self.found or not self.anchors:
            return None
        begins = self.count - int(self.detector.width)
        return max((offset for count, offset in self.anchors if count <= begins), default=self.anchors[0][1])


def served_losses(task: Task, examples: Examples) -> list[float]:
    """Losses of the predictions that were served; of examples without one there is none."""
    if examples.prediction is None:
        return []
    rows = zip(_values(examples.prediction), examples.labels(), strict=True)
    return [task.loss(Prediction(served), label) for served, label in rows if not _missing(served)]


def _missing(served: Any) -> bool:
    return served is None or (isinstance(served, float) and math.isnan(served))


def _values(column: Any) -> list[Any]:
    return list(column.to_list() if hasattr(column, "to_list") else column.tolist())
