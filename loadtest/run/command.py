"""``python -m loadtest run``: a load of one's choice on all of Trimtab, on a broker of its own."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from loadtest.run.measured import Outcome
from loadtest.run.options import Options, parse
from loadtest.run.report import figures, page
from loadtest.run.session import Sample, Sent, Session
from trimtab.kafka.embedded import EmbeddedBroker

__all__ = ["main", "measure", "problems"]


def main(argv: list[str]) -> int:
    """Measure; the exit code is 1 when an event is not accounted for."""
    options, console = parse(argv), Console(highlight=False)
    result, found, samples = measure(options, console)
    for name in ("events_per_s", "cpu_us_per_event", "rss_mb", "most_lag"):
        console.print(f"{name:18} {result[name]}", markup=False)
    for name in ("metric", "alert", "promotion"):
        console.print(f"{'produced->' + name:18} {result['latency_s'][name]}", markup=False)
    wrong = problems(options, Sent(**result["sent"]), found)
    for line in wrong or [f"every event is accounted for: {found.counted:,} counted, {found.late:,} late"]:
        console.print(line, markup=False)
    if options.json is not None:
        options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    if options.html is not None:
        options.html.write_text(page(result, found, samples), encoding="utf-8")
    return 1 if wrong else 0


def measure(options: Options, console: Console) -> tuple[dict[str, Any], Outcome, list[Sample]]:
    """One load on a broker of its own."""
    with tempfile.TemporaryDirectory(prefix="trimtab-loadtest-") as name, _progress(console) as progress:
        bar = progress.add_task("sending", total=1.0, note="starting")

        def tell(share: float, sample: Sample) -> None:
            what = "sending" if share < 1 else "collecting"
            progress.update(bar, completed=share, description=what, note=f"{sample.lag:,} records behind")

        broker = EmbeddedBroker(Path(name) / "broker")
        try:
            session = Session(options, broker.start().bootstrap_servers, Path(name), tell)
            sent, found = session.run()
        finally:
            broker.stop()
    return figures(options, sent, found, session.samples), found, session.samples


def problems(options: Options, sent: Sent, found: Outcome) -> list[str]:
    """What does not add up.

    Examples
    --------
    >>> from loadtest.run.measured import Latencies
    >>> none = Latencies([], [])
    >>> problems(Options(), Sent(10, 10, 0), Outcome(*[none] * 5, counted=8, late=1, dead_letters=0, examples=0))
    ['1 of 10 predictions are neither in a window nor late']
    """
    # A repeated prediction is dropped where ids are remembered, and counts twice where nothing is joined.
    repeated = sent.records - sent.predictions if options.duplicates else 0
    wanted = sent.predictions + (0 if options.labels else repeated)
    wrong = []
    if found.counted + found.late != wanted:
        lost = wanted - found.counted - found.late
        wrong.append(f"{lost:,} of {wanted:,} predictions are neither in a window nor late")
    if found.examples != sent.labels:
        wrong.append(f"{sent.labels - found.examples:,} of {sent.labels:,} labels became no example")
    if found.dead_letters != (repeated if options.labels else 0):
        wrong.append(f"{found.dead_letters:,} dead letters")
    return wrong


def _progress(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[note]}"), TimeElapsedColumn())
    return Progress(*columns, console=console, transient=True)
