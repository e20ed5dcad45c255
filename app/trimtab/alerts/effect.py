"""How far a window is beyond what is allowed, in one number."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["effect_of"]


def effect_of(statistics: Mapping[str, float | None], thresholds: Mapping[str, float]) -> float:
    """Largest statistic, in units of its threshold; 0 when there is none.

    Examples
    --------
    >>> effect_of({"psi": 0.5, "ks": 0.1, "events": 9.0}, {"psi": 0.25, "ks": 0.2})
    2.0
    """
    pairs = ((statistics.get(name), limit) for name, limit in thresholds.items() if limit > 0)
    return max((abs(value) / limit for value, limit in pairs if value is not None), default=0.0)
