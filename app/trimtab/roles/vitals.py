"""What a role counts of its own work, for the topic ``health``: one role is one process, so there is one of these."""

from __future__ import annotations

import threading
from typing import Final

__all__ = ["COUNTERS", "GAUGES", "OF_ROLE", "VITALS", "Vitals"]

COUNTERS: Final = {
    "cpu_seconds": "Processor time, user and system.",
    "records": "Kafka records read.",
    "events": "Events read in them, those of batches one by one.",
    "examples": "Predictions joined with their label, or learnt by the trainer.",
    "refused": "Events that went to dead letters.",
    "windows": "Windows judged.",
    "alerts": "Changes of alerts written.",
    "transactions": "Transactions committed.",
    "transaction_retries": "Transactions that failed and whose input was read again.",
    "decisions": "Decisions about models: promotions, refusals, rollbacks and the like.",
    "notices": "Notices that reached their receiver.",
    "notice_retries": "Notices that did not reach their receiver and are tried again.",
    "notices_lost": "Notices given up.",
}
"""Every counter and what it counts, since the start of its process."""

GAUGES: Final = {
    "rss_bytes": "Memory that the process holds.",
    "pending": "Parts of events that wait for their other half in the join.",
    "open_windows": "Windows that are not closed yet.",
    "watermark_delay_seconds": "Event time between the newest event and the watermark, of the model furthest behind.",
    "learning_delay_seconds": "Wall time between the production of the example learnt last and its learning.",
    "races": "Races and the replays before them.",
    "halted_models": "Models that learn no more, since their own code failed.",
    "acting": "1 for the notifier that acts, 0 for one that stands by.",
}
"""Every gauge and what it says."""


OF_ROLE: Final = {
    "collector": ("records", "events", "examples", "refused", "transactions", "transaction_retries"),
    "monitor": ("records", "windows", "alerts", "transactions"),
    "trainer": ("records", "examples", "alerts", "decisions", "transactions"),
    "notifier": ("records", "notices", "notice_retries", "notices_lost", "transactions"),
    "dashboard": ("records",),
}
"""What each role counts; it is told as 0 before it is 1, or nobody would see the first."""


class Vitals:
    """Counters and gauges of this process; safe to use from any thread.

    Examples
    --------
    >>> vitals = Vitals()
    >>> vitals.count("records", 3)
    >>> vitals.count("records")
    >>> vitals.gauge("pending", 17)
    >>> vitals.snapshot()
    ({'records': 4.0}, {'pending': 17.0})
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counters: dict[str, float] = dict.fromkeys(COUNTERS, 0.0)
        self._gauges: dict[str, float] = {}

    def count(self, name: str, more: float = 1) -> None:
        """Add to a counter of :data:`COUNTERS`; raises KeyError for another."""
        with self._lock:
            self._counters[name] += more

    def gauge(self, name: str, value: float) -> None:
        """Set a gauge of :data:`GAUGES`; raises KeyError for another."""
        with self._lock:
            if name not in GAUGES:
                raise KeyError(name)
            self._gauges[name] = float(value)

    def snapshot(self) -> tuple[dict[str, float], dict[str, float]]:
        """Counters and gauges as they are."""
        with self._lock:
            return {name: value for name, value in self._counters.items() if value}, dict(self._gauges)


VITALS: Final = Vitals()
"""Of this process."""
