"""Sums of floats that do not depend on the order or the grouping in which they were added, to the last bit."""

from __future__ import annotations

import math
from collections.abc import Iterable

__all__ = ["Exact", "exact_sum"]

Exact = tuple[float, ...]
"""A sum as floats, the largest first: each is what the exact sum less those before it rounds to; empty for 0."""

# Sums of a window need two or three; more would say less than the last bit of one event's loss.
_MOST = 8


def exact_sum(*parts: Iterable[float]) -> Exact:
    """The exact sum of all values, or of sums made here before.

    :func:`math.fsum` (Shewchuk 1997) rounds the exact sum once. What it leaves over is summed again, so that the
    parts together lose nothing, and are the same for whatever order and grouping.

    Parameters
    ----------
    parts
        Finite values.

    Examples
    --------
    >>> exact_sum([0.1] * 10), exact_sum(exact_sum([0.1] * 3), exact_sum([0.1] * 7)) == exact_sum([0.1] * 10)
    ((1.0, 5.551115123125783e-17), True)
    """
    terms = [value for part in parts for value in part]
    found: list[float] = []
    while len(found) < _MOST and (rounded := math.fsum(terms)):
        found.append(rounded)
        terms.append(-rounded)
    return tuple(found)
