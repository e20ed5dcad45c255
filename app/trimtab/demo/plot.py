"""Accuracy over event time, with alerts and promotions marked: one PNG, and one HTML page that needs nothing else."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

__all__ = ["Chart", "Curve", "Mark", "page", "rolling", "thin", "warm_up", "write_plot"]

_MOST_POINTS = 1_500
# Okabe and Ito's colours, which the colour-blind can tell apart.
_STYLES = {
    "served, online": {"color": "#0072B2", "linewidth": 1.8},
    "served, frozen with races": {"color": "#009E73", "linewidth": 1.8},
    "never retrained": {"color": "#D55E00", "linewidth": 1.4},
    "same as last label": {"color": "#777777", "linewidth": 1.1, "linestyle": (0, (4, 2))},
}
_ALERT_STYLE = {
    "drift": {"color": "#CC79A7", "marker": "v"},
    "performance": {"color": "#D55E00", "marker": "X"},
    "missing": {"color": "#000000", "marker": "s"},
}


@dataclass(frozen=True, slots=True)
class Curve:
    """Rolling accuracy: a value per row from ``first`` on."""

    name: str
    right: Sequence[bool]


@dataclass(frozen=True, slots=True)
class Mark:
    """An alert or a promotion at a row."""

    row: int
    lane: str
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Chart:
    """All that is drawn. ``times_ms`` are the event times of all rows; the curves begin at row ``first``."""

    title: str
    times_ms: Sequence[int]
    first: int
    curves: Sequence[Curve]
    marks: Sequence[Mark] = field(default_factory=tuple)
    window_rows: int = 1_344


def rolling(right: Sequence[bool], window: int) -> list[float]:
    """Share of right answers among the last ``window``; of fewer at the start, from a tenth of the window on.

    Examples
    --------
    >>> [round(x, 2) for x in rolling([True, False, True, True], 2)]
    [1.0, 0.5, 0.5, 1.0]
    """
    total, out = 0, []
    for i, one in enumerate(right):
        total += one
        if i >= window:
            total -= right[i - window]
        out.append(total / min(i + 1, window))
    return out


def thin(count: int, most: int = _MOST_POINTS) -> list[int]:
    """At most about ``most`` evenly spaced indices, the last one included.

    Examples
    --------
    >>> thin(5, 2)
    [0, 3, 4]
    """
    step = max(1, -(-count // most))
    indices = list(range(0, count, step))
    return indices if not count or indices[-1] == count - 1 else [*indices, count - 1]


def warm_up() -> None:
    """Load what drawing needs, such as fonts, which takes a second or two."""
    from matplotlib.backends import backend_agg  # noqa: F401
    from matplotlib.font_manager import FontProperties, findfont

    findfont(FontProperties())


def write_plot(chart: Chart, png: Path, page_path: Path, facts: dict[str, str]) -> None:
    """Draw ``chart`` to ``png``, and to a page that embeds it beside ``facts`` and a table of the marks."""
    import matplotlib

    matplotlib.use("Agg")
    figure = _draw(chart)
    figure.savefig(png, dpi=150)
    import matplotlib.pyplot as plt

    plt.close(figure)
    page_path.write_text(page(chart, png.read_bytes(), facts), encoding="utf-8")


def _draw(chart: Chart) -> Any:
    import matplotlib.dates as mdates
    import matplotlib.pyplot as plt
    from matplotlib.ticker import PercentFormatter

    lanes = list(dict.fromkeys(mark.lane for mark in chart.marks)) or ["no alerts"]
    figure, (top, bottom) = plt.subplots(
        2, 1, figsize=(12, 4.6 + 0.34 * len(lanes)), sharex=True, layout="constrained",
        gridspec_kw={"height_ratios": [4.2, 0.34 * len(lanes) + 0.1], "hspace": 0.03},
    )  # fmt: skip
    for curve in chart.curves:
        # Fewer rows than a tenth of the window say nothing yet.
        kept = [i for i in thin(len(curve.right)) if i >= chart.window_rows // 10]
        values = rolling(curve.right, chart.window_rows)
        times = [_date(chart.times_ms[chart.first + i]) for i in kept]
        top.plot(times, [values[i] for i in kept], label=curve.name, **_STYLES.get(curve.name, {}))
    top.set_ylabel(f"accuracy over the last\n{chart.window_rows:,} rows (%)")
    top.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    top.set_title(chart.title, loc="left", fontsize=12)
    _draw_marks(chart, lanes, top, bottom)
    for axes in (top, bottom):
        axes.grid(visible=True, color="#e3e3e3", linewidth=0.7)
        axes.set_axisbelow(True)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
    locator = mdates.AutoDateLocator()
    bottom.xaxis.set_major_locator(locator)
    bottom.xaxis.set_major_formatter(mdates.ConciseDateFormatter(locator))
    bottom.set_xlabel("event time (UTC)")
    handles, labels = top.get_legend_handles_labels()
    more = dict(zip(*reversed(bottom.get_legend_handles_labels()), strict=True))
    figure.legend([*handles, *more.values()], [*labels, *more], loc="outside right upper", frameon=False, fontsize=9.5)
    return figure


def _draw_marks(chart: Chart, lanes: list[str], top: Any, bottom: Any) -> None:
    for kind in dict.fromkeys(mark.kind for mark in chart.marks):
        marks = [mark for mark in chart.marks if mark.kind == kind]
        times = [_mark_date(chart, mark) for mark in marks]
        rows = [lanes.index(mark.lane) for mark in marks]
        if kind == "promotion":
            bottom.scatter(times, rows, marker="^", s=42, color="#0072B2", label="promotion", zorder=3)
            for time in times:
                top.axvline(time, color="#0072B2", alpha=0.13, linewidth=0.8, zorder=0)
        else:
            bottom.scatter(times, rows, s=32, label=f"alert: {kind}", zorder=3, **_ALERT_STYLE.get(kind, {}))
    bottom.set_yticks(range(len(lanes)), lanes, fontsize=9)
    bottom.set_ylim(len(lanes) - 0.4, -0.6)


def page(chart: Chart, png: bytes, facts: dict[str, str]) -> str:
    """A self-contained page: facts, picture, and all marks as a table."""
    picture = base64.b64encode(png).decode("ascii")
    items = "".join(f"<div><dt>{html.escape(k)}</dt><dd>{html.escape(v)}</dd></div>" for k, v in facts.items())
    rows = "".join(
        f"<tr><td>{_mark_date(chart, mark):%Y-%m-%d %H:%M}</td><td>{mark.row:,}</td><td>{html.escape(mark.kind)}</td>"
        f"<td>{html.escape(mark.text)}</td></tr>"
        for mark in sorted(chart.marks, key=lambda mark: mark.row)
    )
    return _PAGE.format(title=html.escape(chart.title), facts=items, picture=picture, rows=rows)


def _mark_date(chart: Chart, mark: Mark) -> datetime:
    return _date(chart.times_ms[min(mark.row, len(chart.times_ms) - 1)])


def _date(time_ms: int) -> datetime:
    return datetime.fromtimestamp(time_ms / 1_000, UTC)


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><style>
:root {{ color-scheme: light dark; }}
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 75rem; margin: 0 auto; padding: 1rem; }}
h1 {{ font-size: 1.3rem; }}
img {{ width: 100%; height: auto; background: #fff; border-radius: .4rem; }}
dl {{ display: flex; flex-wrap: wrap; gap: .8rem 2rem; }}
dt {{ font-size: .8rem; opacity: .75; }} dd {{ margin: 0; font-size: 1.15rem; font-weight: 600; }}
div.wide {{ overflow-x: auto; }} table {{ border-collapse: collapse; width: 100%; font-size: .9rem; }}
td, th {{ text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #8884; white-space: nowrap; }}
td:last-child {{ white-space: normal; }}
</style></head><body><h1>{title}</h1><dl>{facts}</dl>
<img alt="Accuracy over event time, served models beside one never retrained"
 src="data:image/png;base64,{picture}">
<h2>Alerts and promotions</h2>
<div class="wide"><table><thead><tr><th>event time (UTC)</th><th>row</th><th>what</th><th>details</th></tr></thead>
<tbody>{rows}</tbody></table></div></body></html>
"""
