"""Trimtab's side: the code that judges a window live, on windows one after the other and on hopping ones.

The score is minus the logarithm of the least p-value among the statistics that are measured by default, with no effect
asked for. The defaults' own word is the verdict, at a window of one hour.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from loadtest.peers.scripts.power_task import WARM_UP, WINDOW, blocks, by_column, write
from loadtest.verdicts.power.scenarios import BASES, NUMERIC, TEXTS
from trimtab.config import DriftSpec
from trimtab.drift import Budget, Calibration, Nulls, evaluate
from trimtab.profiles import CategoricalProfile, NumericProfile, Reference, WindowProfile

__all__ = ["Judge"]

_HOUR_MS = 3_600_000
_LEAST_COUNT = 100
# Above it no budget of an alarm in a month lets anything pass.
_HOPELESS = 1e-3
_LEAST = 1e-300


class Judge:
    """Judges windows of single columns against one reference.

    Parameters
    ----------
    number
        Of the block.
    data
        Its columns.
    """

    def __init__(self, number: int, data: Any) -> None:
        numeric = {name: data[f"ref/{name}"] for name in (*NUMERIC, "h")}
        texts = {name: _texts(data[f"ref/{name}"]) for name in TEXTS}
        self._reference = Reference.of(f"r{number}", numeric, texts, {})
        self._own = DriftSpec()
        self._any = DriftSpec(thresholds=dict.fromkeys(self._own.thresholds, 0.0))
        wanted = frozenset(self._own.thresholds)
        # Columns are judged one by one: each has its share of the window's budget.
        self._calibration = Calibration(Nulls(), Budget(*self._own.budget), _HOUR_MS, 1 / len(BASES["plain"]), wanted)

    def score(self, name: str, reference: Any, streams: Any) -> dict[str, Any]:
        """Of windows one after the other, and whether the defaults would have said drift."""
        pairs = [[self.of_window(name, window) for window in self._windows(name, stream)] for stream in streams]
        found = np.array(pairs)
        return {"window": found[..., 0], "own": found[..., 1]}

    def hopping(self, name: str, streams: Any, hop: int) -> dict[str, Any]:
        """Of a window every ``hop`` events."""
        pairs = [[self.of_window(name, window) for window in self._hops(name, stream, hop)] for stream in streams]
        return {"hop": np.array(pairs)[..., 0]}

    def of_window(self, name: str, profile: NumericProfile | CategoricalProfile) -> tuple[float, float]:
        """Score of one column of a window, and 1 when it is drift by default."""
        if isinstance(profile, NumericProfile):
            window = WindowProfile(profile.total, {name: profile})
        else:
            window = WindowProfile(profile.total, {}, {name: profile})
        [verdict] = evaluate(self._reference, window, self._any, _LEAST_COUNT, [name], self._calibration)
        least = min(m.p_value for m in verdict.measured.values() if m.p_value is not None)
        drift = False
        if least <= _HOPELESS:
            [own] = evaluate(self._reference, window, self._own, _LEAST_COUNT, [name], self._calibration)
            drift = own.status == "drift"
        return -math.log10(max(least, _LEAST)), float(drift)

    def _profile(self, name: str, values: Any) -> NumericProfile | CategoricalProfile:
        if name in TEXTS:
            return CategoricalProfile.of(_texts(values), self._reference.known(name))
        return NumericProfile.of(values, self._reference.frame(name))

    def _windows(self, name: str, stream: Any) -> Iterator[NumericProfile | CategoricalProfile]:
        return (self._profile(name, stream[at : at + WINDOW]) for at in range(WARM_UP, stream.size, WINDOW))

    def _hops(self, name: str, stream: Any, hop: int) -> Iterator[NumericProfile | CategoricalProfile]:
        ends = range(WARM_UP + hop, stream.size + 1, hop)
        return (self._profile(name, stream[end - WINDOW : end]) for end in ends)


def _texts(values: Any) -> list[str | None]:
    return [f"k{value:.0f}" for value in values]


def main(hop: int | None = None) -> None:
    """Score every block."""
    for number, data in blocks():
        judge = Judge(number, data)

        def score(name: str, reference: Any, streams: Any, judge: Judge = judge) -> dict[str, Any]:
            return judge.score(name, reference, streams) if hop is None else judge.hopping(name, streams, hop)

        name = "trimtab" if hop is None else "trimtab_hop"
        write(name, number, by_column(data, score, lambda key: key.startswith("correlation")))


if __name__ == "__main__":
    main()
