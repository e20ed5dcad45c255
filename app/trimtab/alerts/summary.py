"""One English sentence about an alert."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

__all__ = ["summary_of"]

_EVENTS = {
    "(refused)": "refused, see dead letters",
    "(duplicates)": "sent again with an id that was there before",
    "(volume)": "",
}


def summary_of(
    change: str,
    *,
    served: str,
    kind: str,
    feature: str | None,
    segment: str,
    statistics: Mapping[str, float],
    thresholds: Mapping[str, float],
    exceeded: Sequence[str],
    count: int,
) -> str:
    """The sentence; ``served`` names model and version.

    Examples
    --------
    >>> summary_of(
    ...     "firing", served="credit@7", kind="drift", feature="age", segment="",
    ...     statistics={"psi": 0.31}, thresholds={"psi": 0.25}, exceeded=["psi"], count=5000,
    ... )
    'Feature age of credit@7 has drifted: psi 0.31 (threshold 0.25) over 5,000 events.'
    """
    where = f"{served} (where {segment})" if segment else served
    if kind in ("absent", "stale", "refused") or feature in _EVENTS:
        return _of_stream(change, served, kind, str(feature), statistics, thresholds, count)
    if kind == "sequential":
        return _sequential(change, f"The {feature} of {where}", statistics, exceeded[0], count)
    if kind == "performance":
        value, limit = statistics.get(str(feature)), thresholds.get(str(feature))
        measured = f": {_number(value)} (limit {_number(limit)})"
        verb = "is worse than it may be" if change == "firing" else "is within its limit again"
        return f"The {feature} of {where} {verb}{measured} over {count:,} labelled predictions."
    what = f"Feature {feature} of {where}"
    if kind == "quality":
        return f"{what} {_quality(change, statistics, exceeded)} over {count:,} events."
    if change == "resolved":
        state = "is missing no more often than in its reference" if kind == "missing" else "is like its reference again"
        return f"{what} {state} over {count:,} events."
    if kind == "missing":
        rate, limit = statistics.get("missing_rate"), thresholds.get("missing_rate")
        moved = f"its missing rate moved by {_number(rate)} (threshold {_number(limit)})"
        said = f"is missing more often: {moved}"
    else:
        said = f"has drifted: {_beyond(statistics, thresholds, exceeded)}"
    return f"{what} {said} over {count:,} events."


def _beyond(statistics: Mapping[str, float], thresholds: Mapping[str, float], exceeded: Sequence[str]) -> str:
    return ", ".join(
        f"{name} {_number(statistics[name])} (threshold {_number(thresholds[name])})"
        for name in exceeded
        if name in statistics and name in thresholds
    )


def _of_stream(
    change: str,
    served: str,
    kind: str,
    feature: str,
    statistics: Mapping[str, float],
    thresholds: Mapping[str, float],
    count: int,
) -> str:
    """Of a model's stream as a whole, not of its values."""
    model = served.partition("@")[0]
    if kind == "absent":
        return _absent(change, f"{feature} of {model}", statistics, thresholds)
    if kind == "refused":
        verb = "is refused by a service" if change == "firing" else "is served, and nothing of its model is refused"
        return f"{served} {verb}."
    if kind == "stale":
        return _stale(change, served, statistics, thresholds)
    if feature == "(volume)":
        verb = "has as many events as usual again" if change == "resolved" else "has an unusual number of events"
        return f"{model} {verb}: {count:,} in a window, where {_number(statistics['expected'])} are expected."
    name = feature.strip("()")
    verb = "no more events than may be" if change == "resolved" else "too many events"
    share = f"a share of {_number(statistics[name])} (limit {_number(thresholds.get(name))})"
    return f"Of {model}, {verb} were {_EVENTS[feature]}: {share} of {count:,} events."


def _absent(change: str, what: str, statistics: Mapping[str, float], thresholds: Mapping[str, float]) -> str:
    if change == "resolved":
        return f"The {what} are coming again."
    silent, limit = statistics.get("silent_s"), thresholds.get("silent_s")
    return f"No {what} for {_number(silent)} s (limit {_number(limit)} s)."


def _sequential(change: str, what: str, statistics: Mapping[str, float], detector: str, count: int) -> str:
    if change == "firing":
        before, after = statistics.get("before"), statistics.get("after")
        means = "" if before is None else f", mean {_number(before)} before and {_number(after)} after"
        return f"{what} has changed: {detector}{means}, in {count:,} examples."
    if not count:
        return f"{what} is no longer watched by {detector}."
    return f"{what} has not changed again: {detector} detected nothing in {count:,} examples."


def _stale(change: str, served: str, statistics: Mapping[str, float], thresholds: Mapping[str, float]) -> str:
    model, champion = served.partition("@")[0], f"{statistics['champion']:.0f}"
    if change == "resolved":
        return f"{served} is no longer served in place of {model}@{champion}."
    after, limit = _number(statistics["stale_s"]), _number(thresholds["stale_s"])
    return f"{served} is still served {after} s after {model}@{champion} became champion (limit {limit} s)."


def _quality(change: str, statistics: Mapping[str, float], exceeded: Sequence[str]) -> str:
    if change == "resolved":
        return "has values that are measurements again"
    said = {
        "constant": "has one value only",
        "corrupt": "has values far beyond its range: a share of",
        "new_categories": "has categories that its reference has not: a share of",
        "out_of_domain": "has values outside its domain: a share of",
        "unit_change": "has changed its unit: median and spread moved by a factor of",
    }
    parts = (
        said.get(name, name) + ("" if name == "constant" else f" {_number(statistics[name])}") for name in exceeded
    )
    return "; it ".join(parts)


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3g}"
