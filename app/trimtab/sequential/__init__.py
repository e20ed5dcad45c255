"""Sequential detectors: each example of a model, in their one order, may be the one that reveals a change.

A detector is one class, registered by ``@detector``. To add one, write it, import its file below, and name it with its
arguments in ``trimtab.config.sequential``; the conformance suite in ``tests/unit/sequential`` picks it up.
"""

from trimtab.config import SequentialSpec
from trimtab.sequential import adwin, cusum, ddm, ewma, hddm, kswin, page_hinkley
from trimtab.sequential.detector import Detection, Detector, detector, make_detector, names

__all__ = [
    "Detection",
    "Detector",
    "SequentialSpec",
    "detector",
    "make_detector",
    "names",
    "adwin",
    "cusum",
    "ddm",
    "ewma",
    "hddm",
    "kswin",
    "page_hinkley",
]
