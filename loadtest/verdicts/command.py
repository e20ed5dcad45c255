"""``python -m loadtest verdicts``: how often verdicts are false, and what they find beside other tools."""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from loadtest.peers.environments import Environments, cache_folder
from loadtest.peers.machine import machine
from loadtest.verdicts.power import report
from loadtest.verdicts.power.figures import Row
from loadtest.verdicts.power.run import compare
from loadtest.verdicts.rates import LEVELS, TOGETHER, Rate, rates
from loadtest.verdicts.year import year

__all__ = ["main", "table"]

TOLERANCE = 0.2


def main(argv: list[str]) -> int:
    """Measure; the exit code is 1 when the budget is overdrawn."""
    parser = argparse.ArgumentParser(prog="python -m loadtest verdicts", description=__doc__)
    parser.add_argument("--only", default="rates,year,power", help="some of rates, year, power")
    parser.add_argument("--windows", type=int, default=1_600, help="windows for each stream and size")
    parser.add_argument("--features", type=int, default=100, help="features of the year")
    parser.add_argument("--hours", type=int, default=4, help="length of the year's windows")
    parser.add_argument("--events", type=int, default=1_000, help="events of each of them")
    parser.add_argument("--streams", type=float, default=1.0, help="share of the streams that power is measured on")
    parser.add_argument("--plot", type=Path, help="draw power and delay into this PNG file")
    parser.add_argument("--json", type=Path, help="write the result to this file")
    options = parser.parse_args(argv)
    wanted = options.only.split(",")
    if not {*wanted} <= {"rates", "year", "power"}:
        parser.error("--only takes some of rates, year, power")
    console = Console(highlight=False)
    result: dict[str, Any] = {"machine": machine()}
    overdrawn = False
    if "rates" in wanted:
        found: list[Rate] = []
        for some in rates(options.windows):
            found += some
            console.print(f"{some[0].stream}, {some[0].reference:,} and {some[0].window:,}: done", markup=False)
        console.print(table(found))
        result["rates"] = [rate._asdict() for rate in found]
    if "year" in wanted:
        with Progress(console=console, transient=True) as progress:
            bar = progress.add_task("a year", total=1.0)
            measured = year(
                options.features, options.hours, options.events, lambda done: progress.update(bar, completed=done)
            )
        result["year"] = measured._asdict()
        overdrawn = measured.rejected > measured.allowed + 3 * measured.allowed**0.5
        console.print(
            f"a year, {measured.features} features, {measured.windows:,} windows: the budget allows "
            f"{measured.allowed:.1f} false alarms; {measured.rejected} p-values were small enough, "
            f"{measured.alarms} alarms with the default thresholds",
            markup=False,
        )
    if "power" in wanted:
        result["power"] = [row._asdict() for row in _power(options, console)]
    if options.json is not None:
        options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return 1 if overdrawn else 0


def _power(options: argparse.Namespace, console: Console) -> list[Row]:
    """Measure power, print the tables, draw the plot."""

    def tell(text: str) -> None:
        console.print(text, markup=False, soft_wrap=True)

    environments = Environments(cache_folder(os.environ, Path.home()), tell)
    with tempfile.TemporaryDirectory(prefix="trimtab-power-") as folder:
        rows = compare(Path(folder), environments, options.streams, tell)
    tell(f"{report.table(rows)}\n\n{report.own_table(rows)}\n")
    for what in report.lost(rows):
        tell(f"Trimtab is not best nor within 5 %: {what}")
    if options.plot is not None:
        report.draw(rows, options.plot)
    return rows


def table(found: Sequence[Rate]) -> Table:
    """False-alarm rates in percent; those off by more than a fifth and three standard errors are marked.

    Examples
    --------
    >>> made = table([Rate("normal", 500, 50, name, 1_000, (0.05, 0.05)) for name in ("ks", TOGETHER)])
    >>> [list(column.cells)[0] for column in list(made.columns)[1:]]
    ['500, 50', '5.0, 5.0!', 'ks 5.0, 5.0!', 'ks 5.0, 5.0!']
    """
    made = Table("stream", "sizes", TOGETHER, "fewest", "most")
    for stream, n, m in dict.fromkeys((rate.stream, rate.reference, rate.window) for rate in found):
        own = [rate for rate in found if (rate.stream, rate.reference, rate.window) == (stream, n, m)]
        [together] = [rate for rate in own if rate.statistic == TOGETHER]
        single = sorted((rate for rate in own if rate is not together), key=lambda rate: rate.at)
        ends = (f"{rate.statistic} {_cell(rate)}" for rate in (single[0], single[-1]))
        made.add_row(stream, f"{n:,}, {m:,}", _cell(together), *ends)
    return made


def _cell(rate: Rate) -> str:
    return ", ".join(
        f"{100 * share:.1f}{'!' if _off(share, level, rate.windows) else ''}"
        for share, level in zip(rate.at, LEVELS, strict=True)
    )


def _off(share: float, level: float, windows: int) -> bool:
    error = 3 * (level * (1 - level) / windows) ** 0.5
    return bool(abs(share - level) > max(TOLERANCE * level, error))
