"""Earlier healthy windows: their sum, as what a window is compared with, and what was measured of each of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
from scipy import special

from trimtab.drift.registry import Statistic
from trimtab.profiles import Reference, WindowProfile

__all__ = ["Healthy", "History"]


@dataclass(frozen=True, slots=True)
class Healthy:
    """A window in which nothing was wrong.

    Parameters
    ----------
    values
        By feature and statistic: what was measured of it against the windows before it.
    """

    start_ms: int
    end_ms: int
    profile: WindowProfile
    values: Mapping[str, Mapping[str, float]]


class History:
    """Healthy windows of one stream, in the frames of one reference.

    Days differ by more than sampling does: weather, holidays, growth. So a window is unusual when it lies farther from
    the ones before it than each of these, in its turn, lay from those before.

    Examples
    --------
    >>> from trimtab.drift import statistics
    >>> [ks] = [s for s in statistics("numeric") if s.name == "ks"]
    >>> days = [Healthy(k, k + 1, WindowProfile(), {"x": {"ks": 0.1 + 0.01 * (k % 4)}}) for k in range(12)]
    >>> history = History(days)
    >>> round(history.p_value(ks, "x", 0.11), 2), history.p_value(ks, "x", 0.3) < 1e-6
    (0.65, True)
    """

    def __init__(self, windows: Sequence[Healthy]) -> None:
        self._windows = windows

    def __len__(self) -> int:
        """Windows that were measured."""
        return sum(bool(window.values) for window in self._windows)

    def __bool__(self) -> bool:
        """Whether there is any window, measured or not."""
        return bool(self._windows)

    def reference(self, base: Reference) -> Reference:
        """All of them together, named after the reference in whose frames they are; raises ValueError for none."""
        if not self._windows:
            raise ValueError("there is no earlier window to compare with")
        profile = reduce(WindowProfile.merge, (window.profile for window in self._windows))
        first, last = min(w.start_ms for w in self._windows), max(w.end_ms for w in self._windows)
        return Reference(f"{base.id}/{first}-{last}", profile, base.metrics)

    def p_value(self, statistic: Statistic, feature: str, value: float) -> float:
        """Probability that one more healthy window has so large a value, or a larger one.

        Transformed values are taken for normal, so that the next one has a Student t about their mean, wider by
        ``sqrt(1 + 1/n)``, as of a prediction (Fisher, 1935): from few windows it is never very small. The larger answer
        of two transformations counts: powers, which make sums of squares and their roots about normal (Wilson and
        Hilferty, 1931), and the logarithm, for streams in which some days are wild. 1.0 with fewer than two windows.
        """
        values = self._values(statistic.name, feature)
        if len(values) < 2:
            return 1.0
        usual, new = np.maximum(np.array(values) + statistic.base, 0.0), max(value + statistic.base, 0.0)
        power = 2 / (3 * statistic.order)
        least = float(usual[usual > 0].min(initial=math.inf))
        if least == math.inf:  # as those of a constant are
            return 1.0 if new == 0 else 0.0
        logarithms = np.log(np.maximum(usual, least)), math.log(max(new, least))
        return max(_predicted(usual**power, new**power), _predicted(*logarithms))

    def _values(self, statistic: str, feature: str) -> list[Any]:
        found = (window.values.get(feature, {}).get(statistic) for window in self._windows)
        return [value for value in found if value is not None]


def _predicted(usual: Any, new: float) -> float:
    spread = float(usual.std(ddof=1)) * math.sqrt(1 + 1 / usual.size)
    if spread == 0:
        return 1.0 if new <= usual[0] else 0.0
    return float(special.stdtr(usual.size - 1, (float(usual.mean()) - new) / spread))
