"""What is measured of races: false winners between equal models, and power and patience between unequal ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from loadtest.races.simulate import Pair, differences, mcnemar_fixed, mcnemar_peeked, won
from trimtab.config import RaceSpec

__all__ = ["CANDIDATES", "EVERY", "GAPS", "equal", "unequal"]

GAPS = (0.5, 1.0, 2.0, 5.0)
CANDIDATES = 2
# Records of the examples log have about so many examples while a stream is busy.
EVERY = 50
# Races are simulated so many at once, which bounds memory.
_AT_ONCE = 250

Tell = Callable[[str], None]


def equal(spec: RaceSpec, apart: float, races: int, examples: int, tell: Tell) -> dict[str, Any]:
    """A/A: the share of races that somebody wins though all are equal; McNemar's, once and peeked, beside it."""
    found: dict[str, list[npt.NDArray[Any]]] = {"two": [], "one": [], "fixed": [], "peeked": []}
    pair = Pair(0.0, apart)
    for begun in range(0, races, _AT_ONCE):
        count = min(_AT_ONCE, races - begun)
        steps = differences(pair, examples, count, CANDIDATES, seed=begun)
        found["two"].append(won(steps, spec, EVERY).at > 0)
        found["one"].append(won(steps[:, :1], spec, EVERY).at > 0)
        found["fixed"].append(mcnemar_fixed(steps, spec.alpha))
        found["peeked"].append(mcnemar_peeked(steps, spec.alpha, EVERY, spec.min_examples) > 0)
        tell(f"equal models: {begun + count:,} of {races:,} races")
    counts = {name: int(np.concatenate(parts).sum()) for name, parts in found.items()}
    return {
        "races": races,
        "promotions": counts["two"],
        "alpha": spec.alpha,
        "candidates": CANDIDATES,
        "promotions_of_one": counts["one"],
        "examples": examples,
        "apart": apart,
        "mcnemar_fixed": counts["fixed"],
        "mcnemar_peeked": counts["peeked"],
    }


def unequal(spec: RaceSpec, gap: float, apart: float, races: int, examples: int, tell: Tell) -> dict[str, Any]:
    """A/B: ``gap`` in points; how many of the races are won within how many examples."""
    pair = Pair(gap / 100, max(apart, gap / 100))
    at: list[npt.NDArray[np.int64]] = []
    fixed: list[npt.NDArray[np.bool_]] = []
    for begun in range(0, races, _AT_ONCE):
        count = min(_AT_ONCE, races - begun)
        steps = differences(pair, examples, count, 1, seed=1_000_000 + begun)
        at.append(won(steps, spec, EVERY).at)
        fixed.append(mcnemar_fixed(steps[: spec.max_examples], spec.alpha))
    when = np.concatenate(at)
    tell(f"{gap:g} points apart: done")
    decided = when[when > 0]
    return {
        "gap": gap,
        "races": races,
        "power": float((when > 0).mean()),
        "examples": examples,
        "median_examples": float(np.median(decided)) if decided.size else None,
        "power_within_limit": float(((when > 0) & (when <= spec.max_examples)).mean()),
        "limit": spec.max_examples,
        "mcnemar_fixed_power_at_limit": float(np.concatenate(fixed).mean()),
    }
