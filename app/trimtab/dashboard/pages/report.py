"""A report of one model and period in one file, to be mailed: no script, nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files

from trimtab.dashboard import formats
from trimtab.dashboard.html import Html, join, tag
from trimtab.dashboard.pages import charts
from trimtab.dashboard.pages.heat import grid
from trimtab.dashboard.pages.layout import definitions, empty, state_mark, table, when
from trimtab.dashboard.svg import chart
from trimtab.dashboard.views.incidents import IncidentRow
from trimtab.dashboard.views.model import ModelView, Point, Promotion

__all__ = ["report"]


def report(view: ModelView, incidents: Sequence[IncidentRow], from_ms: int, to_ms: int) -> str:
    """The whole document; ``incidents`` are those of the period."""
    one = view["summary"]
    points = [point for point in view["performance"] if from_ms < point["end_ms"] <= to_ms]
    values = [point["value"] for point in points]
    changes = [one for one in view["promotions"] if from_ms < one["event_time_ms"] <= to_ms]
    worst = min(values, default=None) if view["metric"] in ("accuracy", "f1") else max(values, default=None)
    facts = definitions(
        (
            ("Period", [when(from_ms), " to ", when(to_ms)]),
            ("Serves", tag("code", one["served"])),
            ("Windows with labels", len(points)),
            (f"{view['metric']}, mean of windows", formats.number(sum(values) / len(values) if values else None)),
            (f"{view['metric']}, worst window", formats.number(worst)),
            ("On its reference", formats.number(one["reference"])),
            ("Versions that served", ", ".join(str(version) for version in view["versions"])),
            ("Incidents", f"{len(incidents)}, {sum(i['state'] == 'firing' for i in incidents)} of them open"),
        )
    )
    drawn = chart(charts.by_version(points), title=view["metric"], limit=view["limit"], marks=charts.marks_of(changes))
    body = tag(
        "main",
        tag("h1", f"{one['model']}: {formats.time(from_ms)[:10]} to {formats.time(to_ms)[:10]}"),
        tag("p", state_mark(one["health"]), f" when this was written, {formats.time(view['now_ms'])} UTC."),
        tag("section", facts),
        tag("section", tag("h2", f"{view['metric']} by version"), drawn),
        tag("section", tag("h2", "Drift"), grid(view["heat"], None)),
        tag("section", tag("h2", "Promotions and rollbacks"), _changes(changes)),
        tag("section", tag("h2", "Incidents"), _incidents(incidents)),
        tag("section", tag("h2", "Windows"), _windows(view["metric"], points)),
    )
    style = files("trimtab.dashboard").joinpath("static/app.css").read_text(encoding="utf-8")
    head = join(
        (
            tag("meta", charset="utf-8"),
            tag("title", f"{one['model']}, {formats.time(from_ms)[:10]} to {formats.time(to_ms)[:10]}"),
            tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
            # Else a browser would ask for one.
            tag("link", rel="icon", href="data:,"),
            tag("style", Html(style)),
        )
    )
    return f"<!doctype html>{tag('html', tag('head', head), tag('body', body), lang='en')}"


def _changes(changes: Sequence[Promotion]) -> Html:
    rows = [
        (when(one["event_time_ms"]), one["version"], one["action"].replace("_", " "), one["actor"]) for one in changes
    ]
    return table(("When", ("Version", "num"), "What", "By"), rows, caption="Promotions", nothing="None in this period.")


def _incidents(incidents: Sequence[IncidentRow]) -> Html:
    if not incidents:
        return empty("None in this period.")
    rows = [
        (state_mark("resolved" if row["state"] == "resolved" else "firing", row["state"]), row["severity"],
         tag("span", row["summary"], class_="text"), when(row["raised_ms"]), when(row["resolved_ms"]))
        for row in incidents
    ]  # fmt: skip
    return table(("State", "Severity", "What", "Raised", "Resolved"), rows, caption="Incidents")


def _windows(metric: str, points: Sequence[Point]) -> Html:
    rows = [
        (
            when(p["end_ms"]),
            p["version"],
            formats.number(p["value"]),
            formats.whole(p["count"]),
            state_mark(p["status"]),
        )
        for p in points[-500:]
    ]
    columns = ("Window's end", ("Version", "num"), (metric, "num"), ("Labelled", "num"), "Verdict")
    return table(columns, rows, caption="Windows", nothing="No labels in this period.")
