"""What came out of a load: latencies of metrics, alerts and promotions, and whether every event was counted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import orjson

from trimtab.config import KafkaConfig
from trimtab.events.examples import decode_examples
from trimtab.kafka.reading import read_topics
from trimtab.kafka.topics import Topics

__all__ = ["Latencies", "Outcome", "outcome", "quantiles"]

QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p999": 0.999, "max": 1.0}


class Latencies(NamedTuple):
    """Seconds, each with the number of events that it stands for."""

    seconds: list[float]
    events: list[float]


class Outcome(NamedTuple):
    """What was read.

    Parameters
    ----------
    metric
        From the end of a window and its lateness to the metric that counts its events.
    alert
        The same, to an alert that fires.
    metric_at_end, alert_at_end
        Of windows that no later event closed: they wait for the idle timeout, which says nothing about speed.
    promotion
        From the window's last event, as Kafka received it, to the promotion that its alert led to.
    counted, late
        Events in closed windows, and events counted as too late.
    """

    metric: Latencies
    metric_at_end: Latencies
    alert: Latencies
    alert_at_end: Latencies
    promotion: Latencies
    counted: int
    late: int
    dead_letters: int
    examples: int


def outcome(config: KafkaConfig, lateness_s: float, last_ms: float) -> Outcome:
    """Read it all; ``last_ms`` is the event time of the last event that every partition has."""
    topics = Topics(config.topic_prefix)
    metrics = [(m.timestamp()[1], _json(m)) for m in read_topics(config, [topics.metrics])]
    alerts = [(m.timestamp()[1], _json(m)) for m in read_topics(config, [topics.alerts])]
    audit = [(m.timestamp()[1], _json(m)) for m in read_topics(config, [topics.audit])]
    examples = sum(len(decode_examples(m.value() or b"")) for m in read_topics(config, [topics.examples]))
    whole = [(at, m) for at, m in metrics if m["statistic"] == "events" and not m["segment"]]
    late = sum(m["value"] for _, m in metrics if m["statistic"] == "late_events" and not m["segment"])
    firing = [(at, alert) for at, alert in alerts if alert["state"] == "firing"]
    promoted = [(at, entry) for at, entry in audit if entry["action"] == "promoted" and entry["incident"]]
    produced = {alert["incident"]: alert["last_produced_ms"] for _, alert in firing}
    metric = [(at, m["end_ms"] + 1_000 * lateness_s, m["value"]) for at, m in whole]
    alert = [(at, a["event_time_ms"] + 1_000 * lateness_s, 1.0) for at, a in firing]
    return Outcome(
        _latencies((at - due, events) for at, due, events in metric if due <= last_ms),
        _latencies((at - due, events) for at, due, events in metric if due > last_ms),
        _latencies((at - due, events) for at, due, events in alert if due <= last_ms),
        _latencies((at - due, events) for at, due, events in alert if due > last_ms),
        _latencies((at - produced[e["incident"]], 1.0) for at, e in promoted if e["incident"] in produced),
        round(sum(m["value"] for _, m in whole)),
        round(late),
        sum(1 for _ in read_topics(config, [topics.dead_letters])),
        examples,
    )


def quantiles(latencies: Latencies) -> dict[str, float | None]:
    """Seconds by quantile, each window weighed by its events; None when there are none.

    Examples
    --------
    >>> quantiles(Latencies([0.1, 0.9], [99.0, 1.0]))["p90"]
    0.1
    """
    if not latencies.seconds:
        return dict.fromkeys(QUANTILES)
    order = np.argsort(latencies.seconds)
    seconds, weights = np.array(latencies.seconds)[order], np.array(latencies.events)[order]
    shares = np.cumsum(weights) / weights.sum()
    places = np.minimum(np.searchsorted(shares, list(QUANTILES.values()), side="left"), len(seconds) - 1)
    return {name: round(float(seconds[place]), 4) for name, place in zip(QUANTILES, places.tolist(), strict=True)}


def _latencies(pairs: Iterable[tuple[float, float]]) -> Latencies:
    found: Sequence[tuple[float, float]] = list(pairs)
    return Latencies([ms / 1_000 for ms, _ in found], [events for _, events in found])


def _json(message: Any) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(message.value() or b"{}")
    return found
