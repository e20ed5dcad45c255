"""``python -m loadtest scaling``: what an event costs as one thing after the other grows."""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from loadtest.joined.command import measure as measure_joined
from loadtest.peers.machine import machine
from loadtest.run.command import measure, problems
from loadtest.run.session import Sent
from loadtest.scaling.axes import AXES, PENDING, loads
from trimtab.kafka.embedded import EmbeddedBroker

__all__ = ["Row", "main", "table"]

PAIRS = 500_000


class Row(NamedTuple):
    """One load: all collectors together.

    Parameters
    ----------
    cpu_us
        Of all collectors, per event; with ``pending``, per prediction with its label.
    rss_mb
        Of the largest collector.
    """

    axis: str
    value: float
    events_per_s: float
    cpu_us: float
    rss_mb: float
    wrong: list[str]


def rows(axis: str, events: int, console: Console) -> Iterator[Row]:
    """Measure one axis."""
    if axis == "pending":
        yield from map(_pending, PENDING)
        return
    for value, load in loads(axis, events):
        result, found, _ = measure(load, console)
        collectors = [name for name in result["cpu_us_per_event"] if name.startswith("collector")]
        yield Row(
            axis,
            value,
            result["events_per_s"] or 0.0,
            sum(result["cpu_us_per_event"][name] for name in collectors),
            max(result["rss_mb"][name] for name in collectors),
            problems(load, Sent(**result["sent"]), found),
        )


def _pending(pending: int) -> Row:
    with tempfile.TemporaryDirectory(prefix="trimtab-loadtest-") as name:
        broker = EmbeddedBroker(Path(name) / "broker")
        try:
            found = measure_joined(broker.start().bootstrap_servers, Path(name), pending, PAIRS)
        finally:
            broker.stop()
    wrong = [] if found.examples == PAIRS and not found.dead_letters else [f"{found.examples:,} of {PAIRS:,} examples"]
    return Row("pending", pending, found.pairs_per_s, found.cpu_us_per_pair, found.rss_mb, wrong)


def table(found: Sequence[Row]) -> Table:
    """The rows, each with its cost relative to its axis's first.

    Examples
    --------
    >>> made = table([Row("models", 1, 9.0, 4.0, 100.0, []), Row("models", 10, 9.0, 5.0, 100.0, [])])
    >>> list(made.columns[4].cells)
    ['1.00', '1.25']
    """
    made = Table("grows", "to", "events/s", "us CPU an event", "relative", "RSS MB", "")
    first: dict[str, float] = {}
    for row in found:
        relative = row.cpu_us / first.setdefault(row.axis, row.cpu_us)
        numbers = (f"{row.events_per_s:,.0f}", f"{row.cpu_us:.2f}", f"{relative:.2f}", f"{row.rss_mb:,.0f}")
        made.add_row(row.axis, f"{row.value:,g}", *numbers, "; ".join(row.wrong))
    return made


def main(argv: list[str]) -> int:
    """Measure; the exit code is 1 when an event is not accounted for."""
    names = [*AXES, "pending"]
    parser = argparse.ArgumentParser(prog="python -m loadtest scaling", description=__doc__)
    parser.add_argument("--only", default=",".join(names), help=f"some of {', '.join(names)}")
    parser.add_argument("--events", type=int, default=400_000, help="predictions of each load")
    parser.add_argument("--json", type=Path, help="write the result to this file")
    options = parser.parse_args(argv)
    wanted = options.only.split(",")
    unknown = [name for name in wanted if name not in names]
    if unknown or options.events < 100_000:
        parser.error(f"no such axis: {', '.join(unknown)}" if unknown else "give at least 100000 events")
    console = Console(highlight=False)
    found: list[Row] = []
    for axis in wanted:
        for row in rows(axis, options.events, console):
            found.append(row)
            console.print(f"{axis} {row.value:,g}: {row.events_per_s:,.0f}/s, {row.cpu_us:.2f} us", markup=False)
    console.print(table(found))
    if options.json is not None:
        result: dict[str, Any] = {"machine": machine(), "rows": [row._asdict() for row in found]}
        options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return 1 if any(row.wrong for row in found) else 0
