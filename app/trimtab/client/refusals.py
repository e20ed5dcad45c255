"""An alert of kind ``refused`` while a service does not load what the registry offers it.

Only the service knows what it refused, so it writes the alert itself, which needs the right to write to the topic
``alerts``; without it the alert is in the service's log only. One alert a model: services write the same fingerprint.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import orjson

from trimtab.alerts import Evidence, alert_record, fingerprint_of
from trimtab.alerts.lifecycle import Change
from trimtab.config import KafkaConfig
from trimtab.kafka import clients
from trimtab.kafka.topics import Topics

if TYPE_CHECKING:
    from confluent_kafka import KafkaError as RawError
    from confluent_kafka import Message, Producer

__all__ = ["KIND", "QUIET_S", "RefusalAlert", "refusal_record"]

log = logging.getLogger("trimtab.client")

KIND = "refused"
QUIET_S = 60.0
"""So long nothing was refused before the alert is resolved: a flood of forgeries is one alert, not thousands."""

_FLUSH_S = 2.0


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
    config, model
        Where Kafka is, and the model's name.
    quiet_s
        How long nothing must have been refused, in seconds.
    """

    def __init__(
        self,
        config: KafkaConfig,
        model: str,
        quiet_s: float = QUIET_S,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._config = config
        self._model = model
        self._quiet_s = quiet_s
        self._now = now
        self._started_ms: int | None = None
        self._last_s = 0.0
        self._count = 0
        self._producer: Producer | None = None

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

    def close(self) -> None:
        """Wait a moment for what was written."""
        if self._producer is not None:
            self._producer.flush(_FLUSH_S)

    def _write(self, change: Change, version: int, why: str) -> None:
        started_ms, now_ms = self._started_ms or 0, int(self._now() * 1_000)
        record = refusal_record(
            change, self._model, version, why, started_ms=started_ms, now_ms=now_ms, refused=self._count
        )
        try:
            if self._producer is None:
                self._producer = clients.producer(self._config, f"trimtab-follower-{self._model}-alerts")
            topic = Topics(self._config.topic_prefix).alerts
            key = fingerprint_of(self._model, KIND, None, "")
            self._producer.produce(topic, orjson.dumps(record), key.encode(), on_delivery=_delivered)
            self._producer.poll(0)
        except Exception as error:
            # A service goes on predicting whatever becomes of its alert.
            log.warning("%s: the alert of kind refused cannot be written (%s)", self._model, error)


def _delivered(error: RawError | None, _: Message) -> None:
    if error is not None:
        log.warning("an alert of kind refused was not written (%s); may this service write to the topic?", error.str())
