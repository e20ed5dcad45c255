"""The DDM family: the rate of errors, and the distance between them."""

from __future__ import annotations

from typing import Any, ClassVar

from trimtab.sequential.detector import detector
from trimtab.sequential.river_detector import RiverDetector

__all__ = ["Ddm", "Eddm"]


@detector
class Ddm(RiverDetector):
    """River's ``drift.binary.DDM`` (Gama et al. 2004): the error rate against the lowest that it was.

    A model without any error in its first ``warm_start`` examples sets it off with the first one.

    Examples
    --------
    >>> from trimtab.sequential import SequentialSpec, make_detector
    >>> ddm = make_detector(SequentialSpec(detector="ddm"), "binary")
    >>> found = [ddm.update(float(i % 5 == 0 or i >= 500)) for i in range(600)]
    >>> any(found[:500]), any(found)
    (False, True)
    """

    name: ClassVar[str] = "ddm"

    def _make(self) -> Any:
        from river.drift.binary import DDM

        return DDM(**self.args)


@detector
class Eddm(RiverDetector):
    """River's ``drift.binary.EDDM`` (Baena-García et al. 2006): the distance between errors against its largest.

    Examples
    --------
    >>> from trimtab.sequential import SequentialSpec, make_detector
    >>> eddm = make_detector(SequentialSpec(detector="eddm"), "binary")
    >>> import random
    >>> draw = random.Random(1)
    >>> found = [eddm.update(float(draw.random() < (0.1 if i < 3_000 else 0.4))) for i in range(4_000)]
    >>> any(found[:3_000]), any(found)
    (False, True)
    """

    name: ClassVar[str] = "eddm"

    def _make(self) -> Any:
        from river.drift.binary import EDDM

        # alpha is the level of warnings, which nobody hears here, and River wants it no lower than beta.
        return EDDM(**self.args, alpha=1.0)
