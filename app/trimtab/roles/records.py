"""Metric records and alert records of one model, and the state of its alerts; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from trimtab.alerts import AlertState, Evidence, Phase, Signal, alert_record, fingerprint_of, step
from trimtab.config import AlertSpec
from trimtab.windows import WindowKey

__all__ = ["Finding", "Records", "metric_key"]


def metric_key(metric: Mapping[str, Any]) -> str:
    """Key of a metric record: everything but the window.

    Examples
    --------
    >>> metric_key({"model": "credit", "version": 7, "segment": "", "feature": "age", "statistic": "psi"})
    'credit/7//age/psi'
    """
    feature = metric["feature"] or ""
    return f"{metric['model']}/{metric['version']}/{metric['segment']}/{feature}/{metric['statistic']}"


@dataclass(frozen=True, slots=True)
class Finding:
    """One verdict that concerns one alert."""

    kind: str
    feature: str | None
    signal: Signal
    evidence: Evidence
    detector: str = ""


class Records:
    """Writes the records of one model and moves its alerts.

    Parameters
    ----------
    name
        The model.
    spec
        For how many windows alerts wait, unless a finding is to be told at once.
    alerts
        What :meth:`snapshot` gave, to go on from there.
    """

    def __init__(self, name: str, spec: AlertSpec, alerts: Mapping[str, Any] | None = None) -> None:
        self._name = name
        self._spec = spec
        self._alerts = {key: AlertState.from_wire(alert) for key, alert in (alerts or {}).items()}

    def snapshot(self) -> dict[str, Any]:
        """Alerts that are pending or firing, as plain types."""
        return {key: self._alerts[key].to_wire() for key in sorted(self._alerts)}

    def apply(
        self, key: WindowKey, finding: Finding, now_ms: int, spec: AlertSpec | None = None
    ) -> Iterator[dict[str, Any]]:
        """Move one alert; yields the record when its state changed."""
        fingerprint = fingerprint_of(self._name, finding.kind, finding.feature, key.segment, finding.detector)
        before = self._alerts.get(fingerprint, AlertState())
        after, change = step(before, finding.signal, key.end_ms, spec or self._spec)
        if after.phase is Phase.INACTIVE:
            self._alerts.pop(fingerprint, None)
        else:
            self._alerts[fingerprint] = after
        if change is not None:
            yield alert_record(
                change,
                model=self._name,
                version=key.version,
                kind=finding.kind,
                feature=finding.feature,
                segment=key.segment,
                started_ms=(after if change == "firing" else before).started_ms,
                raised_ms=now_ms,
                evidence=finding.evidence,
                detector=finding.detector,
            )

    def metric(
        self,
        key: WindowKey,
        feature: str | None,
        statistic: str,
        value: float,
        count: int,
        status: str,
        p_value: float | None = None,
        histogram: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Metric record of one number of one window."""
        return {
            "model": self._name,
            "version": key.version,
            "segment": key.segment,
            "feature": feature,
            "statistic": statistic,
            "value": value,
            "p_value": p_value,
            "count": count,
            "start_ms": key.start_ms,
            "end_ms": key.end_ms,
            "status": status,
            "histogram": histogram,
        }
