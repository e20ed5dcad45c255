"""Profiles: mergeable, deterministic, bounded summaries of one window of events.

The collector makes a :class:`WindowProfile` per flush, the monitor merges them and compares the sum with a
:class:`Reference`. Counts (cells, categories, confusion) merge exactly in any order. Float sums (mean,
second moment, losses) merge commutatively to the bit, but their last bits depend on how merges are grouped;
so whoever needs the same bits after a replay merges in one fixed order, which here is the order of the log.
"""

from trimtab.profiles.basis import Basis
from trimtab.profiles.categorical import MAX_CATEGORIES, MAX_NAME_CHARS, MAX_NEW, CategoricalProfile
from trimtab.profiles.cells import CELL_RELATIVE_WIDTH, cell_bounds, cell_index, kernels
from trimtab.profiles.frame import IDENTITY, LARGEST, Frame
from trimtab.profiles.numeric import NumericProfile
from trimtab.profiles.performance import PerformanceProfile
from trimtab.profiles.reference import PREDICTION, RECONSTRUCTION, SCORE, Reference
from trimtab.profiles.sample import RowSample
from trimtab.profiles.segments import segment_rows
from trimtab.profiles.window import WindowProfile

__all__ = [
    "Basis",
    "Frame",
    "IDENTITY",
    "LARGEST",
    "cell_index",
    "cell_bounds",
    "CELL_RELATIVE_WIDTH",
    "kernels",
    "NumericProfile",
    "CategoricalProfile",
    "MAX_CATEGORIES",
    "MAX_NEW",
    "MAX_NAME_CHARS",
    "PerformanceProfile",
    "RowSample",
    "WindowProfile",
    "Reference",
    "SCORE",
    "PREDICTION",
    "RECONSTRUCTION",
    "segment_rows",
]
