"""Charts: drawn as SVG at once, and handed to the charting library as data for when it has come."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from trimtab.dashboard.html import Html, tag
from trimtab.dashboard.svg import Line, bars, chart
from trimtab.dashboard.views.heat import Cell
from trimtab.dashboard.views.model import ModelView, Point, Promotion, RaceNumber

__all__ = ["histograms", "performance", "races"]


def performance(view: ModelView) -> Html:
    """A metric over time: a line for each version, its estimate, a mark for each promotion, the limit across."""
    metric, limit = view["metric"], view["limit"]
    lines = by_version(view["performance"]) + estimate_of(view["estimated"])
    marks = marks_of(view["promotions"])
    spec = {
        "lines": [_wire(line) for line in lines],
        "marks": [{"x": at, "text": said} for at, said in marks],
        "limit": limit,
        "y": metric,
    }
    return _holder("lines", spec, chart(lines, title=f"{metric} over time", limit=limit, marks=marks))


def by_version(points: Sequence[Point]) -> list[Line]:
    """A line for each version."""
    versions = sorted({point["version"] for point in points})
    return [
        Line(f"version {version}", [(p["end_ms"], p["value"]) for p in points if p["version"] == version])
        for version in versions
    ]


def estimate_of(points: Sequence[Point]) -> list[Line]:
    """What was expected before labels came, whatever the version."""
    return [Line("estimated", [(p["end_ms"], p["value"]) for p in points], dotted=True)] if points else []


def marks_of(promotions: Sequence[Promotion]) -> list[tuple[int, str]]:
    """When another version began to serve."""
    sign = {"promoted": "▲", "rolled_back": "▽"}
    return [(one["event_time_ms"], f"{sign.get(one['action'], '')} {one['version']}") for one in promotions]


def races(numbers: Sequence[RaceNumber]) -> Html:
    """Losses of those who race, over time."""
    losses = [number for number in numbers if number["statistic"] in ("race_loss", "loss", "champion_loss")]
    names = sorted({(number["statistic"], number["segment"]) for number in losses})
    lines = [
        Line(
            segment.partition("=")[2] or statistic.replace("race_loss", "champion").replace("_", " "),
            [(n["time_ms"], n["value"]) for n in losses if (n["statistic"], n["segment"]) == (statistic, segment)],
        )
        for statistic, segment in names
    ]
    if not lines:
        return Html("")
    spec = {"lines": [_wire(line) for line in lines], "marks": [], "limit": None, "y": "mean loss"}
    return _holder("lines", spec, chart(lines, title="Mean loss of a race's candidates"))


def histograms(cell: Cell) -> Html:
    """How a feature was spread in the reference and in the window."""
    names = ("labels", "reference", "window")
    spec: dict[str, Any] = {name: cell[name] for name in names}  # type: ignore[literal-required]
    title = f"{cell['feature']}: reference and window"
    return _holder("histograms", spec, bars(cell["labels"], cell["reference"], cell["window"], title=title))


def _wire(line: Line) -> dict[str, Any]:
    x, y = [at for at, _ in line.points], [value for _, value in line.points]
    return {"name": line.name, "x": x, "y": y, "dotted": line.dotted}


def _holder(kind: str, spec: dict[str, Any], drawn: Html) -> Html:
    return tag("div", drawn, class_="chart", data_chart=kind, data_spec=orjson.dumps(spec).decode())
