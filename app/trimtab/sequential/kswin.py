"""KSWIN: the last values against a sample of those before, by the Kolmogorov-Smirnov test."""

from __future__ import annotations

from typing import Any, ClassVar

from trimtab.sequential.detector import Detection, detector
from trimtab.sequential.river_detector import RiverDetector

__all__ = ["Kswin"]


@detector
class Kswin(RiverDetector):
    """River's ``drift.KSWIN`` (Raab, Heusinger and Schleif 2020), its sample drawn by ``seed``.

    It sees any change of shape, makes a test with each example, and takes the longest of all detectors for it.

    Examples
    --------
    >>> from trimtab.sequential import SequentialSpec, make_detector
    >>> kswin = make_detector(SequentialSpec(detector="kswin", on="score"), "binary")
    >>> found = [kswin.update((i % 7) / 10 + (i >= 400) / 3) for i in range(500)]
    >>> any(found[:400]), any(found[400:])
    (False, True)
    """

    name: ClassVar[str] = "kswin"

    def _make(self) -> Any:
        from river.drift import KSWIN

        return KSWIN(**self.args)

    def _describe(self) -> Detection:
        # What is left of its window is the part that was found to differ.
        window = self._river.window
        return self._split(len(window), sum(window), float(self._river.p_value))
