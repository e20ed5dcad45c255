"""Page-Hinkley: deviations from the mean so far, summed up."""

from __future__ import annotations

from typing import Any, ClassVar

from trimtab.sequential.detector import detector
from trimtab.sequential.river_detector import RiverDetector

__all__ = ["PageHinkley"]


@detector
class PageHinkley(RiverDetector):
    """River's ``drift.PageHinkley`` (Page 1954).

    ``delta`` and ``threshold`` are in the unit of the values. ``mode`` is ``up`` on errors and ``both`` on scores,
    unless it is given.

    Examples
    --------
    >>> from trimtab.sequential import SequentialSpec, make_detector
    >>> page = make_detector(SequentialSpec(detector="page_hinkley"), "binary")
    >>> found = [page.update(float(i >= 500)) for i in range(600)]
    >>> any(found[:500]), any(found)
    (False, True)
    """

    name: ClassVar[str] = "page_hinkley"

    def _make(self) -> Any:
        from river import drift

        mode = self.args["mode"] or ("up" if self.on == "error" else "both")
        return drift.PageHinkley(**{**self.args, "mode": mode})
