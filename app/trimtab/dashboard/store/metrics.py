"""From metric records to rows; pure, and the dashboard's hottest loop."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
import orjson

from trimtab.dashboard.store.taken import Taken
from trimtab.roles.window_records import BY_WALL_TIME, is_worse

__all__ = ["Histogram", "Live", "Metric", "WindowOf", "WindowRows", "combine", "gather", "read_metrics"]

log = logging.getLogger("trimtab.dashboard")

DAY_MS: Final = 86_400_000
_DETAIL: Final = "statistics"

WindowOf = tuple[str, str, int, int]
"""Model, segment, end of the window and version."""


class Metric(msgspec.Struct, gc=False):
    """A metric record (schemas/metric.avsc)."""

    model: str
    version: int
    segment: str
    feature: str | None
    statistic: str
    value: float
    count: int
    start_ms: int
    end_ms: int
    status: str
    p_value: float | None = None
    histogram: msgspec.Raw = msgspec.Raw()


class Histogram(msgspec.Struct, gc=False):
    """The two histograms of one feature and window; ``data`` is the record's JSON."""

    window: WindowOf
    feature: str
    day: int
    count: int
    data: bytes


class Live(msgspec.Struct, gc=False):
    """One number by wall time."""

    window: WindowOf
    statistic: str
    day: int
    value: float
    count: int


@dataclass
class WindowRows:
    """What a batch says: start, day and values of each window; ``numbers`` of the model, ``drifts`` of its features."""

    numbers: dict[WindowOf, tuple[int, int, dict[str, Any]]] = field(default_factory=dict)
    drifts: dict[WindowOf, tuple[int, int, dict[str, Any]]] = field(default_factory=dict)
    histograms: list[Histogram] = field(default_factory=list)
    live: list[Live] = field(default_factory=list)


_decoder: Final = msgspec.json.Decoder(Metric)
_list_decoder: Final = msgspec.json.Decoder(list[Metric])


def read_metrics(records: Sequence[Taken]) -> Iterable[tuple[int, Metric]]:
    """The records with their Kafka timestamps; what is no metric record is logged and left out."""
    values = [record.value or b"null" for record in records]
    try:
        # Thousands at once cost half of what they cost one by one.
        found = _list_decoder.decode(b"[" + b",".join(values) + b"]")
        if len(found) == len(records):
            return zip((record.time_ms for record in records), found, strict=True)
    except msgspec.MsgspecError:
        pass
    return list(_one_by_one(records))


def _one_by_one(records: Sequence[Taken]) -> Iterable[tuple[int, Metric]]:
    for record in records:
        try:
            yield record.time_ms, _decoder.decode(record.value or b"")
        except msgspec.MsgspecError as error:
            log.warning("metrics[%d] offset %d is skipped: %s", record.partition, record.offset, error)


def gather(
    metrics: Iterable[tuple[int, Metric]], limits: Mapping[str, Mapping[str, float]], detail_from_ms: int
) -> WindowRows:
    """Rows of the windows that metric records are about.

    Parameters
    ----------
    limits
        Of each model, statistic to threshold: an effect is a statistic in units of its own.
    detail_from_ms
        Of records that Kafka took earlier, statistics and histograms are left out.

    Examples
    --------
    >>> metric = Metric("credit", 7, "", "age", "psi", 0.5, 100, 0, 10, "drift", p_value=0.01)
    >>> rows = gather([(0, metric)], {"credit": {"psi": 0.25}}, 0)
    >>> rows.drifts["credit", "", 10, 7][2]["age"]
    {'status': 'drift', 'effect': 2.0, 'count': 100, 'statistics': {'psi': [0.5, 0.01]}}
    """
    rows = WindowRows()
    numbers, drifts = rows.numbers, rows.drifts
    for time_ms, m in metrics:
        window = (m.model, m.segment, m.end_ms, m.version)
        if m.feature is None:
            if m.start_ms == m.end_ms or m.statistic in BY_WALL_TIME:
                rows.live.append(Live(window, m.statistic, time_ms // DAY_MS, m.value, m.count))
                continue
            row = numbers.get(window)
            if row is None:
                row = numbers[window] = (m.start_ms, time_ms // DAY_MS, {})
            row[2][m.statistic] = {"value": m.value, "count": m.count, "status": m.status}
            continue
        detailed = time_ms >= detail_from_ms
        if m.statistic == "histogram":
            if detailed and m.histogram != b"null":
                rows.histograms.append(
                    Histogram(window, m.feature, time_ms // DAY_MS, int(m.value), bytes(m.histogram))
                )
            continue
        row = drifts.get(window)
        if row is None:
            row = drifts[window] = (m.start_ms, time_ms // DAY_MS, {})
        verdict = row[2].get(m.feature)
        if verdict is None:
            verdict = row[2][m.feature] = {"status": m.status, "effect": 0.0, "count": m.count}
        elif is_worse(m.status, verdict["status"]):
            verdict["status"] = m.status
        limit = limits.get(m.model, {}).get(m.statistic)
        if limit and m.value / limit > verdict["effect"]:
            verdict["effect"] = round(m.value / limit, 4)
        if detailed:
            verdict.setdefault(_DETAIL, {})[m.statistic] = [m.value, m.p_value] if m.p_value is not None else [m.value]
    return rows


def combine(old: bytes, new: bytes) -> bytes:
    """Two halves of one row, of which another batch had the first.

    Examples
    --------
    >>> one = b'{"age":{"status":"drift","effect":2.0,"count":9}}'
    >>> combine(one, b'{"age":{"status":"ok","effect":0.5,"count":9,"statistics":{"ks":[0.1]}}}')
    b'{"age":{"status":"drift","effect":2.0,"count":9,"statistics":{"ks":[0.1]}}}'
    """
    before, after = orjson.loads(old), orjson.loads(new)
    for name, value in after.items():
        known = before.get(name)
        if known is None or "effect" not in value:
            before[name] = value
            continue
        if is_worse(value["status"], known["status"]):
            known["status"] = value["status"]
        known["effect"] = max(known["effect"], value["effect"])
        if _DETAIL in value:
            known[_DETAIL] = known.get(_DETAIL, {}) | value[_DETAIL]
    return orjson.dumps(before)


def coarse(data: bytes) -> bytes:
    """A row of ``drifts`` without the single statistics.

    Examples
    --------
    >>> coarse(b'{"age":{"status":"ok","effect":0.5,"count":9,"statistics":{"ks":[0.1]}}}')
    b'{"age":{"status":"ok","effect":0.5,"count":9}}'
    """
    verdicts = orjson.loads(data)
    for verdict in verdicts.values():
        verdict.pop(_DETAIL, None)
    return orjson.dumps(verdicts)
