"""Null distributions: what a statistic says of a window in which nothing has changed, simulated for each reference."""

from __future__ import annotations

import math
import zlib
from collections import OrderedDict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from trimtab.drift.registry import Kernel, Statistic, statistics
from trimtab.drift.tables import Table, View, table
from trimtab.profiles.cells import CountArray, FloatArray

__all__ = ["Null", "Nulls"]

REPLICATES = 2_000
# Neighbouring sizes differ by a twentieth; what is left of the difference is taken out by the order of the statistic.
_SIZES_AN_E = 20
_TAIL = 0.05
# So many of the values in the tail are worth one: with it the level is right at 1e-4 (docs/statistics.md).
_TRUSTED = 1 / 5
_ENOUGH = 40  # simulated values beyond an observed one, with which their number is estimate enough
# Windows for each drawn reference: nearly as good as one each, and references are the larger.
_WINDOWS = 4
_AT_ONCE = 1 << 21  # counts held at once
_KEPT = 4_000  # null distributions, of some 20 kB each


@dataclass(frozen=True, slots=True, eq=False)
class Null:
    """Simulated values of one statistic, and the exponential tail beyond them.

    Parameters
    ----------
    values
        Ascending, shape ``(n,)``.
    order
        Of the statistic: squares of order-1 statistics, and order-2 statistics, have tails like the exponential.
    """

    values: FloatArray
    order: int

    @property
    def degenerate(self) -> bool:
        """The tail is one value, as of a constant: how rare a larger one is cannot be told from it."""
        return bool(self.values[-math.ceil(self.values.size * _TAIL)] == self.values[-1])

    def p_value(self, value: float) -> float:
        """Probability of a value at least as large, above 0; half of an equal one counts (Lancaster's mid-p, 1961).

        Beyond the simulated values the tail is the exponential that fits their upper twentieth, as Knijnenburg et al.
        (2009) do with the generalised Pareto. These statistics, or their squares, are close to weighted sums of squared
        normals, whose tails fall like the exponential or, at first, faster. What is predicted from ``n`` values of an
        exponential is a power law, ``(1 + x / n)**-n``; here ``n`` is a fifth of those that were fitted, since the
        reference that they were drawn from is a sample too.

        Examples
        --------
        >>> null = Null(np.sort(np.random.default_rng(0).exponential(size=2_000)), order=2)
        >>> round(null.p_value(3.0), 2), 1e-6 < null.p_value(12.0) < 1e-4
        (0.05, True)
        """
        size = self.values.size
        low, high = (int(np.searchsorted(self.values, value, side)) for side in ("left", "right"))
        above = size - high
        if above + (high - low) / 2 >= _ENOUGH:
            return (above + (high - low) / 2) / size
        start = size - math.ceil(size * _TAIL)
        power = 2 / self.order
        from_there = float(self.values[start]) ** power
        excess = float((self.values[start:] ** power).mean()) - from_there
        beyond = value**power - from_there
        if excess <= 0:  # all values of the tail are equal
            return _TAIL if beyond <= 0 else 1 / (size + 1)
        known, far = _TRUSTED * (size - start), beyond / excess
        return max(_TAIL * math.exp(-far if far < 0 else -known * math.log1p(far / known)), 5e-324)


class Nulls:
    """Null distributions of the statistics for references of this process, simulated once per size of window.

    Under the null the reference and the window are two samples of one distribution. The reference's own counts stand in
    for it, with as much unseen as was seen once (Good, 1953) where they are categories or bins; both samples are drawn
    anew, so that a small reference makes p-values large.

    Examples
    --------
    >>> from trimtab.profiles import Frame, NumericProfile
    >>> from trimtab.drift import statistics
    >>> draw = np.random.default_rng(0).normal(size=3_000)
    >>> before = NumericProfile.of(draw[:2_000], Frame.of(draw[:2_000]))
    >>> [energy] = [s for s in statistics("numeric") if s.name == "energy"]
    >>> nulls = Nulls()
    >>> same, moved = (NumericProfile.of(draw[2_000:] + by, before.frame) for by in (0.0, 0.3))
    >>> nulls.p_value(energy, "r1/age", before, same, energy.function(before, same).value) > 0.05
    True
    >>> nulls.p_value(energy, "r1/age", before, moved, energy.function(before, moved).value) < 1e-6
    True
    """

    def __init__(self, replicates: int = REPLICATES) -> None:
        self._replicates = replicates
        self._known: OrderedDict[tuple[str, str, str, int], Null] = OrderedDict()

    def p_value(
        self,
        statistic: Statistic,
        name: str,
        reference: Any,
        current: Any,
        value: float,
        together: Collection[str] | None = None,
    ) -> float | None:
        """P-value of a value that ``statistic`` gave for two profiles, neither empty; None when simulation cannot tell.

        Parameters
        ----------
        name
            Of the reference and its feature: what is simulated is remembered under it. It is seeded by the counts, so
            that one reference has the same p-values under any name.
        together
            Statistics that will be asked for too; all that there are, by default. They share the drawing of the counts.

        Raises
        ------
        ValueError
            The statistic is not computed from counts.
        """
        if statistic.view is None:
            raise ValueError(f"{statistic.name} cannot be simulated")
        n, m = reference.count, current.count
        bucket = round(math.log(m) * _SIZES_AN_E)
        key = (name, statistic.name, statistic.kind, bucket)
        if key not in self._known:
            self._simulate(statistic, name, reference, bucket, together)
        self._known.move_to_end(key)
        null, size = self._known[key], _size(bucket)
        scaled = value * ((1 / n + 1 / size) / (1 / n + 1 / m)) ** (statistic.order / 2)
        return None if null.degenerate and scaled > null.values[-1] else null.p_value(scaled)

    def _simulate(
        self, of: Statistic, name: str, reference: Any, bucket: int, together: Collection[str] | None
    ) -> None:
        """All wanted statistics of one view, since drawing the counts is what costs."""
        kind, view = of.kind, of.view
        assert view is not None  # noqa: S101  p_value has refused it
        alike = [s for s in statistics() if s.kind == kind and s.view == view]
        wanted = [s for s in alike if s is of or together is None or s.name in together]
        kernels = [s.kernel for s in wanted if s.kernel is not None]
        drawn_from = _distribution(view, reference)
        seed = zlib.crc32(drawn_from.expected.tobytes(), zlib.crc32(f"{view}/{bucket}".encode()))
        found = simulate(drawn_from, kernels, reference.count, _size(bucket), self._replicates, seed)
        for statistic, values in zip(wanted, found, strict=True):
            self._known[name, statistic.name, kind, bucket] = Null(values, statistic.order)
        while len(self._known) > _KEPT:
            self._known.popitem(last=False)


def simulate(of: Table, kernels: Sequence[Kernel], n: int, m: int, replicates: int, seed: int) -> list[FloatArray]:
    """Ascending values of each kernel for pairs of samples of ``n`` and ``m`` from one distribution.

    Parameters
    ----------
    of
        Its ``expected`` column is the distribution, up to its sum.
    """
    shares = of.expected / of.expected.sum()
    draw = np.random.default_rng(seed)
    found: list[list[FloatArray]] = [[] for _ in kernels]
    for some in _pieces(replicates, max(1, _AT_ONCE // shares.size)):
        drawn = _sample(draw, shares, n, -(-some // _WINDOWS)).astype(np.float64)
        expected = np.repeat(drawn, _WINDOWS, axis=0)[:some]
        current = _sample(draw, shares, m, some).astype(np.float64)
        for values, kernel in zip(found, kernels, strict=True):
            values.append(kernel(expected, current, of.at))
    return [np.sort(np.concatenate(values)) for values in found]


def _sample(draw: np.random.Generator, shares: FloatArray, size: int, count: int) -> CountArray:
    """``count`` samples, shape ``(count, k)``: by values where these are fewer than the cells, else by cells."""
    if size > shares.size:
        return draw.multinomial(size, shares, size=count)
    ends = np.cumsum(shares)
    cells = np.minimum(np.searchsorted(ends, draw.random((count, size)) * ends[-1], "right"), shares.size - 1)
    cells += np.arange(count)[:, None] * shares.size
    return np.bincount(cells.ravel(), minlength=count * shares.size).reshape(count, shares.size)


def _distribution(view: View, reference: Any) -> Table:
    own = table(view, reference, reference)
    if view == "cells":  # neighbours stand in for each other
        return own
    once = int((own.expected == 1).sum())
    if not once:
        return own
    # As much was not seen as was seen once; it is taken from all that was seen.
    seen = own.expected * (1 - once / own.expected.sum())
    return Table(np.concatenate((seen, np.ones(once))), np.zeros(seen.size + once), own.at)


def _size(bucket: int) -> int:
    return max(1, round(math.exp(bucket / _SIZES_AN_E)))


def _pieces(total: int, most: int) -> Iterator[int]:
    while total > 0:
        yield min(total, most)
        total -= most
