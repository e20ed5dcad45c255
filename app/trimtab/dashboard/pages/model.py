"""The model page: performance, drift, segments, races and open incidents of one model."""

from __future__ import annotations

from trimtab.dashboard import formats
from trimtab.dashboard.html import Html, tag
from trimtab.dashboard.pages import charts
from trimtab.dashboard.pages.heat import cell_panel, grid
from trimtab.dashboard.pages.incidents import incident_table
from trimtab.dashboard.pages.layout import Page, Part, Viewer, definitions, hidden, post, state_mark, table, when
from trimtab.dashboard.views.model import ModelView
from trimtab.dashboard.views.period import Choice

__all__ = ["page"]

_PERIODS = (("1d", "day"), ("7d", "week"), ("30d", "month"), ("all", "all"))


def page(view: ModelView, choice: Choice, viewer: Viewer) -> Page:
    """The page."""
    name = view["summary"]["model"]
    metrics, alerts = f"metrics/{name}", f"alerts/{name}"
    parts = [
        Part("head", _head(view), (metrics, alerts, f"serving/{name}", f"registry/{name}", f"audit/{name}")),
        Part("choice", _choice(view, choice)),
        Part("performance", _performance(view), (metrics, f"audit/{name}")),
        Part("drift", _drift(view, choice), (metrics,)),
        Part("segments", _segments(view, choice), (metrics,)) if view["segments"] else None,
        Part("races", _races(view), (metrics,)),
        Part("incidents", _incidents(view), (alerts, "silences")),
        Part("orders", _orders(view, viewer)),
    ]
    return Page(name, [part for part in parts if part is not None], charts=True, crumbs=(("/", "Fleet"),))


def _address(view: ModelView, choice: Choice, **changes: object) -> str:
    """This page with something else chosen."""
    kept: dict[str, object] = {
        "from": choice.period.from_ms if choice.last is None and choice.period.from_ms else None,
        "to": choice.period.to_ms,
        "last": choice.last,
        "version": choice.version,
        "segment": choice.segment or None,
        "metric": choice.metric,
    }
    return formats.link("models", view["summary"]["model"], query=kept | changes)


def _head(view: ModelView) -> Html:
    one = view["summary"]
    name, canary = one["model"], view["canary"]
    more = [
        tag("a", "Versions", href=formats.link("models", name, "versions")), " ",
        tag("a", "Audit", href=formats.link("models", name, "audit")), " ",
        tag("a", "Report", href=formats.link("models", name, "report")), " ",
        tag("a", "JSON", href=formats.link("models", name, query={"format": "json"})), " ",
        tag("a", "CSV", href=formats.link("models", name, query={"format": "csv"})),
    ]  # fmt: skip
    shown = None if canary is None else f"{name}@{canary['version']} for {formats.share(canary['share'])} of keys"
    value = f"{formats.number(one['value'])} {one['metric']}"
    facts = definitions(
        (
            ("Serves", tag("code", one["served"])),
            ("Canary", shown),
            ("Mode", f"{one['mode']}, {one['task']}"),
            ("Last window", value if one["value"] is not None else "no labels yet"),
            ("On its reference", formats.number(one["reference"])),
            ("Labelled", formats.share(one["coverage"])),
            ("Drifted now", f"{one['drifted']} of {one['features']} features"),
            ("Open incidents", one["incidents"]),
        )
    )
    return tag(
        "section",
        tag("div", tag("h1", name), state_mark(one["health"]), tag("span", more, class_="more"), class_="title"),
        facts,
    )


def _choice(view: ModelView, choice: Choice) -> Html:
    name = view["summary"]["model"]
    periods = [
        tag("a", label, href=_address(view, choice, last=span, **{"from": None, "to": None}), class_="pick",
            aria_current="true" if choice.last == span else None)
        for span, label in _PERIODS
    ]  # fmt: skip
    versions = [
        tag("option", f"version {version}", value=version, selected=version == choice.version)
        for version in reversed(view["versions"])
    ]
    metrics = [tag("option", metric, value=metric, selected=metric == view["metric"]) for metric in view["metrics"]]
    segments = [
        tag("option", row["segment"], value=row["segment"], selected=row["segment"] == choice.segment)
        for row in view["segments"]
    ]
    form = tag(
        "form",
        hidden({"last": choice.last, "to": choice.period.to_ms}),
        tag("label", "Metric ", tag("select", metrics, name="metric")),
        tag("label", "Version ", tag("select", tag("option", "all", value=""), versions, name="version")),
        tag("label", "Segment ", tag("select", tag("option", "all events", value=""), segments, name="segment"))
        if segments
        else None,
        tag("button", "Show"),
        method="get",
        action=formats.link("models", name),
        class_="row",
        data_instant=True,
    )
    return tag("div", tag("nav", periods, aria_label="Period", class_="picks"), form, class_="choice")


def _performance(view: ModelView) -> Html:
    metric = view["metric"]
    title = f"{metric} by version" + (f", {view['segment']}" if view["segment"] else "")
    drawn = charts.performance(view)
    estimates = {(point["end_ms"], point["version"]): point["value"] for point in view["estimated"]}
    rows = [
        (when(point["end_ms"]), point["version"], formats.number(point["value"]),
         formats.number(estimates.get((point["end_ms"], point["version"]))), formats.whole(point["count"]),
         state_mark(point["status"]))
        for point in reversed(view["performance"][-200:])
    ]  # fmt: skip
    numbers = tag(
        "details",
        tag("summary", "Numbers"),
        table(
            ("Window's end", ("Version", "num"), (metric, "num"), ("Estimated", "num"), ("Labelled", "num"), "Verdict"),
            rows,
            caption=title,
        ),
    )
    return tag("section", tag("h2", "Performance"), drawn, numbers if rows else None)


def _drift(view: ModelView, choice: Choice) -> Html:
    def to_cell(feature: str, end_ms: int, version: int) -> str:
        return _address(view, choice, feature=feature, end=end_ms, of=version) + "#cell"

    shown = view["cell"]
    panel = None if shown is None else cell_panel(shown, _address(view, choice) + "#drift")
    return tag("section", tag("h2", "Drift"), grid(view["heat"], to_cell, view["cell"]), panel)


def _segments(view: ModelView, choice: Choice) -> Html:
    rows = [
        (
            tag("a", row["segment"], href=_address(view, choice, segment=row["segment"], version=None)),
            formats.whole(row["events"]),
            formats.whole(row["labelled"]),
            formats.number(row["value"]),
            state_mark(row["status"]),
            state_mark("drift", f"{row['drifted']}: {row['worst_feature']}")
            if row["drifted"]
            else state_mark("ok", "0"),
            when(row["end_ms"]),
        )
        for row in view["segments"]
    ]
    columns = ("Segment", ("Events", "num"), ("Labelled", "num"), (view["metric"], "num"), "Verdict", "Drifted",
               "Last window")  # fmt: skip
    return tag("section", tag("h2", "Segments"), table(columns, rows, caption="Segments, last window"))


def _races(view: ModelView) -> Html:
    numbers = view["races"]
    if not numbers:
        return tag(
            "section", tag("h2", "Races"), tag("p", "No race, canary or shadow in the last day.", class_="quiet")
        )
    last = {(number["statistic"], number["segment"]): number for number in numbers}
    rows = [
        (number["statistic"].replace("_", " "), number["segment"] or "champion", formats.number(number["value"]),
         formats.whole(number["count"]), when(number["time_ms"], view["now_ms"]))
        for number in sorted(last.values(), key=lambda number: (number["statistic"], number["segment"]))
    ]  # fmt: skip
    columns = ("Number", "Of", ("Value", "num"), ("Examples", "num"), "When")
    return tag(
        "section", tag("h2", "Races"), charts.races(numbers), table(columns, rows, caption="Races, latest numbers")
    )


def _incidents(view: ModelView) -> Html:
    shown = incident_table(view["incidents"], view["now_ms"], with_model=False)
    every = tag("a", "All", href=formats.link("incidents", query={"model": view["summary"]["model"]}), class_="more")
    return tag("section", tag("div", tag("h2", "Open incidents"), every, class_="title"), shown)


def _orders(view: ModelView, viewer: Viewer) -> Html:
    if not viewer.may_act:
        return Html("")
    name, canary = view["summary"]["model"], view["canary"]
    why = tag("label", "Why ", tag("input", name="reason", maxlength=200, autocomplete="off"))
    forms = [post(formats.link("models", name, "retrain"), "Retrain", why)]
    if canary is not None and not canary["share"]:
        version = hidden({"version": canary["version"]})
        forms.append(
            post(formats.link("models", name, "approve"), f"Approve version {canary['version']}", version, why)
        )
    if view["summary"]["version"] is not None:
        to = tag(
            "label", "To version ", tag("input", name="version", inputmode="numeric", size=4, placeholder="before")
        )
        sure = f"Roll {name} back?"
        forms.append(post(formats.link("models", name, "rollback"), "Roll back", to, why, kind="danger", confirm=sure))
    return tag("section", tag("h2", "Orders"), tag("div", forms, class_="forms"))
