"""``python -m loadtest sequential``: false alarms of each sequential detector, and its delays."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from loadtest.peers.machine import machine
from loadtest.sequential.rates import Delay, Rate, delays, rates
from trimtab.config.sequential import DETECTORS, checked_arguments

__all__ = ["main"]


def main(argv: list[str]) -> int:
    """Measure with default arguments, or with those given."""
    parser = argparse.ArgumentParser(prog="python -m loadtest sequential", description=__doc__)
    parser.add_argument("--only", default=",".join(DETECTORS), help="detectors, by comma")
    parser.add_argument("--examples", type=int, default=200_000, help="examples of each stream without a change")
    parser.add_argument("--runs", type=int, default=40, help="streams with a change, of each kind")
    parser.add_argument("--args", type=json.loads, default={}, help="arguments as JSON; for one detector")
    parser.add_argument("--json", type=Path, help="write the result to this file")
    options = parser.parse_args(argv)
    console = Console(highlight=False)
    alarms: list[Rate] = []
    waits: list[Delay] = []
    for detector in options.only.split(","):
        try:
            checked_arguments(detector, options.args)
        except ValueError as error:
            parser.error(str(error))
        alarms += rates(detector, options.examples, options.args)
        waits += delays(detector, options.runs, options.args)
        console.print(f"{detector}: done", markup=False)
    console.print(_rates(alarms), _delays(waits))
    if options.json is not None:
        result = {
            "machine": machine(),
            "rates": [{**rate._asdict(), "per_10_000": rate.per_10_000} for rate in alarms],
            "delays": [delay._asdict() for delay in waits],
        }
        options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return 0


def _rates(found: Sequence[Rate]) -> Table:
    streams = list(dict.fromkeys(rate.stream for rate in found))
    made = Table("false alarms in 10,000", *streams)
    for detector in dict.fromkeys(rate.detector for rate in found):
        own = {rate.stream: rate for rate in found if rate.detector == detector}
        made.add_row(detector, *(f"{own[s].per_10_000:.2f}" if s in own else "" for s in streams))
    return made


def _delays(found: Sequence[Delay]) -> Table:
    changes = list(dict.fromkeys(delay.change for delay in found))
    made = Table("median delay (found, early, of)", *changes)
    for detector in dict.fromkeys(delay.detector for delay in found):
        own = {delay.change: delay for delay in found if delay.detector == detector}
        made.add_row(detector, *(_delay(own[change]) for change in changes))
    return made


def _delay(delay: Delay) -> str:
    median = "never" if delay.median is None else f"{delay.median:,.0f}"
    return f"{median} ({delay.found}, {delay.early}, {delay.runs})"
