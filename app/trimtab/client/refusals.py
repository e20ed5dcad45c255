"""An alert of kind ``refused`` while a service does not load what the registry offers it.

Only the service knows what it refused, so it writes the alert itself, which needs the right to write to the topic
``alerts``; without it the alert is in the service's log only. One alert a model: services write the same fingerprint.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from trimtab.alerts import Evidence, alert_record, fingerprint_of
from trimtab.alerts.lifecycle import Change
from trimtab.client.writing import Writer
from trimtab.kafka.topics import Topics

__all__ = ["KIND", "QUIET_S", "RefusalAlert", "refusal_record"]

KIND = "refused"
QUIET_S = 60.0
"""So long nothing was refused before the alert is resolved: a flood of forgeries is one alert, not thousands."""


def refusal_record(
    change: Change, model: str, version: int, why: str, *, started_ms: int, now_ms: int, refused: int
) -> dict[str, object]:
    """The alert record; times are wall time, ``refused`` is how many were.

    Examples
    --------
    >>> refusal_record("firing", "m", 7, "it is not signed", started_ms=0, now_ms=0, refused=1)["summary"]
    'm@7 is refused by a service: it is not signed'
    """
    evidence = Evidence({}, {}, {}, refused, started_ms, now_ms, now_ms, None, {})
    record = alert_record(
        change,
        model=model,
        version=version,
        kind=KIND,
        feature=None,
        segment="",
        started_ms=started_ms,
        raised_ms=now_ms,
        evidence=evidence,
    )
    return record | {"summary": f"{record['summary'].rstrip('.')}: {why}"} if why else record


class RefusalAlert:
    """Fires at the first refusal, and resolves once the champion is served and nothing was refused for a while.

    Parameters
    ----------
    writer
        Writes it.
    topic_prefix, model
        Of the topic alerts, and the model's name.
    quiet_s
        How long nothing must have been refused, in seconds.
    """

    def __init__(
        self,
        writer: Writer,
        topic_prefix: str,
        model: str,
        quiet_s: float = QUIET_S,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._writer = writer
        self._topic: str = Topics(topic_prefix).alerts
        self._model = model
        self._quiet_s = quiet_s
        self._now = now
        self._started_ms: int | None = None
        self._last_s = 0.0
        self._count = 0

    @property
    def firing(self) -> bool:
        """Whether it fires."""
        return self._started_ms is not None

    def fire(self, version: int, why: Exception) -> None:
        """Something of ``version`` was refused."""
        self._last_s = self._now()
        self._count += 1
        if self._started_ms is None:
            self._started_ms = int(self._last_s * 1_000)
            self._write("firing", version, " ".join(str(why).split())[:500])

    def settle(self, *, whole: bool, version: int) -> None:
        """Resolve it if the champion is served (``whole``) and has been for long enough."""
        if self._started_ms is None or not whole or self._now() - self._last_s < self._quiet_s:
            return
        self._write("resolved", version, "")
        self._started_ms, self._count = None, 0

    def _write(self, change: Change, version: int, why: str) -> None:
        started_ms, now_ms = self._started_ms or 0, int(self._now() * 1_000)
        record = refusal_record(
            change, self._model, version, why, started_ms=started_ms, now_ms=now_ms, refused=self._count
        )
        key = fingerprint_of(self._model, KIND, None, "")
        self._writer.write(self._topic, key, record)
