"""Every metric family that is exposed: its name, its labels and what it says. Dashboards and rules rest on these."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from trimtab.roles.vitals import COUNTERS, GAUGES

__all__ = ["FAMILIES", "Family", "process_family"]


class Family(NamedTuple):
    """A family by the conventions of Prometheus: base units, counters end in ``_total``."""

    name: str
    kind: Literal["gauge", "counter"]
    help: str
    labels: tuple[str, ...] = ()


def process_family(name: str) -> str:
    """The family of a counter or gauge that processes tell of themselves.

    Examples
    --------
    >>> process_family("records"), process_family("rss_bytes")
    ('trimtab_process_records_total', 'trimtab_process_rss_bytes')
    """
    return f"trimtab_process_{name}_total" if name in COUNTERS else f"trimtab_process_{name}"


_MODELS: Final = (
    Family("trimtab_model_info", "gauge", "1; what kind of model it is.", ("model", "mode", "task")),
    Family(
        "trimtab_model_health", "gauge", "1 for the word that describes the model now, else 0.", ("model", "health")
    ),
    Family("trimtab_model_version", "gauge", "Version of the champion; absent before there is one.", ("model",)),
    Family("trimtab_model_versions", "gauge", "Versions that the registry holds.", ("model",)),
    Family("trimtab_model_snapshot_bytes", "gauge", "Size of the snapshots that the registry holds.", ("model",)),
    Family("trimtab_model_reference", "gauge", "The champion's performance on its reference.", ("model", "statistic")),
    Family("trimtab_model_label_coverage_ratio", "gauge", "Labelled by predicted events, last 48 windows.", ("model",)),
    Family("trimtab_model_drifted_features", "gauge", "Features that drift in the last window.", ("model",)),
    Family("trimtab_incidents_firing", "gauge", "Incidents that are not resolved.", ("model", "severity")),
    Family(
        "trimtab_window_end_timestamp_seconds", "gauge", "End of the last window, event time.", ("model", "segment")
    ),
    Family(
        "trimtab_window_number",
        "gauge",
        "Last value of a number about the model as a whole, such as accuracy or events.",
        ("model", "segment", "statistic"),
    ),
    Family(
        "trimtab_window_worse",
        "gauge",
        "1 where that number was significantly worse than its reference, else 0.",
        ("model", "segment", "statistic"),
    ),
    Family(
        "trimtab_feature_effect",
        "gauge",
        "Largest statistic of the last window in units of its threshold.",
        ("model", "segment", "feature"),
    ),
    Family(
        "trimtab_feature_drifted",
        "gauge",
        "1 where the feature drifts, or is missing too often, in the last window; else 0.",
        ("model", "segment", "feature"),
    ),
    Family(
        "trimtab_live_number",
        "gauge",
        "A race, a replay before one, a canary or a shadow, while it runs.",
        ("model", "segment", "statistic"),
    ),
    Family("trimtab_followers", "gauge", "Services that serve this version.", ("model", "version")),
    Family(
        "trimtab_follower_behind_seconds", "gauge", "By how much a service is behind its model.", ("model", "instance")
    ),
    Family(
        "trimtab_follower_refused_total", "counter", "Versions that a service could not load.", ("model", "instance")
    ),
)
_PROCESS: Final = ("role", "instance")

_OWN: Final = (
    Family("trimtab_process_up", "gauge", "1 for a process that told of itself lately, 0 for one overdue.", _PROCESS),
    Family("trimtab_process_start_time_seconds", "gauge", "When it was started.", _PROCESS),
    *(Family(process_family(name), "counter", says, _PROCESS) for name, says in COUNTERS.items()),
    *(Family(process_family(name), "gauge", says, _PROCESS) for name, says in GAUGES.items()),
    Family("trimtab_lag_records", "gauge", "Records that a role has not read yet.", ("role",)),
    Family("trimtab_dead_letters_total", "counter", "Dead letters, by reason.", ("reason",)),
    Family("trimtab_kafka_reachable", "gauge", "1 if Kafka answers the dashboard."),
    Family("trimtab_read_ratio", "gauge", "How much of the log the dashboard has read since it started, 0 to 1."),
)

FAMILIES: Final = {family.name: family for family in (*_MODELS, *_OWN)}
"""By name."""
