"""The silences page."""

from __future__ import annotations

from trimtab.dashboard import formats
from trimtab.dashboard.html import Html, tag
from trimtab.dashboard.pages.incidents import DURATIONS
from trimtab.dashboard.pages.layout import Page, Part, Viewer, post, state_mark, table, when
from trimtab.dashboard.views.silences import SilenceRow, SilencesView

__all__ = ["page"]


def page(view: SilencesView, viewer: Viewer) -> Page:
    """The page."""
    parts = [Part("silences", _list(view, viewer), ("silences", "alerts"))]
    if viewer.may_act:
        parts.append(Part("new", _new()))
    return Page("Silences", parts, path="/silences")


def _list(view: SilencesView, viewer: Viewer) -> Html:
    rows = [
        (
            state_mark(row["state"]),
            tag("code", ", ".join(row["matchers"])),
            when(row["starts_ms"]),
            when(row["ends_ms"]),
            row["author"],
            tag("span", row["comment"], class_="text"),
            _end(row) if viewer.may_act and row["state"] != "expired" else "",
        )
        for row in view["silences"]
    ]
    acks = [
        (tag("a", ack["incident"], href=formats.link("incidents", ack["incident"])), ack["model"], ack["author"],
         tag("span", ack["comment"], class_="text"), when(ack["until_ms"]) if ack["until_ms"] else "its resolve")
        for ack in view["acknowledgements"]
    ]  # fmt: skip
    columns = ("State", "Alerts", "From", "Until", "By", "Comment", "")
    return tag(
        "section",
        tag("h1", "Silences"),
        table(columns, rows, caption="Silences", nothing="No alert is silenced."),
        tag("h2", "Looked after"),
        table(("Incident", "Model", "By", "Comment", "Until"), acks, caption="Acknowledgements",
              nothing="No open incident is acknowledged."),
    )  # fmt: skip


def _end(row: SilenceRow) -> Html:
    return post(formats.link("silences", row["id"], "end"), "End")


def _new() -> Html:
    spans = [tag("option", label, value=value) for value, label in DURATIONS]
    what = tag("input", name="matcher", required=True, maxlength=200, placeholder="model=credit", autocomplete="off")
    also = tag("input", name="matcher", maxlength=200, placeholder="kind=drift", autocomplete="off")
    form = post(
        "/silences",
        "Silence",
        tag("label", "Alerts with ", what),
        tag("label", "and ", also),
        tag("label", "For ", tag("select", spans, name="for")),
        tag("label", "Comment ", tag("input", name="comment", maxlength=500, autocomplete="off")),
        kind="main",
    )
    hint = "NAME=VALUE, NAME!=VALUE, NAME=~PATTERN or NAME!~PATTERN; names are model, kind, feature, segment, severity."
    return tag("section", tag("h2", "New silence"), tag("div", form, class_="forms"), tag("p", hint, class_="quiet"))
