"""The list of incidents, and the story of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from trimtab.dashboard import formats
from trimtab.dashboard.html import Html, tag
from trimtab.dashboard.pages.layout import Page, Part, Viewer, definitions, empty, hidden, post, state_mark, table, when
from trimtab.dashboard.svg import bars
from trimtab.dashboard.views.incidents import IncidentRow, IncidentsView, IncidentView

__all__ = ["incident_table", "list_page", "page"]

DURATIONS = (("1h", "1 hour"), ("4h", "4 hours"), ("1d", "1 day"), ("1w", "1 week"))


def list_page(view: IncidentsView, model: str | None, state: str | None) -> Page:
    """The list."""
    picks = [
        tag("a", label, href=formats.link("incidents", query={"state": value, "model": model}), class_="pick",
            aria_current="true" if value == state else None)
        for value, label in ((None, "all"), ("firing", "open"), ("resolved", "resolved"))
    ]  # fmt: skip
    query = {"state": state, "model": model}
    more = [
        tag("a", kind.upper(), href=formats.link("incidents", query={**query, "format": kind}))
        for kind in ("json", "csv")
    ]
    of = f" of {model}" if model else ""
    body = tag(
        "section",
        tag("div", tag("h1", f"Incidents{of}"), tag("span", more[0], " ", more[1], class_="more"), class_="title"),
        tag("nav", picks, aria_label="State", class_="picks"),
        incident_table(view["incidents"], view["now_ms"]),
    )
    return Page("Incidents", [Part("list", body, ("alerts", "silences"))], path="/incidents")


def incident_table(rows: Sequence[IncidentRow], now_ms: int, *, with_model: bool = True) -> Html:
    """Incidents as a table."""
    columns: list[str | tuple[str, str]] = ["State", "Severity", "What", "Raised", "Looked after"]
    if with_model:
        columns.insert(2, "Model")
    shown = []
    for row in rows:
        link = tag("a", row["summary"], href=formats.link("incidents", row["incident"]), class_="text")
        mark = state_mark("resolved" if row["state"] == "resolved" else "firing", row["state"])
        cells: list[object] = [
            mark,
            state_mark(row["severity"]),
            link,
            when(row["raised_ms"], now_ms),
            _looked_after(row),
        ]
        if with_model:
            cells.insert(2, tag("a", row["model"], href=formats.link("models", row["model"])))
        shown.append(cells)
    return table(columns, shown, caption="Incidents", nothing="No incident.")


def _looked_after(row: IncidentRow) -> Html:
    if row["acknowledged"]:
        return tag("span", f"by {row['acknowledged']}")
    return tag("span", "silenced" if row["silenced"] else "nobody" if row["state"] == "firing" else "", class_="quiet")


def page(view: IncidentView, viewer: Viewer) -> Page:
    """One incident."""
    row = view["summary"]
    topics = (f"alerts/{row['model']}", "silences", "notices", f"audit/{row['model']}")
    parts = [Part("head", _head(view), topics), Part("evidence", _evidence(view)), Part("story", _story(view), topics)]
    if viewer.may_act:
        parts.insert(1, Part("actions", _actions(view)))
    return Page(row["summary"], parts, path="/incidents", crumbs=(("/incidents", "Incidents"),))


def _head(view: IncidentView) -> Html:
    row = view["summary"]
    model = row["model"]
    runbook = view["runbook"]
    # Only a web address may become a link: the alert's text decides nothing else.
    safe = runbook is not None and runbook.startswith(("https://", "http://"))
    facts = definitions(
        (
            ("Severity", state_mark(row["severity"])),
            ("Model", tag("a", model, href=formats.link("models", model))),
            ("Served then", f"{model}@{row['version']}"),
            ("Serves now", view["served"]),
            ("Kind", row["kind"] + (f", {row['detector']}" if row["detector"] else "")),
            ("Feature", row["feature"]),
            ("Segment", row["segment"]),
            ("First bad window", when(row["started_ms"])),
            ("Raised", when(row["raised_ms"], view["now_ms"])),
            ("Resolved", when(row["resolved_ms"], view["now_ms"]) if row["resolved_ms"] else None),
            ("Looked after by", row["acknowledged"]),
            ("Silence", tag("a", row["silenced"], href="/silences") if row["silenced"] else None),
            ("Runbook", tag("a", runbook, href=runbook, rel="noreferrer noopener") if safe else runbook),
            ("Id", tag("code", row["incident"])),
        )
    )
    mark = state_mark("resolved" if row["state"] == "resolved" else "firing", row["state"])
    title = tag("div", tag("h1", row["summary"]), mark, class_="title")
    return tag("section", title, facts)


def _actions(view: IncidentView) -> Html:
    row = view["summary"]
    incident, model = row["incident"], row["model"]
    comment = tag("label", "Comment ", tag("input", name="comment", maxlength=500, autocomplete="off"))
    spans = [tag("option", label, value=value, selected=value == "4h") for value, label in DURATIONS]
    for_ = tag("label", "For ", tag("select", spans, name="for"))
    labels = {"model": model, "kind": row["kind"], "feature": row["feature"] or "", "segment": row["segment"]}
    plain = [f"{name}={value}" for name, value in labels.items()]
    matchers = [tag("input", type="hidden", name="matcher", value=value) for value in plain]
    why = tag(
        "label", "Why ", tag("input", name="reason", maxlength=200, autocomplete="off", value=f"incident {incident}")
    )
    forms = []
    if row["state"] == "firing":
        forms.append(post(formats.link("incidents", incident, "ack"), "I look after it", comment, kind="main"))
        forms.append(
            post(
                formats.link("silences"),
                "Silence",
                for_,
                comment,
                *matchers,
                hidden({"next": f"/incidents/{incident}"}),
            )
        )
    forms.append(post(formats.link("models", model, "retrain"), "Retrain", why))
    if view["waiting"] is not None:
        version = hidden({"version": view["waiting"]})
        forms.append(post(formats.link("models", model, "approve"), f"Approve version {view['waiting']}", version, why))
    sure = f"Roll {model} back to the version before?"
    forms.append(post(formats.link("models", model, "rollback"), "Roll back", why, kind="danger", confirm=sure))
    return tag("section", tag("h2", "What to do"), tag("div", forms, class_="forms"))


def _evidence(view: IncidentView) -> Html:
    row, evidence = view["summary"], view["evidence"]
    statistics, p_values = evidence["statistics"], evidence["p_values"]
    rows = [
        (name, formats.number(statistics.get(name)), formats.number(evidence["thresholds"].get(name)),
         formats.number(p_values.get(name)))
        for name in sorted(statistics.keys() | p_values.keys())
    ]  # fmt: skip
    numbers = table(
        ("Statistic", ("Value", "num"), ("Threshold", "num"), ("p-value", "num")), rows, caption="Statistics"
    )
    facts = definitions(
        (
            ("Window", [when(evidence["start_ms"]), " to ", when(evidence["end_ms"])]),
            ("Events", formats.whole(evidence["count"])),
            ("Reference", evidence["reference"]),
            ("Offsets", ", ".join(f"{o['partition']}: {o['first']} to {o['last']}" for o in evidence["offsets"])),
        )
    )
    ranked = [
        _ranked("Features by effect", evidence.get("ranking")),
        _ranked("Worst segments", evidence.get("segments")),
    ]
    where = _on_model_page(row, evidence["start_ms"], evidence["end_ms"])
    spread = _histogram(evidence.get("histogram"), str(row["feature"]))
    link = tag("a", "On the model's page", href=where, class_="more")
    shown = [tag("div", numbers, ranked), tag("div", spread) if spread else None]
    title = tag("div", tag("h2", "Evidence"), link, class_="title")
    return tag("section", title, facts, tag("div", shown, class_="two"))


def _on_model_page(row: IncidentRow, start_ms: int, end_ms: int) -> str:
    """The cell of this window among the hundred windows before it."""
    query = {
        "from": end_ms - 100 * max(1, end_ms - start_ms),
        "to": end_ms,
        "segment": row["segment"] or None,
        "feature": row["feature"],
        "end": end_ms,
    }
    return formats.link("models", row["model"], query=query) + "#cell"


def _ranked(title: str, ranked: Sequence[Mapping[str, Any]] | None) -> Html | None:
    if not ranked:
        return None
    rows = [(one["name"], formats.number(one["effect"])) for one in ranked]
    return table(("Name", ("Times the threshold", "num")), rows, caption=title, shown=True)


def _histogram(found: Mapping[str, Any] | None, feature: str) -> Html | None:
    if not found:
        return None
    drawn = bars(found["labels"], found["reference"], found["window"], title=f"{feature}: reference and window")
    legend = tag(
        "p", tag("span", class_="box ref"), " reference ", tag("span", class_="box win"), " window", class_="legend"
    )
    return tag("figure", drawn, tag("figcaption", legend))


def _story(view: IncidentView) -> Html:
    steps = [
        tag("li", when(step["time_ms"], view["now_ms"]), " ", tag("b", step["what"].replace("_", " ")), " ",
            tag("span", step["text"]), tag("small", f" {step['actor']}") if step["actor"] else None)
        for step in view["story"]
    ]  # fmt: skip
    shown = tag("ol", steps, class_="story") if steps else empty("Nothing has happened yet.")
    return tag("section", tag("h2", "Story"), shown)
