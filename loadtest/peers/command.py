"""``python -m loadtest peers``: interleaved runs of all peers over the same events, with figures and checks."""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from loadtest.peers.catalogue import NAMES, chosen
from loadtest.peers.environments import Environments, cache_folder
from loadtest.peers.figures import summary
from loadtest.peers.machine import machine
from loadtest.peers.session import Session, Sizes
from loadtest.peers.stream import EVENTS_A_WINDOW
from loadtest.peers.table import table
from trimtab.kafka.embedded import EmbeddedBroker

__all__ = ["Options", "main", "parse"]

_WIDTH = 140


@dataclass(frozen=True, slots=True)
class Options:
    """The command line."""

    names: list[str]
    runs: int
    sizes: Sizes
    json: Path | None


def parse(argv: list[str]) -> Options:
    """Read the command line; ends the process with a message when it is wrong."""
    parser = argparse.ArgumentParser(prog="python -m loadtest peers", description=__doc__)
    parser.add_argument("--only", metavar="A,B", help=f"names with commas, of {', '.join(NAMES)}")
    parser.add_argument("--runs", type=int, default=3, help="runs of each (%(default)s)")
    parser.add_argument("--events", type=int, default=400_000, help="events of the stream (%(default)s)")
    parser.add_argument(
        "--columnar-factor", type=int, default=20, help="times as many for trimtab_columnar (%(default)s)"
    )
    parser.add_argument("--json", type=Path, help="write the result to this file")
    found = parser.parse_args(argv)
    if found.events < EVENTS_A_WINDOW or found.events % EVENTS_A_WINDOW:
        parser.error(f"--events must be a multiple of {EVENTS_A_WINDOW:,}, which is one window")
    if found.runs < 1 or found.columnar_factor < 1:
        parser.error("--runs and --columnar-factor are at least 1")
    try:
        names = chosen(found.only)
    except ValueError as error:
        parser.error(f"--only: {error}")
    return Options(names, found.runs, Sizes(found.events, found.columnar_factor), found.json)


def main(argv: list[str]) -> int:
    """Measure; the exit code is 1 when a run failed."""
    options, console = parse(argv), _console()
    environments = Environments(cache_folder(os.environ, Path.home()), console.print)
    with tempfile.TemporaryDirectory(prefix="trimtab-loadtest-") as name:
        folder = Path(name)
        broker = EmbeddedBroker(folder / "broker")
        try:
            bootstrap = broker.start().bootstrap_servers
            session = Session(bootstrap, folder, options.sizes, environments)
            peers = _rounds(session, options, console)
        finally:
            broker.stop()
    console.print(table(peers, f"{options.sizes.events:,} events, {options.runs} runs of each, interleaved"))
    if options.json is not None:
        result = {"events": options.sizes.events, "machine": machine(), "peers": peers}
        options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return 1 if any(found["failed"] for found in peers.values()) else 0


def _rounds(session: Session, options: Options, console: Console) -> Mapping[str, Mapping[str, Any]]:
    """Rounds outside and peers inside, so that the machine's moods meet all peers alike."""
    session.prepare(options.names)
    for number in range(1, options.runs + 1):
        for name in options.names:
            line = session.run(name)
            console.print(f"run {number} of {options.runs}  {name:16}  {line}", highlight=False, markup=False)
    return {name: summary(session.runs[name], session.failed[name]) for name in options.names}


def _console() -> Console:
    """The terminal; a file or a pipe has no width, so the table gets the one that it needs."""
    console = Console()
    return console if console.is_terminal else Console(width=_WIDTH)
