"""The alert record (``schemas/alert.avsc``): a change of state with everything it rests on."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from trimtab.alerts.lifecycle import Change
from trimtab.alerts.summary import summary_of
from trimtab.config import AlertingConfig
from trimtab.config.alerting import default_severity

__all__ = ["Evidence", "alert_record", "annotated", "fingerprint_of", "incident_of"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one window says of one alert.

    Parameters
    ----------
    statistics, p_values, thresholds
        By name of the statistic; ``thresholds`` are those in force.
    exceeded
        Names of the statistics that made the window bad, if it is.
    count
        Events in the window.
    start_ms, end_ms
        The window, event time.
    last_produced_ms
        Kafka timestamp of its last event, wall time.
    offsets
        Source partition to first and last offset, inclusive.
    position
        Number of the example that changed the alert among the model's examples, from 0; None for windows.
    histogram
        Of a feature: labels, and the shares of reference and window.
    ranking, segments
        Features of the same window, and segments of the same feature or metric, by effect.
    """

    statistics: Mapping[str, float]
    p_values: Mapping[str, float]
    thresholds: Mapping[str, float]
    count: int
    start_ms: int
    end_ms: int
    last_produced_ms: int
    reference: str | None
    offsets: Mapping[int, tuple[int, int]]
    exceeded: tuple[str, ...] = field(default=())
    position: int | None = None
    histogram: Mapping[str, Any] | None = None
    ranking: Sequence[Mapping[str, Any]] = ()
    segments: Sequence[Mapping[str, Any]] = ()

    def to_wire(self) -> dict[str, Any]:
        """The schema's ``Evidence``."""
        return {
            "statistics": dict(self.statistics),
            "p_values": dict(self.p_values),
            "thresholds": dict(self.thresholds),
            "count": self.count,
            "start_ms": self.start_ms,
            "end_ms": self.end_ms,
            "reference": self.reference,
            "offsets": [
                {"partition": partition, "first": first, "last": last}
                for partition, (first, last) in sorted(self.offsets.items())
            ],
            "position": self.position,
            "histogram": self.histogram,
            "ranking": list(self.ranking),
            "segments": list(self.segments),
        }


@lru_cache(maxsize=100_000)
def fingerprint_of(model: str, kind: str, feature: str | None, segment: str, detector: str = "") -> str:
    """Identity of an alert: the same for every window and version; each sequential detector and each check has its own.

    Examples
    --------
    >>> len(fingerprint_of("credit", "drift", "age", ""))
    16
    """
    parts = (model, kind, feature or "", segment, *([detector] if detector else []))
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:16]


def incident_of(fingerprint: str, started_ms: int) -> str:
    """Id of one incident, from firing to resolve."""
    return f"{fingerprint}-{started_ms}"


def alert_record(
    change: Change,
    *,
    model: str,
    version: int,
    kind: str,
    feature: str | None,
    segment: str,
    started_ms: int,
    raised_ms: int,
    evidence: Evidence,
    detector: str = "",
) -> dict[str, Any]:
    """The record to publish; ``raised_ms`` is wall time, ``started_ms`` event time.

    ``detector`` names the sequential detector, or the check of data quality; empty for all else.
    """
    fingerprint = fingerprint_of(model, kind, feature, segment, detector)
    return {
        "fingerprint": fingerprint,
        "incident": incident_of(fingerprint, started_ms),
        "state": change,
        "model": model,
        "version": version,
        "kind": kind,
        "feature": feature,
        "segment": segment,
        "detector": detector or None,
        "event_time_ms": evidence.end_ms,
        "started_ms": started_ms,
        "last_produced_ms": evidence.last_produced_ms,
        "raised_ms": raised_ms,
        "summary": summary_of(
            change,
            served=f"{model}@{version}",
            kind=kind,
            feature=feature,
            segment=segment,
            statistics=evidence.statistics,
            thresholds=evidence.thresholds,
            exceeded=evidence.exceeded,
            count=evidence.count,
        ),
        "severity": default_severity(kind),
        "runbook": None,
        "evidence": evidence.to_wire(),
    }


def annotated(record: Mapping[str, Any], alerting: AlertingConfig) -> dict[str, Any]:
    """The record with the severity and the runbook that the configuration gives it."""
    kind, model, feature = record["kind"], record["model"], record["feature"]
    return {
        **record,
        "severity": alerting.severity_of(kind),
        "runbook": alerting.runbook_of(kind, model, feature),
    }
