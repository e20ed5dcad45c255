"""Trimtab's side: the code that judges a window live, on windows one after the other and on hopping ones.

The score is minus the logarithm of the p-value that the statistics which are measured by default have together, with no
effect asked for. The defaults' own word is the verdict, at a window of one hour.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Self

import numpy as np

from loadtest.peers.scripts.power_task import WARM_UP, WINDOW, blocks, by_column, write
from loadtest.verdicts.power.scenarios import BASES, NUMERIC, TEXTS
from trimtab.config import DriftSpec
from trimtab.drift import Budget, Calibration, Nulls, evaluate
from trimtab.profiles import CategoricalProfile, NumericProfile, Reference, WindowProfile

__all__ = ["Judge", "Together"]

_RECONSTRUCTION = "__reconstruction__"
_HOUR_MS = 3_600_000
_LEAST_COUNT = 100
# Above it no budget of an alarm in a month lets anything pass.
_HOPELESS = 1e-3
_LEAST = 1e-300


class Judge:
    """Judges windows of single columns against one reference.

    Parameters
    ----------
    reference
        Of the block.
    """

    def __init__(self, reference: Reference) -> None:
        self._reference = reference
        self._own = DriftSpec()
        self._any = DriftSpec(thresholds=dict.fromkeys(self._own.thresholds, 0.0))
        wanted = frozenset(self._own.thresholds)
        # Columns are judged one by one: each has its share of the window's budget.
        self._calibration = Calibration(Nulls(), Budget(*self._own.budget), _HOUR_MS, 1 / len(BASES["plain"]), wanted)

    @classmethod
    def of(cls, number: int, data: Any) -> Self:
        """With the reference of a block."""
        numeric = {name: data[f"ref/{name}"] for name in (*NUMERIC, "h")}
        texts = {name: _texts(data[f"ref/{name}"]) for name in TEXTS}
        return cls(Reference.of(f"r{number}", numeric, texts, {}))

    def score(self, name: str, streams: Any, hop: int | None) -> dict[str, Any]:
        """Of windows one after the other, and whether the defaults would have said drift; or of hopping ones."""
        cut = [[self.of_window(name, self._profile(name, values)) for values in _cut(s, hop)] for s in streams]
        found = np.array(cut)
        return {"window": found[..., 0], "own": found[..., 1]} if hop is None else {"hop": found[..., 0]}

    def of_window(self, name: str, profile: NumericProfile | CategoricalProfile) -> tuple[float, float]:
        """Score of one column of a window, and 1 when it is drift by default."""
        if isinstance(profile, NumericProfile):
            window = WindowProfile(profile.total, {name: profile})
        else:
            window = WindowProfile(profile.total, {}, {name: profile})
        [verdict] = evaluate(self._reference, window, self._any, _LEAST_COUNT, [name], self._calibration)
        least = 1.0 if verdict.p_value is None else verdict.p_value
        drift = False
        if least <= _HOPELESS:
            [own] = evaluate(self._reference, window, self._own, _LEAST_COUNT, [name], self._calibration)
            drift = own.status == "drift"
        return -math.log10(max(least, _LEAST)), float(drift)

    def _profile(self, name: str, values: Any) -> NumericProfile | CategoricalProfile:
        if name in TEXTS:
            return CategoricalProfile.of(_texts(values), self._reference.known(name))
        return NumericProfile.of(values, self._reference.frame(name))


class Together:
    """Judges whether the numbers of a window still go together, by what the reference's basis leaves unexplained.

    Parameters
    ----------
    reference
        With a basis.
    """

    def __init__(self, reference: Any) -> None:
        self._basis = reference.basis
        self._frame = reference.frame(_RECONSTRUCTION)
        self._judge = Judge(reference)

    @classmethod
    def of(cls, number: int, data: Any) -> Self | None:
        """With the basis of a block; None where the configuration knows of none."""
        if "multivariate" not in DriftSpec.model_fields:
            return None
        wanted: Any = {"multivariate": True}
        return cls(Reference.of(f"t{number}", {name: data[f"ref/{name}"] for name in NUMERIC}, {}, {}, **wanted))

    def scores(self, data: Any, hop: int | None) -> dict[str, Any]:
        """Of streams without a shift, and of those whose columns change together."""
        found: dict[str, Any] = {}
        parts = dict.fromkeys(key.split("/")[0] for key in data if key.startswith(("cal/", "test/", "correlation")))
        for part in parts:
            # A shift of some columns leaves the others as the test streams have them.
            columns = [data.get(f"{part}/{name}", data[f"test/{name}"]) for name in self._basis.features]
            pairs = np.array([[self._of_window(rows) for rows in _cut(s, hop)] for s in np.stack(columns, axis=1)])
            if hop is None:
                found |= {f"window|{part}/joint": pairs[..., 0], f"own|{part}/joint": pairs[..., 1]}
            else:
                found[f"hop|{part}/joint"] = pairs[..., 0]
        return found

    def _of_window(self, rows: Any) -> tuple[float, float]:
        profile = NumericProfile.of(self._basis.errors(rows), self._frame)
        return self._judge.of_window(_RECONSTRUCTION, profile)


def _cut(stream: Any, hop: int | None) -> Iterator[Any]:
    """Windows of a stream, whose last axis is events: one after the other, or one every ``hop`` events."""
    every = WINDOW if hop is None else hop
    return (stream[..., end - WINDOW : end] for end in range(WARM_UP + every, stream.shape[-1] + 1, every))


def _texts(values: Any) -> list[str | None]:
    return [f"k{value:.0f}" for value in values]


def main(hop: int | None = None) -> None:
    """Score every block."""
    for number, data in blocks():
        judge, together = Judge.of(number, data), Together.of(number, data)

        def score(name: str, reference: Any, streams: Any, judge: Judge = judge) -> dict[str, Any]:
            return judge.score(name, streams, hop)

        scores = by_column(data, score, lambda key: key.startswith("correlation"))
        if together is not None:
            scores |= together.scores(data, hop)
        write("trimtab" if hop is None else "trimtab_hop", number, scores)


if __name__ == "__main__":
    main()
