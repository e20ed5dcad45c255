"""Common bins for two profiles: edges from the reference, aligned to cells, so that counts are exact."""

from __future__ import annotations

import numpy as np

from trimtab.profiles import CategoricalProfile, NumericProfile
from trimtab.profiles.cells import CountArray, FloatArray
from trimtab.profiles.remembered import Remembered

__all__ = ["binned", "by_category", "require_same_frame"]

_LEAST_PER_BIN = 30  # reference values: with fewer the edges are so uncertain that p-values come out too small


def require_same_frame(reference: NumericProfile, current: NumericProfile) -> None:
    """Cells of different frames say nothing about each other.

    Raises
    ------
    ValueError
        The frames differ.
    """
    if reference.frame != current.frame:
        raise ValueError(f"profiles in different frames: {reference.frame} and {current.frame}")


def binned(reference: NumericProfile, current: NumericProfile, bins: int) -> tuple[FloatArray, FloatArray]:
    """Counts of both profiles in bins of about equal reference mass.

    A reference with more than ``bins`` occupied cells is cut at its ``bins``-quantiles, or fewer when it
    has not 30 values for each; heavy cells swallow several of them, so there may be fewer bins yet, and
    each holds some of the reference. A reference with
    fewer (a constant, a flag, small integers) gets one bin per occupied cell and one for each gap below,
    between and above them, so that values it never had show. Bins that are empty on both sides are left
    out.

    Parameters
    ----------
    reference, current
        In the same frame, neither empty.
    bins
        At least 2.

    Returns
    -------
    Two float64 arrays of whole numbers, shape ``(k,)``, ascending in value.

    Examples
    --------
    >>> from trimtab.profiles import IDENTITY
    >>> constant = NumericProfile.of(np.full(8, 5.0), IDENTITY)
    >>> alive = NumericProfile.of(np.array([1.0, 5.0, 5.0, 9.0]), IDENTITY)
    >>> [counts.tolist() for counts in binned(constant, alive, 10)]
    [[0.0, 8.0, 0.0], [1.0, 2.0, 1.0]]
    """
    require_same_frame(reference, current)
    edges, expected = _of_reference(reference, bins)
    found = _counts(current, edges)
    occupied = (expected + found) > 0
    return expected[occupied], found[occupied]


def _edges_and_counts(reference: NumericProfile, bins: int) -> tuple[CountArray, FloatArray]:
    edges = _edges(reference, bins)
    return edges, _counts(reference, edges)


_of_reference = Remembered(_edges_and_counts)


def _edges(reference: NumericProfile, bins: int) -> CountArray:
    """Last cell of each bin but the uppermost."""
    cells = reference.cells.astype(np.int64)
    if cells.size <= bins:
        around: CountArray = np.unique(np.concatenate((cells - 1, cells)))
        return around
    cumulative = np.cumsum(reference.counts)
    bins = min(bins, max(2, reference.count // _LEAST_PER_BIN))
    ranks = reference.count * np.arange(1, bins) / bins
    inner = np.searchsorted(cumulative, ranks)
    edges: CountArray = np.unique(cells[inner[inner < cells.size - 1]])
    return edges


def _counts(profile: NumericProfile, edges: CountArray) -> FloatArray:
    # Weights are float64, which holds counts exactly up to 2**53.
    at = np.searchsorted(edges, profile.cells)
    return np.bincount(at, weights=profile.counts, minlength=edges.size + 1).astype(np.float64)


def by_category(
    reference: CategoricalProfile, current: CategoricalProfile
) -> tuple[tuple[str | None, ...], FloatArray, FloatArray]:
    """Counts of both profiles by category.

    A reference that kept all its categories is compared by every name of either side: a window's new names,
    pooled, would be what the reference happened not to see, a choice that alone makes honest windows look
    drifted. A reference that did not is compared by the names it kept. Values beyond these come last, named
    None.

    Returns
    -------
    Names, and two float64 arrays of whole numbers, shape ``(k,)``; no category is empty on both sides.

    Examples
    --------
    >>> by_category(CategoricalProfile({"a": 3}), CategoricalProfile({"a": 1, "b": 2}, other=1))
    (('a', 'b', None), array([3., 0., 0.]), array([1., 2., 1.]))
    """
    # A reference of earlier windows may have names that are new beside those of its frame.
    had, found = ({**profile.new, **profile.counts} for profile in (reference, current))
    names = set(had)
    if reference.other == 0:
        names |= found.keys()
    order = sorted(names)
    before = [had.get(name, 0) for name in order]
    after = [found.get(name, 0) for name in order]
    expected = np.array([*before, reference.count - sum(before)], dtype=float)
    seen = np.array([*after, current.count - sum(after)], dtype=float)
    occupied = (expected + seen) > 0
    kept = tuple(name for name, used in zip((*order, None), occupied, strict=True) if used)
    return kept, expected[occupied], seen[occupied]
