"""The record of a window as a whole, made of its metric records; pure.

Whoever shows months of many models reads these: one where there are sixty metric records.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from trimtab.config import ModelConfig

__all__ = ["BY_WALL_TIME", "limits_of", "rank_of", "window_records"]

BY_WALL_TIME: Final = frozenset({"followers", "refused", "duplicates"})
"""Numbers that are of no window of event time."""

_RANK: Final = {"no_reference": 0, "too_few": 1, "ok": 2, "quality": 3, "drift": 4, "missing": 5}


def rank_of(status: str) -> int:
    """How grave a verdict on a feature is beside others.

    Examples
    --------
    >>> rank_of("drift") > rank_of("ok"), rank_of("ok") > rank_of("quality")
    (True, False)
    """
    return _RANK.get(status, 2)


def limits_of(model: ModelConfig) -> dict[str, float]:
    """Thresholds of drift by statistic: effects are in units of them."""
    return {**model.drift.thresholds, "missing_rate": model.drift.missing_rate, "auc": model.drift.domain_threshold}


def window_records(metrics: Iterable[Mapping[str, Any]], limits: Mapping[str, float]) -> list[dict[str, Any]]:
    """One record (schemas/window.avsc) for each window that metric records are about.

    Parameters
    ----------
    limits
        From :func:`limits_of`.

    Examples
    --------
    >>> metric = {"model": "credit", "version": 7, "segment": "", "feature": "age", "statistic": "psi", "value": 0.5,
    ...     "count": 100, "start_ms": 0, "end_ms": 10, "status": "drift"}
    >>> window_records([metric], {"psi": 0.25})[0]["features"]
    {'age': {'status': 'drift', 'effect': 2.0, 'count': 100}}
    """
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for metric in metrics:
        feature, statistic = metric["feature"], metric["statistic"]
        if statistic in BY_WALL_TIME or statistic == "histogram":
            continue
        names = ("model", "version", "segment", "start_ms", "end_ms")
        key = tuple(metric[name] for name in names)
        record = found.get(key)
        if record is None:
            record = found[key] = {**dict(zip(names, key, strict=True)), "numbers": {}, "features": {}}
        if feature is None:
            record["numbers"][statistic] = {name: metric[name] for name in ("value", "count", "status")}
            continue
        fresh = {"status": metric["status"], "effect": 0.0, "count": metric["count"]}
        verdict = record["features"].setdefault(feature, fresh)
        if rank_of(metric["status"]) > rank_of(verdict["status"]):
            verdict["status"] = metric["status"]
        limit = limits.get(statistic)
        if limit:
            verdict["effect"] = max(verdict["effect"], round(metric["value"] / limit, 4))
    return list(found.values())
