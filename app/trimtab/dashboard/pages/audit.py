"""The audit page of a model."""

from __future__ import annotations

from trimtab.dashboard import formats
from trimtab.dashboard.html import Html, tag
from trimtab.dashboard.pages.layout import Page, Part, state_mark, table, when
from trimtab.dashboard.views.audit import AuditEntry, AuditView

__all__ = ["page"]


def page(view: AuditView) -> Page:
    """The page."""
    model = view["model"]
    return Page(
        f"Audit of {model}",
        [Part("audit", _body(view), (f"audit/{model}",))],
        crumbs=(("/", "Fleet"), (formats.link("models", model), model)),
    )


def _body(view: AuditView) -> Html:
    faults = [(fault["writer"], f"[{fault['partition']}] {fault['offset']}", fault["what"]) for fault in view["faults"]]
    chained = f"{view['chained']:,} of {view['count']:,} entries are chained"
    said = f"{chained}; nothing was changed, and nothing is missing between them."
    verdict = (
        tag("p", state_mark("ok", "intact"), " ", said)
        if view["intact"]
        else [tag("p", state_mark("critical", f"{len(faults)} faults"), f" {chained}."),
              table(("Chain of", "Place", "What does not fit"), faults, caption="Faults")]
    )  # fmt: skip
    more = [tag("a", "JSON", href="?format=json"), " ", tag("a", "CSV", href="?format=csv")]
    columns = ("When", "What", "Who", "Why", "Incident", "Chain", "Hash")
    shown = table(columns, [_row(entry) for entry in view["entries"]], caption="Entries, the newest first")
    title = tag("div", tag("h1", f"Audit of {view['model']}"), tag("span", more, class_="more"), class_="title")
    return tag("section", title, verdict, shown)


def _row(entry: AuditEntry) -> tuple[object, ...]:
    incident = entry["incident"]
    chain = f"{entry['writer']} {entry['sequence']}" if entry["sequence"] else ""
    signed = tag("small", f" signed by {entry['signed_by']}") if entry["signed_by"] else None
    return (
        when(entry["time_ms"]),
        tag("span", entry["text"], class_="text"),
        entry["actor"],
        entry["trigger"],
        tag("a", incident[:12], href=formats.link("incidents", incident)) if incident else "",
        chain,
        [tag("code", entry["sha256"][:12]), signed],
    )
