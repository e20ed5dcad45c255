"""What a classifier of rows looks at: standard scores, categories, and products of two of them."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import numpy.typing as npt
from scipy import special

from trimtab.events.columns import Categories
from trimtab.profiles import RowSample
from trimtab.profiles.cells import FloatArray

__all__ = ["columns_of", "telling_terms"]

_MOST_CATEGORIES = 16
_MOST_COLUMNS = 256
"""Columns whose products are tried: what is done with them grows with the square."""

_DECIMALS = 6


def columns_of(reference: RowSample, window: RowSample, ignore: Collection[str] = ()) -> FloatArray:
    """Numbers as normal scores of their ranks among both sides, categories as zeros and ones.

    So nothing is infinite or outlying, and both sides are treated alike. Missing numbers are 0, the median; missing
    categories are one of their own, and those that are rare are one together.

    Returns
    -------
    Shape ``(m, n)``: rows of the reference, then those of the window. Those that never vary are left out.
    """
    found = [
        _normal_scores(np.concatenate((column, window.numbers[name])))[None]
        for name, column in sorted(reference.numbers.items())
        if name in window.numbers and name not in ignore
    ]
    found += [
        _one_hot(Categories.concat((column, window.categories[name])))
        for name, column in sorted(reference.categories.items())
        if name in window.categories and name not in ignore
    ]
    columns = np.concatenate(found) if found else np.empty((0, len(reference) + len(window)))
    return columns[columns.min(axis=1) < columns.max(axis=1)] if columns.size else columns


def telling_terms(
    columns: FloatArray, is_window: npt.NDArray[np.bool_], taught: npt.NDArray[np.bool_], most: int
) -> FloatArray:
    """Of the columns and the products of two, those whose means differ most, by Welch's t, in the rows that teach.

    Parameters
    ----------
    columns
        Shape ``(m, n)``.
    is_window, taught
        Shape ``(n,)``.

    Returns
    -------
    Shape ``(k, n)``, ``k`` at most ``most``.
    """
    before, after = columns[:, taught & ~is_window], columns[:, taught & is_window]
    ones = [np.ones((1, side.shape[1])) for side in (before, after)]
    single = _welch(np.concatenate((before, ones[0])), np.concatenate((after, ones[1])))[-1, :-1]
    kept = np.sort(_largest(single, _MOST_COLUMNS))
    before, after = before[kept], after[kept]
    rows, others = np.triu_indices(kept.size)
    products = _welch(before, after)[rows, others]
    # The square of zeros and ones is the column itself.
    products[(rows == others) & (np.abs(columns[kept]).max(axis=1) == 1)[rows]] = 0.0
    score = np.concatenate((single[kept], products))
    chosen = np.sort(_largest(score, most))
    chosen = chosen[score[chosen] > 0]
    singles, pairs = chosen[chosen < kept.size], chosen[chosen >= kept.size] - kept.size
    return np.concatenate((columns[kept[singles]], columns[kept[rows[pairs]]] * columns[kept[others[pairs]]]))


def _welch(before: FloatArray, after: FloatArray) -> FloatArray:
    """Of the mean of each product of two columns; shapes ``(m, a)``, ``(m, b)`` and ``(m, m)``; 0 without variance."""
    difference, variance = 0.0, 0.0
    for side, sign in ((before, -1.0), (after, 1.0)):
        mean = side @ side.T / side.shape[1]
        squares = np.square(side)
        variance = variance + (squares @ squares.T / side.shape[1] - np.square(mean)) / side.shape[1]
        difference = difference + sign * mean
    # Rounded, so that terms that tell as much are taken in one order on every machine.
    found = np.abs(difference) / np.sqrt(np.maximum(variance, 1e-9))
    return np.asarray(np.round(found, _DECIMALS))


def _largest(score: FloatArray, most: int) -> npt.NDArray[np.int64]:
    return np.argsort(-score, kind="stable")[:most]


def _normal_scores(values: FloatArray) -> FloatArray:
    """Van der Waerden's; ties have the mean of their ranks, NaN is 0."""
    there = ~np.isnan(values)
    _, which, counts = np.unique(values[there], return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[which]
    scores = np.zeros(values.size)
    scores[there] = special.ndtri(ranks / (ranks.size + 1))
    return scores


def _one_hot(column: Categories) -> FloatArray:
    """A row for each of the most frequent, one for missing, one for the rest."""
    counts = np.bincount(column.codes + 1, minlength=len(column.names) + 1)[1:]
    ordered = sorted(range(len(column.names)), key=lambda code: (-counts[code], column.names[code]))[:_MOST_CATEGORIES]
    rows = [column.codes == code for code in (-1, *ordered)]
    rows.append(~np.logical_or.reduce(rows))
    return np.array(rows, np.float64)
