"""The registry page of a model: its versions as a tree, one of them, and what parts two."""

from __future__ import annotations

from collections.abc import Sequence

from trimtab.dashboard import formats
from trimtab.dashboard.html import Html, tag
from trimtab.dashboard.pages.layout import Page, Part, definitions, state_mark, table, when
from trimtab.dashboard.views.versions import VersionRow, VersionsView

__all__ = ["page"]


def page(view: VersionsView) -> Page:
    """The page."""
    model = view["model"]
    topics = (f"registry/{model}", f"audit/{model}")
    parts = [Part("tree", _tree(view), topics)]
    if view["manifest"] is not None:
        parts.append(Part("version", _version(view), topics))
    if view["differences"] or view["against"] is not None:
        parts.append(Part("diff", _diff(view), topics))
    parts.append(Part("verified", _verified(view), topics))
    crumbs = (("/", "Fleet"), (formats.link("models", model), model))
    return Page(f"Versions of {model}", parts, crumbs=crumbs)


def _tree(view: VersionsView) -> Html:
    model = view["model"]
    rows = [
        (
            _name(model, row),
            state_mark(row["status"]),
            "pinned" if row["pinned"] else "",
            row["candidate"],
            row["trigger"],
            formats.whole(row["examples"]),
            ", ".join(f"{name} {formats.number(value)}" for name, value in sorted(row["metrics"].items())[:3]),
            when(row["created_ms"]),
        )
        for row in view["versions"]
    ]
    columns = ("Version", "Status", "", "Candidate", "Why", ("Learnt", "num"), "On its reference", "Made")
    numbers = sorted((row["version"] for row in view["versions"]), reverse=True)
    right = view["chosen"] or (numbers[0] if numbers else None)
    left = view["against"] or next((number for number in numbers if number != right), None)
    compare = tag(
        "form",
        tag("label", "Version ", _select("version", numbers, right)),
        tag("label", "beside ", _select("against", numbers, left)),
        tag("button", "Compare"),
        method="get",
        class_="row",
    )
    more = [tag("a", "JSON", href="?format=json"), " ", tag("a", "CSV", href="?format=csv")]
    title = tag("div", tag("h1", f"Versions of {model}"), tag("code", view["served"]), tag("span", more, class_="more"),
                class_="title")  # fmt: skip
    shown = table(columns, rows, caption=f"Versions of {model}", nothing="There is no version yet.")
    return tag("section", title, shown, compare if len(rows) > 1 else None)


def _select(name: str, numbers: Sequence[int], chosen: int | None) -> Html:
    options = [tag("option", number, value=number, selected=number == chosen) for number in numbers]
    return tag("select", options, name=name)


def _name(model: str, row: VersionRow) -> Html:
    depth = min(row["depth"], 12)
    branch = tag("span", "└", aria_hidden="true", class_="quiet") if depth else None
    where = formats.link("models", model, "versions", query={"version": row["version"]})
    return tag("span", branch, " ", tag("a", f"{model}@{row['version']}", href=where), class_=f"depth d{depth}")


def _version(view: VersionsView) -> Html:
    manifest = view["manifest"] or {}
    examples = manifest["examples"]
    steps = [tag("li", _name(view["model"], {**row, "depth": 0}), f" {row['candidate']}, {row['trigger']}, ",
                 when(row["created_ms"])) for row in view["lineage"]]  # fmt: skip
    gates = [
        (
            gate["gate"],
            formats.number(gate["value"]),
            formats.number(gate["limit"]),
            formats.number(gate.get("evidence")),
        )
        for gate in manifest.get("gates") or []
    ]
    facts = definitions(
        (
            ("Examples", f"{examples['count']:,} in {examples['topic']}[{examples['partition']}], "
                         f"offsets {examples['first_offset']} to {examples['last_offset']}"),
            ("Their SHA-256", tag("code", examples["sha256"])),
            ("State", tag("code", manifest["state_digest"])),
            ("Snapshot", f"{manifest['snapshot']['size_bytes']:,} bytes"),
            ("Reference", manifest["reference"]),
            ("Incident", tag("a", manifest["incident"], href=formats.link("incidents", manifest["incident"]))
             if manifest["incident"] else None),
            ("Environment", ", ".join(f"{k} {v}" for k, v in sorted(manifest["environment"].items()))),
        )
    )  # fmt: skip
    shown = table(
        ("Gate", ("Value", "num"), ("Limit", "num"), ("Evidence", "num")), gates, caption="Gates passed", shown=True
    )
    return tag(
        "section",
        tag("h2", f"{view['model']}@{view['chosen']}"),
        facts,
        tag("h3", "Lineage, the oldest first"),
        tag("ol", steps, class_="story"),
        shown if gates else None,
    )


def _diff(view: VersionsView) -> Html:
    rows = [(tag("code", one["name"]), one["left"], one["right"]) for one in view["differences"]]
    title = f"{view['model']}@{view['against']} and @{view['chosen']}"
    columns = ("Field", f"@{view['against']}", f"@{view['chosen']}")
    return tag("section", tag("h2", title), table(columns, rows, caption="Differences", nothing="They do not differ."))


def _verified(view: VersionsView) -> Html:
    rows = [(one["version"], when(one["time_ms"], view["now_ms"]), one["text"]) for one in view["verifications"]]
    nothing = f"No verification is in the audit log; to make a version again: trimtab verify {view['model']}@V"
    shown = table(("Version", "When", "Result"), rows, caption="Verifications", nothing=nothing)
    return tag("section", tag("h2", "Verifications"), shown)
