"""The result of a demo as one JSON object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from trimtab.demo.baseline import accuracy_by_decile, no_change
from trimtab.demo.measure import ExampleLog, percentile, staleness
from trimtab.demo.simulate import Played
from trimtab.demo.watch import Heard
from trimtab.files import Table

__all__ = ["Evidence", "alert_entry", "expected_events", "result"]


@dataclass(frozen=True)
class Evidence:
    """All that a run left behind. ``online`` and ``frozen`` are the names of the two models."""

    played: Played
    table: Table
    heard: Heard
    manifests: Mapping[str, Sequence[Mapping[str, Any]]]
    examples: Mapping[str, ExampleLog]
    never_retrained: Sequence[bool]
    online: str
    frozen: str
    lateness_ms: int = 0


def result(evidence: Evidence) -> dict[str, Any]:
    """What ``trimtab demo --json`` writes (docs/events.md has the fields)."""
    played, heard = evidence.played, evidence.heard
    dead = sum(heard.dead_letters.values())
    alerts = [alert_entry(alert, evidence.table) for alert in heard.alerts]
    stale = staleness(played, evidence.online, evidence.examples[evidence.online])
    # A window that no later event closes waits for the idle timeout, which says nothing about speed.
    last_ms = evidence.table.times_ms[played.rows - 1]
    at_end = {
        id(entry)
        for entry, alert in zip(alerts, heard.alerts, strict=True)
        if alert["event_time_ms"] + evidence.lateness_ms > last_ms
    }
    latencies = [entry["latency_s"] for entry in alerts if id(entry) not in at_end]
    idle_latencies = [entry["latency_s"] for entry in alerts if id(entry) in at_end]
    changes = [reload.seconds for reload in played.reloads if not reload.online]
    return {
        "events": played.events,
        "alerts": sorted(alerts, key=lambda entry: (entry["event_time"], entry["model"])),
        "versions": versions(evidence),
        "accuracy": accuracies(evidence),
        "staleness_rows": quantiles(stale, 0),
        "alert_latency_s": quantiles(latencies, 3) | {"closed_by_idle_timeout": quantiles(idle_latencies, 3)},
        "reload_s": quantiles([reload.seconds for reload in played.reloads], 3)
        | {"promotions": quantiles(changes, 3), "count": len(played.reloads)},
        "dead_letters": dead,
        "lost": heard.account.lost(expected_events(played), dead),
        "counted": dict(sorted(heard.account.by_statistic.items())),
        "rows": played.rows,
        "seconds": round(played.seconds, 2),
    }


def expected_events(played: Played) -> int:
    """Predictions that were delivered, and pairs of a delivered prediction and its label."""
    delivered = played.stats.delivered_by_topic if played.stats is not None else {}
    by_name = {name.rsplit(".", 1)[-1]: count for name, count in delivered.items()}
    # One label is for the prediction of each model.
    return by_name.get("predictions", 0) + by_name.get("labels", 0) * len(played.models)


def alert_entry(alert: Mapping[str, Any], table: Table) -> dict[str, Any]:
    """One alert as the result names it; ``row`` is the first after its window's end."""
    return {
        "model": alert["model"],
        "kind": alert["kind"],
        "feature": alert["feature"],
        "state": alert["state"],
        "event_time": iso(alert["event_time_ms"]),
        "row": table.row_at(alert["event_time_ms"]),
        "version": alert["version"],
        "latency_s": round((alert["arrived_ms"] - alert["last_produced_ms"]) / 1_000, 3),
    }


def versions(evidence: Evidence) -> list[dict[str, Any]]:
    """Each version with the rows it was made from and the row after which it was decided."""
    entries = []
    for model, manifests in evidence.manifests.items():
        log = evidence.examples[model]
        for manifest in manifests:
            span = manifest["examples"]
            last_row = log.last_row(span["last_offset"])
            entries.append(
                {
                    "model": model,
                    "version": manifest["version"],
                    "candidate": manifest["candidate"],
                    "trigger": manifest["trigger"],
                    "parent": manifest["parent"],
                    "examples": {
                        "from": span["first_offset"],
                        "to": span["last_offset"],
                        "count": span["count"],
                        "first_row": log.first_row(span["first_offset"]),
                        "last_row": last_row,
                    },
                    "row": last_row,
                }
            )
    return entries


def accuracies(evidence: Evidence) -> dict[str, Any]:
    """Accuracy from the first predicted row on, overall and by tenths of the rows played."""
    played = evidence.played
    count = len(played.labels_sent)

    def of(right: Sequence[bool]) -> dict[str, Any]:
        return accuracy_by_decile(right[:count], played.first, len(evidence.table))

    return {
        "served_online": of(played.right(evidence.online)),
        "served_frozen_mode": of(played.right(evidence.frozen)),
        "never_retrained": of(evidence.never_retrained),
        "no_change": of(no_change(played.labels, played.first)),
    }


def quantiles(values: Sequence[float], digits: int) -> dict[str, Any]:
    """Median and 99th percentile; None of nothing."""
    found = {"p50": percentile(values, 0.5), "p99": percentile(values, 0.99)}
    return {
        name: None if value is None else (round(value, digits) if digits else value) for name, value in found.items()
    }


def iso(time_ms: int) -> str:
    """An event time as people read it."""
    return datetime.fromtimestamp(time_ms / 1_000, UTC).isoformat()
