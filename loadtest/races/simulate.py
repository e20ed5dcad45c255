"""Races of made-up models, many at once, decided as the trainer decides them.

A race is a row of paired differences: 1 where only the challenger is right, -1 where only the champion is, else 0. The
wealths of all races are kept in arrays; ``tests/unit/loadtest/test_races.py`` holds every decision against
:class:`trimtab.training.race.Race`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.stats import binom

from trimtab.config import RaceSpec
from trimtab.training.betting import BETS

__all__ = ["Pair", "Won", "differences", "mcnemar_fixed", "mcnemar_peeked", "won"]

Counts = npt.NDArray[np.int64]
Steps = npt.NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two models: by how much the challenger's error rate is smaller, and how often just one of them is right."""

    gap: float
    apart: float

    def __post_init__(self) -> None:
        if not abs(self.gap) <= self.apart <= 1:
            raise ValueError(f"models that differ on {self.apart:g} of the examples cannot be {self.gap:g} apart")


class Won(NamedTuple):
    """At which example each race was won, and by whom; 0 for never. Shape ``(races,)``."""

    at: Counts
    candidate: Counts


def differences(pair: Pair, examples: int, races: int, candidates: int, seed: int) -> Steps:
    """Paired differences, shape ``(examples, candidates, races)``; candidates are independent of one another."""
    rng = np.random.default_rng(seed)
    better, worse = (pair.apart + pair.gap) / 2, (pair.apart - pair.gap) / 2
    drawn = rng.random((examples, candidates, races), dtype=np.float32)
    return (drawn < better).astype(np.int8) - ((drawn >= better) & (drawn < better + worse)).astype(np.int8)


def won(steps: Steps, spec: RaceSpec, every: int) -> Won:
    """Who wins and when, as looked at after each batch of ``every`` examples.

    Parameters
    ----------
    steps
        Shape ``(examples, candidates, races)``.
    spec
        The rule; its limit on examples is not asked, ``steps`` ends where it ends.
    """
    examples, candidates, races = steps.shape
    capital = np.ones((len(BETS), candidates, races))
    total = np.zeros((candidates, races), np.int64)
    at, by = np.zeros(races, np.int64), np.full(races, -1, np.int64)
    for example in range(examples):
        step = steps[example].astype(np.float64)
        for number, bet in enumerate(BETS):
            capital[number] *= 1.0 + bet * step
        total += steps[example]
        seen = example + 1
        if seen >= spec.min_examples and (seen % every == 0 or seen == examples):
            wealth = sum(capital[1:], capital[0]) / len(BETS)
            ahead = (wealth >= candidates / spec.alpha) & (total / seen >= spec.min_effect)
            best = np.where(ahead, wealth, 0.0).argmax(axis=0)
            new = ahead.any(axis=0) & (at == 0)
            at[new], by[new] = seen, best[new]
    return Won(at, by)


def mcnemar_fixed(steps: Steps, alpha: float) -> npt.NDArray[np.bool_]:
    """Which races a one-sided exact McNemar test, asked once at the end, finds won. Shape ``(races,)``.

    McNemar, "Note on the sampling error of the difference between correlated proportions", Psychometrika 1947: given
    how often just one was right, it was the challenger with probability one half. One candidate.
    """
    return _tested(steps[:, 0].astype(np.int64).clip(0).sum(0), np.abs(steps[:, 0].astype(np.int64)).sum(0), alpha)


def mcnemar_peeked(steps: Steps, alpha: float, every: int, first: int) -> Counts:
    """At which example the same test, asked after each batch from ``first`` on, first says won; 0 for never."""
    better = (steps[:, 0] > 0).cumsum(axis=0)
    apart = (steps[:, 0] != 0).cumsum(axis=0)
    at = np.zeros(steps.shape[2], np.int64)
    for seen in range(every, len(steps) + 1, every):
        if seen >= first:
            at[_tested(better[seen - 1], apart[seen - 1], alpha) & (at == 0)] = seen
    return at


def _tested(better: Counts, apart: Counts, alpha: float) -> npt.NDArray[np.bool_]:
    chance: npt.NDArray[np.float64] = binom.sf(better - 1, apart, 0.5)
    return (chance <= alpha) & (apart > 0)
