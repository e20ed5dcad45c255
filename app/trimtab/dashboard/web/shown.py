"""Everything that can be looked at, in one table: its view, its page, its rows as CSV, its place in the API."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from trimtab.dashboard.pages import audit as audit_page
from trimtab.dashboard.pages import fleet as fleet_page
from trimtab.dashboard.pages import incidents as incidents_page
from trimtab.dashboard.pages import letters as letters_page
from trimtab.dashboard.pages import model as model_page
from trimtab.dashboard.pages import silences as silences_page
from trimtab.dashboard.pages import system as system_page
from trimtab.dashboard.pages import versions as versions_page
from trimtab.dashboard.pages.layout import Page, Viewer
from trimtab.dashboard.views import audit, fleet, incidents, letters, model, silences, state, system, versions
from trimtab.dashboard.views.period import Choice, choose
from trimtab.dashboard.views.world import World
from trimtab.dashboard.web.asked import Asked, Missing

__all__ = ["SHOWN", "Shown", "choice_of"]

Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Shown:
    """One thing to look at.

    Parameters
    ----------
    path
        Of the page, and behind ``/api`` of its data.
    view, kind
        Makes the data (it may block), which are of the TypedDict ``kind``.
    page
        Renders them; None for what only scripts ask for.
    rows
        Their main table.
    query
        Names in the query and what they mean.
    """

    path: str
    summary: str
    kind: type
    view: Callable[[World, Asked], Any]
    page: Callable[[Any, Asked, Viewer], Page] | None
    rows: Callable[[Any], Rows]
    query: Mapping[str, str]


def choice_of(world: World, asked: Asked) -> Choice:
    """What is chosen on a model's page."""
    bounds = world.queries.bounds(asked.model(world))
    return choose(asked.query, bounds[1] if bounds else None)


def _model(world: World, asked: Asked) -> model.ModelView:
    return model.model(world, asked.model(world), choice_of(world, asked))


def _model_page(view: model.ModelView, asked: Asked, viewer: Viewer) -> Page:
    newest = view["summary"]["last_window_ms"]
    return model_page.page(view, choose(asked.query, newest), viewer)


def _model_rows(view: model.ModelView) -> Rows:
    """Performance and drift of each window, as one long table."""
    metric = view["metric"]
    numbers: list[Mapping[str, Any]] = [
        {**point, "feature": None, "statistic": metric} for point in view["performance"]
    ]
    for row in view["heat"]["rows"]:
        for cell in row["cells"]:
            if cell is not None:
                own = {"end_ms": cell["end_ms"], "version": cell["version"], "value": cell["effect"]}
                numbers.append({**own, "status": cell["status"], "feature": row["feature"], "statistic": "effect"})
    return numbers


def _incident(world: World, asked: Asked) -> incidents.IncidentView:
    found = world.queries.incident(asked.path["incident"])
    if found is None:
        raise Missing("no such incident is kept here")
    return incidents.incident(world, found)


def _letter(world: World, asked: Asked) -> letters.LetterView:
    found = world.queries.letter(*asked.place())
    if found is None:
        raise Missing("no such dead letter is kept here")
    return letters.letter(world, found)


def _audit(world: World, asked: Asked) -> audit.AuditView:
    # What people did with records of no known model is kept under the name "-".
    return audit.audit(world, "-" if asked.path["model"] == "-" else asked.model(world))


def _of(name: str) -> Callable[[Any], Rows]:
    return lambda view: view[name]


def _state_rows(view: state.StateView) -> Rows:
    return [
        {"model": name, "metric": metric, **number}
        for name, one in view["models"].items()
        for metric, number in one["performance"].items()
    ]


_PERIOD = {
    "from": "Windows that end after this: ISO 8601, or milliseconds since 1970.",
    "to": "Windows that end until this.",
    "last": "Windows of this duration before the newest, such as 7d; or all.",
}

SHOWN: Final[tuple[Shown, ...]] = (
    Shown("/", "Every model", fleet.FleetView, lambda world, _: fleet.fleet(world),
          lambda view, *_: fleet_page.page(view), _of("models"), {}),
    Shown("/models/{model}", "One model over time", model.ModelView, _model, _model_page, _model_rows,
          {**_PERIOD, "version": "Only this version.", "segment": "Such as plan=pro; empty for all events.",
           "metric": "Which metric.", "feature": "Of the cell that is shown.", "end": "End of the cell's window.",
           "of": "Version of the cell, where there are several."}),
    Shown("/models/{model}/versions", "Versions of a model", versions.VersionsView,
          lambda world, asked: versions.versions(world, asked.model(world), asked.number("version"),
                                                 asked.number("against")),
          lambda view, *_: versions_page.page(view), _of("versions"),
          {"version": "Shown with its lineage.", "against": "Compared with it."}),
    Shown("/models/{model}/audit", "Audit log of a model", audit.AuditView, _audit,
          lambda view, *_: audit_page.page(view), _of("entries"), {}),
    Shown("/incidents", "Incidents", incidents.IncidentsView,
          lambda world, asked: incidents.incidents(world, asked.query.get("model") or None,
                                                   asked.query.get("state") or None),
          lambda view, asked, _: incidents_page.list_page(view, asked.query.get("model") or None,
                                                          asked.query.get("state") or None),
          _of("incidents"), {"model": "Only of this model.", "state": "firing or resolved."}),
    Shown("/incidents/{incident}", "One incident", incidents.IncidentView, _incident,
          lambda view, _, viewer: incidents_page.page(view, viewer), _of("story"), {}),
    Shown("/silences", "Silences and acknowledgements", silences.SilencesView,
          lambda world, _: silences.silences(world), lambda view, _, viewer: silences_page.page(view, viewer),
          _of("silences"), {}),
    Shown("/dead-letters", "Dead letters", letters.LettersView,
          lambda world, asked: letters.letters(world, asked.query.get("reason") or None),
          lambda view, *_: letters_page.list_page(view), _of("letters"), {"reason": "Only of this reason."}),
    Shown("/dead-letters/{partition}/{offset}", "One dead letter", letters.LetterView, _letter,
          lambda view, _, viewer: letters_page.page(view, viewer), lambda view: [view["summary"]], {}),
    Shown("/system", "Trimtab itself", system.SystemView,
          lambda world, _: system.system(world, system.lags(world.config)),
          lambda view, *_: system_page.page(view), _of("processes"), {}),
    Shown("/state", "Everything at once, small", state.StateView, lambda world, _: state.state(world), None,
          _state_rows, {}),
)  # fmt: skip
