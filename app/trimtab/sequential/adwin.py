"""ADWIN: a window that drops its older part when the two differ."""

from __future__ import annotations

from typing import Any, ClassVar

from trimtab.sequential.detector import Detection, detector
from trimtab.sequential.river_detector import RiverDetector

__all__ = ["Adwin"]


@detector
class Adwin(RiverDetector):
    """River's ``drift.ADWIN`` (Bifet and Gavaldà 2007).

    Its bound is for values in [0, 1]: on other scales its second term is of the wrong size, so it suits errors of
    labels and scores, and of a regression those of the order of 1.

    Examples
    --------
    >>> from trimtab.sequential import SequentialSpec, make_detector
    >>> adwin = make_detector(SequentialSpec(detector="adwin"), "binary")
    >>> found = [adwin.update(float(i >= 500)) for i in range(600)]
    >>> next(i for i, detection in enumerate(found) if detection)
    511
    """

    name: ClassVar[str] = "adwin"

    def _make(self) -> Any:
        from river.drift import ADWIN

        return ADWIN(**self.args)

    def _describe(self) -> Detection:
        return self._split(self._river.width, self._river.total)
