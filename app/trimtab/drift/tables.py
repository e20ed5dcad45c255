"""Two profiles as one table of counts: the one thing that statistics are computed from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import numpy as np

from trimtab.drift.binning import binned, by_category, require_same_frame
from trimtab.profiles import CategoricalProfile, NumericProfile, cell_bounds
from trimtab.profiles.cells import LAST_CELL, CellArray, FloatArray, merge_cells

__all__ = ["FARTHEST", "Table", "View", "table"]

View = Literal["tenths", "twentieths", "cells", "categories"]

FARTHEST = 10.0
"""Where values are winsorised, in interquartile ranges from the median (13.5 standard deviations of a normal)."""


class Table(NamedTuple):
    """Counts of both profiles.

    Parameters
    ----------
    expected, found
        Of the reference and of the window; whole numbers as float64, shape ``(k,)``.
    at
        Where the counts lie on the number line, in interquartile ranges from the reference's median, ascending; shape
        ``(k,)``, or empty for categories and bins.
    """

    expected: FloatArray
    found: FloatArray
    at: FloatArray


def table(view: View, reference: Any, current: Any) -> Table:
    """The table of two profiles of one kind, neither empty; the last one of each view is remembered.

    Several statistics ask for the same one in turn, and most of their cost is in making it.

    Raises
    ------
    ValueError
        The frames differ.

    Examples
    --------
    >>> table("categories", CategoricalProfile({"a": 3}), CategoricalProfile({"a": 1, "b": 1})).found
    array([1., 1.])
    """
    last = _LAST.get(view)
    if last is not None and last[0] is reference and last[1] is current:
        return last[2]
    made = _MAKERS[view](reference, current)
    _LAST[view] = reference, current, made
    return made


def _bins(count: int) -> Callable[[NumericProfile, NumericProfile], Table]:
    return lambda reference, current: Table(*binned(reference, current, count), np.empty(0))


def _cells(reference: NumericProfile, current: NumericProfile) -> Table:
    require_same_frame(reference, current)
    nothing = np.zeros_like(reference.counts)
    cells, found = merge_cells(reference.cells, nothing, current.cells, current.counts)
    expected = np.zeros(cells.size)
    expected[np.searchsorted(cells, reference.cells)] = reference.counts
    lowest = min(reference.minimum, current.minimum)
    highest = max(reference.maximum, current.maximum)
    frame = reference.frame
    seen = ((lowest - frame.center) / frame.scale, (highest - frame.center) / frame.scale)
    return Table(expected, found.astype(np.float64), _positions(cells, seen))


def _categories(reference: CategoricalProfile, current: CategoricalProfile) -> Table:
    _, expected, found = by_category(reference, current)
    return Table(expected, found, np.empty(0))


def _positions(cells: CellArray, seen: tuple[float, float]) -> FloatArray:
    """Standardised place of each cell: its middle, winsorised, and no further out than values were ``seen``."""
    at: FloatArray = np.clip(_MIDDLES[cells + (LAST_CELL + 1)], max(seen[0], -FARTHEST), min(seen[1], FARTHEST))
    return at


def _middles() -> FloatArray:
    """The winsorised middle of every cell there is."""
    low, high = (np.clip(edge, -FARTHEST, FARTHEST) for edge in cell_bounds(np.arange(-1 - LAST_CELL, LAST_CELL + 1)))
    middles: FloatArray = (low + high) / 2
    return middles


_MIDDLES = _middles()


_MAKERS: dict[View, Callable[[Any, Any], Table]] = {
    "tenths": _bins(10),
    "twentieths": _bins(20),
    "cells": _cells,
    "categories": _categories,
}
_LAST: dict[View, tuple[Any, Any, Table]] = {}
