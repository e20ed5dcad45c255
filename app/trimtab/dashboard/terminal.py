"""The fleet and Trimtab itself as text for a terminal; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from rich.console import Group
from rich.table import Table
from rich.text import Text

from trimtab.dashboard import formats
from trimtab.dashboard.views.fleet import FleetRow, FleetView
from trimtab.dashboard.views.system import LagRow, ProcessRow, SystemView

__all__ = ["name_of", "rates", "screen", "spark"]

_STYLES: Final = {
    "critical": "bold red",
    "alerting": "red",
    "worse": "red",
    "drifting": "yellow",
    "ok": "green",
    "quiet": "dim",
}
_BLOCKS: Final = "▁▂▃▄▅▆▇█"
_RATED: Final = ("events", "records", "examples", "windows", "notices")

Counters = Mapping[str, tuple[int, Mapping[str, float]]]
"""Of each process when it told of itself, in milliseconds, and its counters then."""


def name_of(row: ProcessRow) -> str:
    """Role and instance."""
    return f"{row['role']} {row['instance']}"


def rates(before: Counters, processes: Iterable[ProcessRow]) -> dict[str, dict[str, float]]:
    """By process, how much of each counter a second; of one that was started anew since its start.

    Examples
    --------
    >>> row = {"role": "monitor", "instance": "1", "time_ms": 3_000, "started_ms": 0, "counters": {"records": 30.0}}
    >>> rates({"monitor 1": (1_000, {"records": 10.0})}, [row])
    {'monitor 1': {'records': 10.0}}
    """
    found: dict[str, dict[str, float]] = {}
    for row in processes:
        name = name_of(row)
        time_ms, counters = before.get(name, (row["started_ms"], {}))
        if row["started_ms"] > time_ms:
            time_ms, counters = row["started_ms"], {}
        seconds = (row["time_ms"] - time_ms) / 1_000
        if seconds > 0:
            found[name] = {key: (n - counters.get(key, 0.0)) / seconds for key, n in row["counters"].items()}
    return found


def spark(values: Sequence[float | None]) -> str:
    """A trend of one character a value, between the least and the largest; blank for None.

    Examples
    --------
    >>> spark([0.0, None, 0.5, 1.0]), spark([3.0, 3.0])
    ('▁ ▄█', '▁▁')
    """
    there = [value for value in values if value is not None]
    low = min(there, default=0.0)
    span = max(there, default=0.0) - low or 1.0
    last = len(_BLOCKS) - 1
    return "".join(" " if value is None else _BLOCKS[int((value - low) / span * last)] for value in values)


def screen(
    fleet: FleetView, system: SystemView, rated: Mapping[str, Mapping[str, float]], most: int | None = None
) -> Group:
    """Everything; at most ``most`` models, those that need somebody first."""
    shown = fleet["models"][:most]
    left = len(fleet["models"]) - len(shown)
    parts: list[Text | Table] = [_head(fleet, system), _models(shown)]
    if left:
        parts.append(Text(f"and {left} more", style="dim"))
    parts += [_processes(system, rated), _behind(system["lags"])]
    return Group(*parts)


def _head(fleet: FleetView, system: SystemView) -> Text:
    models = fleet["models"]
    counts = {word: sum(row["health"] == word for row in models) for word in _STYLES}
    text = Text(f"{formats.time(fleet['now_ms'])} UTC  {len(models)} model{'' if len(models) == 1 else 's'}: ")
    text.append(", ".join(f"{count} {word}" for word, count in counts.items() if count) or "none")
    letters = sum(fleet["dead_letters"].values())
    text.append(f"  {sum(row['incidents'] for row in models)} incidents  {letters:,} dead letters")
    if system["read_share"] < 1:
        text.append(f"  the log is read to {system['read_share'] * 100:.0f} %", style="yellow")
    return text


def _models(rows: Sequence[FleetRow]) -> Table:
    table = _table(
        "model", "health", "serves", "metric", ">value", ">reference", ">labelled", ">drifts", "worst", "trend"
    )
    for row in rows:
        feature = row["worst_feature"]
        worst = "" if feature is None else f"{feature} {formats.number(row['worst_effect'])}"
        table.add_row(
            _plain(row["model"]),
            Text(row["health"], style=_STYLES[row["health"]]),
            _plain(row["served"].removeprefix(row["model"])),
            row["metric"],
            formats.number(row["value"]),
            formats.number(row["reference"]),
            "—" if row["coverage"] is None else f"{row['coverage'] * 100:.0f} %",
            f"{row['drifted']}/{row['features']}",
            _plain(worst),
            spark(row["sparkline"][-16:]),
        )
    return table


def _processes(system: SystemView, rated: Mapping[str, Mapping[str, float]]) -> Table:
    columns = [f">{name}/s" for name in _RATED]
    table = _table("process", "state", ">up", ">cpu", ">memory", *columns, "")
    for row in system["processes"]:
        name = name_of(row)
        own, gauges = rated.get(name, {}), row["gauges"]
        told = [f"{key} {formats.number(value)}" for key, value in sorted(gauges.items()) if key != "rss_bytes"]
        table.add_row(
            _plain(name),
            Text("late", style="bold red") if row["late"] else Text("alive", style="green"),
            formats.age(system["now_ms"] - row["started_ms"]),
            f"{own.get('cpu_seconds', 0.0) * 100:.0f} %",
            f"{gauges.get('rss_bytes', 0.0) / 1e6:,.0f} MB",
            *(f"{own[key]:,.0f}" if key in own else "" for key in _RATED),
            _plain(", ".join(told)),
        )
    return table


def _behind(lags: Sequence[LagRow] | None) -> Text:
    if lags is None:
        return Text("Kafka did not answer in time", style="bold red")
    return Text("not read yet: " + ", ".join(f"{row['role']} {row['records']:,}" for row in lags))


def _plain(text: str) -> Text:
    """Names come from records: no markup, and nothing that a terminal would obey."""
    return Text("".join(char if char.isprintable() else "\ufffd" for char in text))


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in columns:
        table.add_column(name.removeprefix(">"), justify="right" if name.startswith(">") else "left", no_wrap=True)
    return table
