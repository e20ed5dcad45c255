"""From metric records to rows; pure, and the dashboard's hottest loop.

What windows say as a whole comes by the topic ``windows``. Here are their single statistics and histograms, and numbers
that belong to no window: of races, and by wall time.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec
import orjson

from trimtab.dashboard.store.taken import Taken
from trimtab.roles.window_records import BY_WALL_TIME

__all__ = ["DAY_MS", "Details", "Histogram", "Live", "Metric", "WindowOf", "combine", "gather", "read_metrics"]

log = logging.getLogger("trimtab.dashboard")

DAY_MS: Final = 86_400_000

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
class Details:
    """What a batch says: of each window the day it was written and its features' statistics, value and p-value."""

    statistics: dict[WindowOf, tuple[int, dict[str, dict[str, Sequence[float | None]]]]] = field(default_factory=dict)
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


def gather(metrics: Iterable[tuple[int, Metric]]) -> Details:
    """Rows of the windows that metric records are about.

    Examples
    --------
    >>> metric = Metric("credit", 7, "", "age", "psi", 0.5, 100, 0, 10, "drift", p_value=0.01)
    >>> gather([(0, metric)]).statistics
    {('credit', '', 10, 7): (0, {'age': {'psi': (0.5, 0.01)}})}
    """
    details = Details()
    statistics = details.statistics
    for time_ms, m in metrics:
        feature = m.feature
        if feature is None:
            if m.start_ms == m.end_ms or m.statistic in BY_WALL_TIME:
                window = (m.model, m.segment, m.end_ms, m.version)
                details.live.append(Live(window, m.statistic, time_ms // DAY_MS, m.value, m.count))
            continue
        window = (m.model, m.segment, m.end_ms, m.version)
        if m.statistic == "histogram":
            if m.histogram != b"null":
                spread = Histogram(window, feature, time_ms // DAY_MS, int(m.value), bytes(m.histogram))
                details.histograms.append(spread)
            continue
        row = statistics.get(window)
        if row is None:
            row = statistics[window] = (time_ms // DAY_MS, {})
        pairs = row[1].get(feature)
        if pairs is None:
            pairs = row[1][feature] = {}
        pairs[m.statistic] = (m.value, m.p_value)
    return details


def combine(old: bytes, new: bytes) -> bytes:
    """Two halves of one row: of one window two records or two batches.

    Examples
    --------
    >>> combine(b'{"age":{"ks":[0.1,null]}}', b'{"age":{"psi":[0.2,0.5]},"income":{}}')
    b'{"age":{"ks":[0.1,null],"psi":[0.2,0.5]},"income":{}}'
    """
    before, after = orjson.loads(old), orjson.loads(new)
    for name, value in after.items():
        before[name] = before.get(name, {}) | value
    return orjson.dumps(before)
