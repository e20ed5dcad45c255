"""Writes the Grafana dashboards beside this file: ``python deploy/grafana/make_dashboards.py``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

FOLDER = Path(__file__).parent / "dashboards"
_SOURCE = {"type": "prometheus", "uid": "prometheus"}
_WIDTH, _HEIGHT = 24, 8
_MODEL = 'model="$model", segment="$segment"'


class Panel(NamedTuple):
    """One panel: queries with their legends."""

    title: str
    queries: Sequence[tuple[str, str]]
    kind: str = "timeseries"
    unit: str = "short"
    width: int = 12
    about: str = ""


FLEET = (
    Panel("Models by health", [("sum by (health) (trimtab_model_health)", "{{health}}")], "stat", width=12),
    Panel("Open incidents", [("sum by (severity) (trimtab_incidents_firing)", "{{severity}}")], "stat", width=12),
    Panel(
        "Features that drift",
        [("topk(10, trimtab_model_drifted_features)", "{{model}}")],
        about="Models with the most drifting features in their last window.",
    ),
    Panel(
        "Largest effects",
        [('topk(10, trimtab_feature_effect{segment=""})', "{{model}} {{feature}}")],
        about="Largest statistic of a feature in units of its threshold: above 1 it drifts, if it is significant.",
    ),
    Panel(
        "Performance that is worse than its reference",
        [('trimtab_window_number and on (model, segment, statistic) trimtab_window_worse == 1',
          "{{model}} {{segment}} {{statistic}}")],
    ),
    Panel("Labelled share of predictions", [("trimtab_model_label_coverage_ratio", "{{model}}")], unit="percentunit"),
    Panel("Services by version", [("sum by (model, version) (trimtab_followers)", "{{model}}@{{version}}")]),
    Panel("Services behind their model", [("max by (model) (trimtab_follower_behind_seconds)", "{{model}}")], unit="s"),
)  # fmt: skip

MODEL = (
    Panel("Version", [('trimtab_model_version{model="$model"}', "champion")], "stat", width=6),
    Panel("Health", [('trimtab_model_health{model="$model"} == 1', "{{health}}")], "stat", width=6),
    Panel("Open incidents", [('sum(trimtab_incidents_firing{model="$model"})', "incidents")], "stat", width=6),
    Panel(
        "End of the last window",
        [(f"trimtab_window_end_timestamp_seconds{{{_MODEL}}} * 1000", "event time")],
        "stat", "dateTimeAsIso", 6,
    ),
    Panel(
        "Performance",
        [
            (f'trimtab_window_number{{{_MODEL}, statistic=~"$statistic"}}', "{{statistic}}"),
            ('trimtab_model_reference{model="$model", statistic=~"$statistic"}', "{{statistic}} on the reference"),
        ],
    ),
    Panel("Drift by feature", [(f"trimtab_feature_effect{{{_MODEL}}}", "{{feature}}")],
          about="In units of the threshold."),
    Panel("Features that drift", [(f"trimtab_feature_drifted{{{_MODEL}}} == 1", "{{feature}}")]),
    Panel(
        "Events and labels in a window",
        [(f'trimtab_window_number{{{_MODEL}, statistic=~"(late_)?(events|labelled)"}}', "{{statistic}}")],
    ),
    Panel(
        "False alarms spent",
        [(f'trimtab_window_number{{{_MODEL}, statistic="false_alarms_spent"}}', "expected so far")],
    ),
    Panel(
        "Races, canaries and shadows",
        [('trimtab_live_number{model="$model"}', "{{segment}} {{statistic}}")],
        about="Empty while none runs.",
    ),
    Panel("Versions in the registry", [('trimtab_model_versions{model="$model"}', "versions")], width=6),
    Panel("Their size", [('trimtab_model_snapshot_bytes{model="$model"}', "bytes")], unit="bytes", width=6),
)  # fmt: skip

SYSTEM = (
    Panel("Processes", [("sum by (role) (trimtab_process_up)", "{{role}}")], "stat"),
    Panel("Dead letters", [("sum by (reason) (trimtab_dead_letters_total)", "{{reason}}")], "stat"),
    Panel("Events", [("sum by (role) (rate(trimtab_process_events_total[1m]))", "{{role}}")], unit="eps"),
    Panel("Records", [("sum by (role) (rate(trimtab_process_records_total[1m]))", "{{role}}")], unit="eps"),
    Panel("Not read yet", [("trimtab_lag_records", "{{role}}")]),
    Panel(
        "Delays",
        [
            ("max(trimtab_process_watermark_delay_seconds)", "watermark behind the newest event (event time)"),
            ("max(trimtab_process_learning_delay_seconds)", "example produced to learnt"),
        ],
        unit="s",
    ),
    Panel("Processor", [("rate(trimtab_process_cpu_seconds_total[1m])", "{{role}} {{instance}}")], unit="percentunit"),
    Panel("Memory", [("trimtab_process_rss_bytes", "{{role}} {{instance}}")], unit="bytes"),
    Panel(
        "Transactions",
        [
            ("sum by (role) (rate(trimtab_process_transactions_total[1m]))", "{{role}}"),
            ("sum by (role) (rate(trimtab_process_transaction_retries_total[5m]))", "{{role}} repeated"),
        ],
        unit="ops",
    ),
    Panel(
        "Joined, windows, decisions",
        [
            ("sum by (role) (rate(trimtab_process_examples_total[1m]))", "{{role}} examples"),
            ("sum(rate(trimtab_process_windows_total[1m]))", "windows judged"),
            ("sum(rate(trimtab_process_alerts_total[5m]))", "alerts"),
            ("sum(rate(trimtab_process_decisions_total[5m]))", "decisions"),
        ],
        unit="ops",
    ),
    Panel(
        "Waiting",
        [
            ("sum(trimtab_process_pending)", "parts that wait for their other half"),
            ("sum(trimtab_process_open_windows)", "open windows"),
            ("sum(trimtab_process_races)", "races"),
        ],
    ),
    Panel(
        "Notices",
        [
            ("sum(increase(trimtab_process_notices_total[5m]))", "arrived"),
            ("sum(increase(trimtab_process_notice_retries_total[5m]))", "tried again"),
            ("sum(increase(trimtab_process_notices_lost_total[5m]))", "given up"),
        ],
    ),
    Panel(
        "Events refused", [("sum by (instance) (rate(trimtab_process_refused_total[1m]))", "{{instance}}")], unit="eps"
    ),
    Panel("Log read by the dashboard", [("trimtab_read_ratio", "read")], unit="percentunit"),
)

_VARIABLES = (
    ("model", "label_values(trimtab_model_info, model)", False),
    ("segment", 'label_values(trimtab_window_end_timestamp_seconds{model="$model"}, segment)', False),
    ("statistic", 'label_values(trimtab_model_reference{model="$model"}, statistic)', True),
)


def dashboards() -> dict[str, dict[str, Any]]:
    """Every dashboard, by the name of its file."""
    return {
        "fleet.json": _dashboard("trimtab-fleet", "Trimtab: fleet", FLEET),
        "model.json": _dashboard("trimtab-model", "Trimtab: model", MODEL, _VARIABLES),
        "system.json": _dashboard("trimtab-system", "Trimtab: its own health", SYSTEM),
    }


def _dashboard(
    uid: str, title: str, panels: Sequence[Panel], variables: Sequence[tuple[str, str, bool]] = ()
) -> dict[str, Any]:
    return {
        "uid": uid,
        "title": title,
        "tags": ["trimtab"],
        "timezone": "utc",
        "schemaVersion": 39,
        "refresh": "15s",
        "time": {"from": "now-3h", "to": "now"},
        "links": [{"type": "dashboards", "title": "Trimtab", "tags": ["trimtab"], "keepTime": True}],
        "templating": {"list": [_variable(*variable) for variable in variables]},
        "panels": list(_placed(panels)),
    }


def _variable(name: str, query: str, several: bool) -> dict[str, Any]:
    return {
        "name": name,
        "type": "query",
        "datasource": _SOURCE,
        "query": {"query": query, "refId": name},
        "refresh": 2,
        "sort": 1,
        "multi": several,
        "includeAll": several,
    }


def _placed(panels: Sequence[Panel]) -> Iterator[dict[str, Any]]:
    """Panels from left to right, and then below."""
    x = y = 0
    for number, panel in enumerate(panels, 1):
        if x + panel.width > _WIDTH:
            x, y = 0, y + _HEIGHT
        yield {
            "id": number,
            "title": panel.title,
            "description": panel.about,
            "type": panel.kind,
            "datasource": _SOURCE,
            "gridPos": {"x": x, "y": y, "w": panel.width, "h": _HEIGHT},
            "fieldConfig": {"defaults": {"unit": panel.unit}, "overrides": []},
            "targets": [
                {"refId": chr(ord("A") + k), "datasource": _SOURCE, "expr": expression, "legendFormat": legend}
                for k, (expression, legend) in enumerate(panel.queries)
            ],
        }
        x += panel.width


def text_of(dashboard: dict[str, Any]) -> str:
    """As it stands in its file."""
    return json.dumps(dashboard, indent=1) + "\n"


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, dashboard in dashboards().items():
        (FOLDER / name).write_text(text_of(dashboard), encoding="utf-8")
