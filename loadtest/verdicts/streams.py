"""Streams in which nothing changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from trimtab.profiles.cells import FloatArray

__all__ = ["NUMERIC", "TEXTS", "Draw"]

Draw = Callable[[np.random.Generator, int], FloatArray]


def _mixed(draw: np.random.Generator, n: int) -> FloatArray:
    return np.where(draw.random(n) < 0.4, 0.0, draw.gamma(2.0, size=n))


NUMERIC: Mapping[str, Draw] = {
    "normal": lambda draw, n: draw.normal(size=n),
    "heavy-tailed (Cauchy)": lambda draw, n: draw.standard_cauchy(size=n),
    "skewed (lognormal)": lambda draw, n: np.exp(draw.normal(size=n)),
    "discrete (Poisson 3)": lambda draw, n: draw.poisson(3.0, size=n).astype(np.float64),
    "mixed (40 % zero)": _mixed,
    "constant": lambda draw, n: np.full(n, 5.0),
}

TEXTS: Mapping[str, Callable[[np.random.Generator, int], list[str | None]]] = {
    "10 categories": lambda draw, n: [f"c{k}" for k in draw.integers(0, 10, n).tolist()],
    "long tail (Zipf 1.7)": lambda draw, n: [f"c{k}" for k in np.minimum(draw.zipf(1.7, n), 10**6).tolist()],
}
