"""Alerts: from verdicts on windows to firing and resolved incidents, as a pure state machine."""

from trimtab.alerts.effect import effect_of
from trimtab.alerts.lifecycle import AlertState, Change, Phase, Signal, step
from trimtab.alerts.record import Evidence, alert_record, annotated, fingerprint_of, incident_of
from trimtab.alerts.summary import summary_of

__all__ = [
    "AlertState",
    "Phase",
    "Signal",
    "Change",
    "step",
    "Evidence",
    "alert_record",
    "annotated",
    "effect_of",
    "fingerprint_of",
    "incident_of",
    "summary_of",
]
