"""Drawings as inline SVG, which need no script: in tables, in mail, and until the chart library has come."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from trimtab.dashboard import formats
from trimtab.dashboard.html import EMPTY, Html, join, tag

__all__ = ["Line", "bars", "chart", "sparkline"]


class Line(NamedTuple):
    """One line of a chart: points of time and value, oldest first; ``dotted`` for what was not measured."""

    name: str
    points: Sequence[tuple[int, float]]
    dotted: bool = False


def sparkline(
    values: Sequence[float | None], limit: float | None = None, *, width: int = 120, height: int = 24
) -> Html:
    """A small line without axes; ``limit`` is drawn across.

    Examples
    --------
    >>> print(sparkline([1.0, None, 3.0, 2.0], width=30, height=12)[:49])
    <svg class="spark" viewBox="0 0 30 12" width="30"
    """
    there = [value for value in values if value is not None]
    if len(there) < 2:
        return EMPTY
    low, high = (
        min([*there, *([limit] if limit is not None else [])]),
        max(there + ([limit] if limit is not None else [])),
    )
    span = (high - low) or 1.0

    def y(value: float) -> str:
        return f"{height - 2 - (height - 4) * (value - low) / span:.1f}"

    step = width / max(1, len(values) - 1)
    parts, run = [], list[str]()
    for at, value in enumerate([*values, None]):
        if value is not None:
            run.append(f"{at * step:.0f},{y(value)}")
        elif run:
            parts.append(tag("polyline", points=" ".join(run)))
            run = []
    across = tag("line", x1=0, x2=width, y1=y(limit), y2=y(limit), class_="limit") if limit is not None else None
    return tag("svg", across, *parts, class_="spark", viewBox=f"0 0 {width} {height}", width=width, height=height,
               aria_hidden="true", preserveAspectRatio="none")  # fmt: skip


def chart(
    lines: Sequence[Line],
    *,
    title: str,
    limit: float | None = None,
    marks: Sequence[tuple[int, str]] = (),
    width: int = 860,
    height: int = 260,
) -> Html:
    """Lines over time with axes; ``marks`` are moments with a name, ``limit`` is drawn across."""
    points = [point for line in lines for point in line.points]
    if not points:
        return tag("p", "No values in this period.", class_="quiet")
    first, last = min(p[0] for p in points), max(p[0] for p in points)
    values = [p[1] for p in points] + ([limit] if limit is not None else [])
    low, high = min(values), max(values)
    pad = (high - low) * 0.08 or 0.05
    low, high = low - pad, high + pad
    left, right, top, bottom = 56, 12, 12, 34

    def x(time_ms: int) -> float:
        return round(left + (width - left - right) * (time_ms - first) / max(1, last - first), 1)

    def y(value: float) -> float:
        return round(top + (height - top - bottom) * (high - value) / (high - low), 1)

    grid = []
    for k in range(5):
        value = low + (high - low) * k / 4
        grid.append(tag("line", x1=left, x2=width - right, y1=y(value), y2=y(value), class_="grid"))
        grid.append(tag("text", formats.number(value), x=left - 6, y=y(value) + 4, text_anchor="end"))
    for k, anchor in ((0, "start"), (1, "middle"), (2, "end")):
        at = first + (last - first) * k // 2
        grid.append(tag("text", formats.time(at), x=x(at), y=height - 10, text_anchor=anchor))
    for at, name in marks:
        if first <= at <= last:
            grid.append(tag("line", tag("title", name), x1=x(at), x2=x(at), y1=top, y2=height - bottom, class_="mark"))
            grid.append(tag("text", name, x=x(at) + 3, y=top + 10))
    if limit is not None:
        grid.append(
            tag("line", tag("title", "limit"), x1=left, x2=width - right, y1=y(limit), y2=y(limit), class_="limit")
        )
    drawn = []
    for number, line in enumerate(lines):
        path = " ".join(f"{x(t)},{y(v)}" for t, v in line.points)
        kind = f"line s{number % 8}"
        if len(line.points) == 1:
            drawn.append(tag("circle", cx=x(line.points[0][0]), cy=y(line.points[0][1]), r=3, class_=kind + " dot"))
        else:
            drawn.append(tag("polyline", points=path, class_=kind + (" dotted" if line.dotted else "")))
    return tag("svg", tag("title", title), join(grid), join(drawn), class_="chart-svg", role="img",
               viewBox=f"0 0 {width} {height}")  # fmt: skip


def bars(labels: Sequence[str], reference: Sequence[float], window: Sequence[float], *, title: str) -> Html:
    """Two histograms side by side, the reference's first."""
    if not labels:
        return EMPTY
    width, height, bottom, top = 640, 220, 46, 8
    most = max([*reference, *window, 1e-9])
    step = (width - 8) / len(labels)
    drawn = []
    for at, label in enumerate(labels):
        for side, share in enumerate((reference[at], window[at])):
            size = (height - bottom - top) * share / most
            name = f"{('reference', 'window')[side]}, {label}: {share * 100:.1f} %"
            left, wide = round(4 + step * (at + 0.08 + 0.42 * side), 1), round(step * 0.4, 1)
            box = {"x": left, "y": round(height - bottom - size, 1), "width": wide, "height": round(size, 1)}
            drawn.append(tag("rect", tag("title", name), class_=f"bar {('ref', 'win')[side]}", **box))
        if len(labels) <= 12 or at % (len(labels) // 8 + 1) == 0:
            where = {"x": round(4 + step * (at + 0.5), 1), "y": height - bottom + 16}
            drawn.append(tag("text", label[:16], text_anchor="middle", **where))
    return tag("svg", tag("title", title), join(drawn), class_="chart-svg", role="img", viewBox=f"0 0 {width} {height}")
