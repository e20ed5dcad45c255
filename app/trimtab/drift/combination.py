"""One p-value out of several that are not independent."""

from __future__ import annotations

import math
from collections.abc import Sequence

__all__ = ["combined"]

_MOST = 0.99


def combined(p_values: Sequence[float], weights: Sequence[float] | None = None) -> float:
    """Cauchy combination (Liu and Xie 2020): the p-value of the weighted mean of ``tan((0.5 - p) pi)``.

    Right at small levels however the p-values go together, and at all levels when they are independent or one and the
    same. One small p-value among ``n`` counts as ``n`` times what it is; several as less. None counts as larger than
    0.99: that of a discrete statistic may be 1, which would outweigh any small one.

    Parameters
    ----------
    weights
        One each, above 0; equal when None.

    Examples
    --------
    >>> round(combined([0.001, 0.4, 0.6, 0.5]), 4)
    0.004
    >>> round(combined([0.001, 0.002, 0.001, 0.004]), 5)
    0.00145
    >>> round(combined([0.001, 1.0]), 5)
    0.00222
    """
    if min(p_values) == 0:
        return 0.0
    shares = [1.0] * len(p_values) if weights is None else weights
    # The tangent of one half less p is the cotangent of p, which loses nothing where p is small.
    parts = (share / math.tan(min(p, _MOST) * math.pi) for share, p in zip(shares, p_values, strict=True))
    mean = math.fsum(parts) / math.fsum(shares)
    return math.atan(1 / mean) / math.pi if mean > 1 else 0.5 - math.atan(mean) / math.pi
