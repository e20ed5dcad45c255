"""The heat map of drift, and the panel of one cell."""

from __future__ import annotations

from collections.abc import Callable

from trimtab.dashboard import formats
from trimtab.dashboard.html import Html, tag
from trimtab.dashboard.pages import charts
from trimtab.dashboard.pages.layout import definitions, empty, state_mark, table, when
from trimtab.dashboard.views.heat import Cell, Heat, HeatCell

__all__ = ["cell_panel", "grid"]

_SIGNS = {"drift": "◆", "missing": "✕", "quality": "◇", "too_few": "·", "no_reference": "·"}


def grid(heat: Heat, to_cell: Callable[[str, int, int], str] | None, chosen: Cell | None = None) -> Html:
    """Features by windows; every cell links to its numbers, unless there is nowhere to link to."""
    if not heat["rows"]:
        return empty("No verdict in this period.")
    columns = heat["columns"]
    rows = []
    for row in heat["rows"]:
        cells = [
            tag("td", _cell(row["feature"], cell, to_cell, chosen)) if cell is not None else tag("td", class_="none")
            for cell in row["cells"]
        ]
        rows.append(tag("tr", tag("th", row["feature"], scope="row", title=row["feature"]), cells))
    ends = [tag("span", formats.time(at)) for at in (columns[0], columns[-1])]
    times = tag("tr", tag("td"), tag("td", ends, colspan=len(columns), class_="times"))
    per = heat["windows_per_column"]
    said = "a column is one window" if per == 1 else f"a column is {per} windows, of which the worst is shown"
    legend = tag(
        "p",
        [[tag("span", tag("span", class_=f"box h{level}"), f" {name}"), " "] for level, name in
         ((0, "below half the threshold"), (1, "half"), (2, "at the threshold"), (3, "twice"), (4, "four times"))],
        " ◆ drift ✕ missing ◇ quality; ", said,
        class_="legend quiet",
    )  # fmt: skip
    shown = tag("table", tag("caption", "Drift by feature and window", class_="hidden"), tag("tbody", rows, times))
    return tag("div", tag("div", shown, class_="wide heat", tabindex="0", role="region", aria_label="Heat map"), legend)


def level_of(effect: float) -> int:
    """How dark a cell is: effects are in units of their threshold.

    Examples
    --------
    >>> [level_of(effect) for effect in (0.2, 0.7, 1.0, 2.5, 9.0)]
    [0, 1, 2, 3, 4]
    """
    return sum(effect >= least for least in (0.5, 1, 2, 4))


def _cell(feature: str, cell: HeatCell, to_cell: Callable[[str, int, int], str] | None, chosen: Cell | None) -> Html:
    status, effect = cell["status"], cell["effect"]
    quiet = status in ("too_few", "no_reference")
    kind = "hq" if quiet else f"h{level_of(effect)}"
    said = f"{feature}, window to {formats.time(cell['end_ms'])}, version {cell['version']}: " + (
        status.replace("_", " ") + ("" if quiet else f", {formats.number(effect)} times the threshold")
    )
    sign = _SIGNS.get(status, "")
    if to_cell is None:
        return tag("span", sign, class_=kind, title=said)
    here = chosen is not None and (chosen["feature"], chosen["end_ms"]) == (feature, cell["end_ms"])
    where = to_cell(feature, cell["end_ms"], cell["version"])
    return tag("a", sign, href=where, class_=kind, title=said, aria_label=said, aria_current="true" if here else None)


def cell_panel(cell: Cell, back: str | None) -> Html:
    """One feature in one window: both histograms and the numbers."""
    rows = [
        (one["name"], formats.number(one["value"]), formats.number(one["threshold"]), formats.number(one["p_value"]))
        for one in cell["statistics"]
    ]
    facts = definitions(
        (
            ("Verdict", state_mark(cell["status"])),
            ("Effect", f"{formats.number(cell['effect'])} times the threshold"),
            ("Window", [when(cell["start_ms"]), " to ", when(cell["end_ms"])]),
            ("Version", cell["version"]),
            ("Segment", cell["segment"]),
            ("Events", formats.whole(cell["count"])),
        )
    )
    spread = charts.histograms(cell) if cell["labels"] else empty("No histogram is kept of this window.")
    nothing = "The single statistics of this window are no longer kept."
    numbers = table(
        ("Statistic", ("Value", "num"), ("Threshold", "num"), ("p-value", "num")),
        rows,
        caption="Statistics",
        nothing=nothing,
    )
    close = tag("a", "Close", href=back, class_="more") if back is not None else None
    return tag(
        "div",
        tag("div", tag("h3", cell["feature"]), close, class_="title"),
        facts,
        tag("div", tag("div", spread), tag("div", numbers), class_="two"),
        id="cell",
        class_="panel",
        tabindex="-1",
    )
