"""Nothing vanishes silently: every event that went in must be counted in a window, as late, or as a dead letter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Account"]

_COUNTED = ("events", "labelled")


_LATE = ("late_events", "late_labelled")


@dataclass
class Account:
    """Sums the counts that the monitor reports for its closed windows.

    A window's count that is told again, as after a crash, counts once; each report of late events counts, since
    more of them may come for the same window.

    Examples
    --------
    >>> account = Account()
    >>> record = dict(model="m", version=1, segment="", feature=None, statistic="events", start_ms=0, end_ms=9, value=5)
    >>> account.metric(record); account.metric(record)
    >>> account.counted, account.lost(expected=7, dead_letters=1)
    (5, 1)
    """

    seen: set[tuple[Any, ...]] = field(default_factory=set)
    by_statistic: dict[str, int] = field(default_factory=dict)

    def metric(self, record: Mapping[str, Any]) -> None:
        """Take one record of the topic ``metrics``; only those for all events of a model count."""
        statistic = record["statistic"]
        if record["segment"] or record["feature"] or statistic not in (*_COUNTED, *_LATE):
            return
        if statistic in _COUNTED:
            # The value is part of it: one window may come in parts, one for each reference it was measured against.
            key = (record["model"], record["version"], statistic, record["start_ms"], record["end_ms"], record["value"])
            if key in self.seen:
                return
            self.seen.add(key)
        self.by_statistic[statistic] = self.by_statistic.get(statistic, 0) + int(record["value"])

    @property
    def counted(self) -> int:
        """Predictions and labelled examples that were accounted for in windows or as late."""
        return sum(self.by_statistic.values())

    def lost(self, expected: int, dead_letters: int) -> int:
        """How many of the expected predictions and pairs are nowhere; negative when something counted twice."""
        return expected - self.counted - dead_letters
