"""``python -m loadtest races``: false winners between equal models, and how soon better ones win."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from rich.console import Console

from loadtest.peers.machine import machine
from loadtest.races.measured import GAPS, equal, unequal
from loadtest.races.report import draw, equal_table, unequal_table
from trimtab.config import RaceSpec

__all__ = ["main"]


def main(argv: list[str]) -> int:
    """Measure with the default race, or with another alpha."""
    parser = argparse.ArgumentParser(prog="python -m loadtest races", description=__doc__)
    parser.add_argument("--races", type=int, default=1_000, help="races between equal models")
    parser.add_argument("--unequal", type=int, default=500, help="races of each gap between unequal models")
    parser.add_argument("--examples", type=int, default=20_000, help="examples of a race that has time")
    parser.add_argument("--apart", type=float, default=0.1, help="share of examples on which just one model is right")
    parser.add_argument("--alpha", type=float, default=RaceSpec().alpha, help="level of a race")
    parser.add_argument("--json", type=Path, help="write the result to this file")
    parser.add_argument("--plot", type=Path, help="draw the result into this PNG")
    options = parser.parse_args(argv)
    if min(options.races, options.unequal) < 1 or options.examples < RaceSpec().max_examples:
        parser.error(f"give one race or more, of {RaceSpec().max_examples} examples or more")
    if not max(GAPS) / 100 <= options.apart <= 1 or not 0 < options.alpha < 1:
        parser.error(f"--apart is from {max(GAPS) / 100:g} to 1, --alpha between 0 and 1")
    console = Console(highlight=False)
    spec = RaceSpec(alpha=options.alpha)

    def tell(line: str) -> None:
        console.print(line, markup=False)

    aa = equal(spec, options.apart, options.races, options.examples, tell)
    ab = [unequal(spec, gap, options.apart, options.unequal, options.examples, tell) for gap in GAPS]
    console.print(equal_table(aa), unequal_table(ab))
    if options.json is not None:
        result = {"machine": machine(), "aa": aa, "ab": ab}
        options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    if options.plot is not None:
        draw(aa, ab, options.plot)
    return 0
