"""HDDM: bounds of Hoeffding and McDiarmid on the moving average of errors."""

from __future__ import annotations

from typing import Any, ClassVar

from trimtab.sequential.detector import detector
from trimtab.sequential.river_detector import RiverDetector

__all__ = ["HddmA", "HddmW"]


@detector
class HddmA(RiverDetector):
    """River's ``drift.binary.HDDMA`` (Frías-Blanco et al. 2015): the average, for sudden changes.

    Examples
    --------
    >>> from trimtab.sequential import SequentialSpec, make_detector
    >>> hddm = make_detector(SequentialSpec(detector="hddm_a"), "binary")
    >>> found = [hddm.update(float(i % 5 == 0 or i >= 500)) for i in range(600)]
    >>> any(found[:500]), any(found)
    (False, True)
    """

    name: ClassVar[str] = "hddm_a"

    def _make(self) -> Any:
        from river.drift.binary import HDDMA

        return HDDMA(**self.args)


@detector
class HddmW(RiverDetector):
    """River's ``drift.binary.HDDMW`` (Frías-Blanco et al. 2015): the weighted average, for gradual changes.

    Examples
    --------
    >>> from trimtab.sequential import SequentialSpec, make_detector
    >>> hddm = make_detector(SequentialSpec(detector="hddm_w"), "binary")
    >>> found = [hddm.update(float(i % 5 == 0 or i >= 500)) for i in range(700)]
    >>> any(found[:500]), any(found)
    (False, True)
    """

    name: ClassVar[str] = "hddm_w"

    def _make(self) -> Any:
        from river.drift.binary import HDDMW

        return HDDMW(**self.args)
