"""The fleet page: every model in one row, what needs somebody first."""

from __future__ import annotations

from trimtab.dashboard import formats
from trimtab.dashboard.html import Html, tag
from trimtab.dashboard.pages.layout import Page, Part, state_mark, table, when
from trimtab.dashboard.svg import sparkline
from trimtab.dashboard.views.fleet import FleetRow, FleetView

__all__ = ["page", "row", "row_id"]

_COLUMNS = ("Health", "Model", ("Serves", "opt"), ("Performance", "num"), ("Reference", "num opt"), "Trend", "Drift",
            ("Labelled", "num"), ("Open", "num"), "Last window")  # fmt: skip


def page(view: FleetView) -> Page:
    """The page."""
    return Page(
        "Fleet",
        [
            Part("summary", _summary(view), ("alerts", "metrics", "dead-letters")),
            Part("filter-bar", _filter(len(view["models"]))),
            # Rows are renewed one by one; the order is that of the last load.
            Part("models", _models(view)),
        ],
    )


def row_id(model: str) -> str:
    """Id of a model's row."""
    return f"row-{model}"


def row(one: FleetRow) -> Html:
    """One model."""
    name = one["model"]
    where = formats.link("models", name)
    drift = state_mark("drift", f"{one['drifted']} of {one['features']}") if one["drifted"] else (
        state_mark("ok", f"0 of {one['features']}") if one["features"] else state_mark("none", "no verdict")
    )  # fmt: skip
    worst = f"{one['worst_feature']} {formats.number(one['worst_effect'])} times" if one["drifted"] else None
    value = tag("span", formats.number(one["value"]), " ", tag("small", one["metric"]))
    if one["status"] == "worse":
        value = tag("span", state_mark("worse", formats.number(one["value"])), " ", tag("small", one["metric"]))
    opened = tag("a", one["incidents"], href=formats.link("incidents", query={"model": name, "state": "firing"}))
    cells = (
        (state_mark(one["health"]), None),
        (tag("a", name, href=where), "name"),
        (tag("code", one["served"]), "opt"),
        (value, "num"),
        (formats.number(one["reference"]), "num opt"),
        (sparkline(one["sparkline"], one["reference"]), None),
        ([drift, " ", tag("small", worst) if worst else None], None),
        (formats.share(one["coverage"]), "num"),
        (opened if one["incidents"] else "0", "num"),
        (when(one["last_window_ms"]), None),
    )
    return tag(
        "tr",
        [tag("td", cell, class_=kind) for cell, kind in cells],
        id=row_id(name),
        data_topics=f"metrics/{name} alerts/{name} serving/{name}",
        data_name=name.lower(),
        data_health=one["health"],
    )


def _summary(view: FleetView) -> Html:
    models = view["models"]
    counts = {health: sum(one["health"] == health for one in models) for health in
              ("critical", "alerting", "worse", "drifting", "ok", "quiet")}  # fmt: skip
    dead = sum(view["dead_letters"].values())
    tiles = [
        tag("li", tag("b", f"{count:,}"), " ", state_mark(health))
        for health, count in counts.items()
        if count or health == "ok"
    ]
    tiles.append(tag("li", tag("b", f"{dead:,}"), " ", tag("a", "dead letters", href="/dead-letters")))
    reading = None
    if view["read_share"] < 1:
        said = f"Reading the log: {view['read_share'] * 100:.0f} %. What is shown is not complete yet."
        reading = tag("p", said, class_="notice")
    more = [tag("a", "JSON", href="/?format=json"), " ", tag("a", "CSV", href="/?format=csv")]
    return tag(
        "section",
        tag("div", tag("h1", "Fleet"), tag("span", f"{len(models):,} models", class_="quiet"),
            tag("span", more, class_="more"), class_="title"),
        reading,
        tag("ul", tiles, class_="tiles"),
    )  # fmt: skip


def _models(view: FleetView) -> Html:
    return tag("section", table(_COLUMNS, [row(one) for one in view["models"]], caption="Models"))


def _filter(count: int) -> Html:
    if count < 8:
        return Html("")
    return tag(
        "form",
        tag(
            "label",
            "Filter ",
            tag("input", type="search", id="filter", autocomplete="off", placeholder="name or health"),
        ),
        role="search",
        class_="filter",
    )
