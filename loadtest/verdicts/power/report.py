"""What the comparison found, as a Markdown table and as a plot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from loadtest.verdicts.power.figures import Row, best, holds
from loadtest.verdicts.power.tools import OURS, TOOLS

__all__ = ["draw", "lost", "own_table", "table"]

_COLOURS = {
    "Trimtab": "#0072B2",
    "Trimtab, hop of 100": "#56B4E9",
    "Evidently": "#D55E00",
    "Evidently, PSI": "#E69F00",
    "NannyML, JS": "#009E73",
    "NannyML, KS": "#8FBC8F",
    "NannyML, PCA": "#444444",
    "alibi-detect, CvM online": "#CC79A7",
    "river, ADWIN": "#999999",
    "river, KSWIN": "#F0E442",
}


def table(rows: Sequence[Row]) -> str:
    """Power in the first window, within ten, and delay, for each shift and tool; the best power is bold.

    Examples
    --------
    >>> ours, other = (Row("s", "p", tool, 9, 0.5, 1.0, 500.0, 0.01, None, None) for tool in ("Trimtab", "Evidently"))
    >>> print(table([ours, other]))
    | shift | Trimtab | Evidently | holds |
    |---|---|---|---|
    | s, p | 50 / **100** / 500 | 50 / **100** / 500 | yes |
    """
    tools = [tool for tool in TOOLS if any(row.tool == tool for row in rows)]
    lines = [f"| shift | {' | '.join(tools)} | holds |", f"|{'---|' * (len(tools) + 2)}"]
    for name, own in _shifts(rows):
        most = max(row.within for row in own)
        by_tool = {row.tool: row for row in own}
        cells = [_cell(by_tool[tool], most) if tool in by_tool else "" for tool in tools]
        lines.append(f"| {name} | {' | '.join(cells)} | {'yes' if _holds(own) else '**no**'} |")
    return "\n".join(lines)


def own_table(rows: Sequence[Row]) -> str:
    """By each tool's own defaults: false alarms in windows without a shift, and power within ten windows.

    Examples
    --------
    >>> print(own_table([Row("s", "p", "Evidently", 9, 0.5, 1.0, 500.0, 0.01, 0.9, 0.25)]))
    | shift | Evidently |
    |---|---|
    | false alarms, % of windows | 25.0 |
    | s, p | 90 |
    """
    tools = [tool for tool in TOOLS if any(row.tool == tool and row.own_within is not None for row in rows)]
    shifts = list(_shifts(rows))
    first = {row.tool: row for row in shifts[0][1]}
    rates = [f"{100 * (first[tool].own_false_alarms or 0.0):.1f}" for tool in tools]
    lines = [f"| shift | {' | '.join(tools)} |", f"|{'---|' * (len(tools) + 1)}"]
    lines.append(f"| false alarms, % of windows | {' | '.join(rates)} |")
    for name, own in shifts:
        by_tool = {row.tool: row for row in own}
        lines.append(f"| {name} | {' | '.join(f'{100 * (by_tool[tool].own_within or 0.0):.0f}' for tool in tools)} |")
    return "\n".join(lines)


def lost(rows: Sequence[Row]) -> list[str]:
    """Shifts in which another tool has more power than Trimtab by more than is allowed, and which."""
    return [f"{name}: {best(own, OURS).tool}" for name, own in _shifts(rows) if not _holds(own)]


def draw(rows: Sequence[Row], png: Path) -> None:
    """Power within ten windows and delay, shift by shift, a mark for each tool."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    shifts = list(_shifts(rows))
    figure, (left, right) = plt.subplots(1, 2, figsize=(13, 9), sharey=True, layout="constrained")
    for number, tool in enumerate(TOOLS):
        own = [next((row for row in some if row.tool == tool), None) for _, some in shifts]
        known = [(at + (number - 4.5) * 0.07, row) for at, row in enumerate(own) if row is not None]
        style = {"color": _COLOURS[tool], "marker": "D" if tool in OURS else "o", "markersize": 6, "linestyle": ""}
        errors = [2 * (row.within * (1 - row.within) / row.streams) ** 0.5 for _, row in known]
        left.errorbar([row.within for _, row in known], [y for y, _ in known], xerr=errors, label=tool, **style)
        late = [(row.delay, y) for y, row in known if row.delay is not None]
        right.plot([delay for delay, _ in late], [y for _, y in late], **style)
    left.set_yticks(range(len(shifts)), [name for name, _ in shifts])
    left.invert_yaxis()
    for axes in (left, right):
        axes.set_yticks([at + 0.5 for at in range(len(shifts))], minor=True)
        axes.grid(axis="y", which="minor", color="#DDDDDD")
        axes.tick_params(which="minor", length=0)
    left.set_xlim(-0.03, 1.03)
    left.set_xlabel("power within ten windows, two standard errors")
    right.set_xlabel("events until detection, median (none: fewer than half detected)")
    left.set_title("Every tool at 1 % of windows falsely alarmed", loc="left")
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=5, frameon=False)
    figure.savefig(png, dpi=110)
    plt.close(figure)


def _shifts(rows: Sequence[Row]) -> Iterator[tuple[str, list[Row]]]:
    for key in dict.fromkeys((row.scenario, row.pace) for row in rows):
        yield ", ".join(key), [row for row in rows if (row.scenario, row.pace) == key]


def _cell(row: Row, most: float) -> str:
    within = f"**{100 * row.within:.0f}**" if row.within == most else f"{100 * row.within:.0f}"
    return f"{100 * row.first:.0f} / {within} / {'-' if row.delay is None else f'{row.delay:,.0f}'}"


def _holds(own: Sequence[Row]) -> bool:
    ours = next(row for row in own if row.tool == OURS[0])
    return holds(ours, best(own, OURS))
