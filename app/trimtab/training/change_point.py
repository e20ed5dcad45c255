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
from trimtab.training.anchors import Anchors, Place
from trimtab.training.task import Prediction, Task

__all__ = ["ChangePoint", "served_losses"]


@dataclass(slots=True, eq=False)
class ChangePoint:
    """The detector, and the offsets at which it had seen so many losses.

    Examples
    --------
    >>> change = ChangePoint()
    >>> for offset in range(100):
    ...     change.step(offset, 10 * offset, [0.0 if offset < 60 else 1.0] * 10)
    >>> 58 <= change.place.offset <= 66
    True
    """

    detector: Any = field(default_factory=ADWIN)
    count: int = 0
    found: bool = False
    anchors: Anchors = field(default_factory=Anchors)

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any], detector: Any) -> Self:
        """Read what :meth:`to_wire` wrote."""
        return cls(detector, wire["count"], wire["found"], Anchors.from_wire(wire["anchors"]))

    def to_wire(self) -> dict[str, Any]:
        """Plain types, without the detector."""
        return {"count": self.count, "found": self.found, "anchors": self.anchors.to_wire()}

    def step(self, offset: int, examples: int, losses: Iterable[float]) -> None:
        """Take the losses of one record, each in [0, 1]; ``examples`` came before it."""
        self.anchors.add(self.count, offset, examples)
        changed = False
        for loss in losses:
            self.detector.update(loss)
            self.count += 1
            changed |= self.detector.drift_detected
        if changed:
            self.found = True
            self.anchors.forget(self._begins)

    @property
    def _begins(self) -> int:
        return self.count - int(self.detector.width)

    @property
    def place(self) -> Place | None:
        """The record in which the loss last changed; None when it never has."""
        return self.anchors.before(self._begins) if self.found else None


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
