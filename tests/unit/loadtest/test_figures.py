"""Runs of one peer together, and the table made of them."""

from __future__ import annotations

import io
import json
from dataclasses import replace

from rich.console import Console

from loadtest.peers.check import Check
from loadtest.peers.figures import Run, spread, summary
from loadtest.peers.table import cells, table

RIGHT = Check(40, 40, 0, 400_000, 400_000, 0, 0.0025, True)
RUN = Run(400_000, 100_000.0, 10.0, 200.0, RIGHT, 2.0)


def test_spread_of_an_even_number_of_runs() -> None:
    assert spread([4.0, 1.0, 2.0, 3.0]) == {"min": 1.0, "median": 2.5, "max": 4.0}


def test_summary_has_the_spread_of_each_figure_and_the_worst_check() -> None:
    slow = replace(RUN, events_per_s=50_000.0, check=replace(RIGHT, full_windows=39, events=390_000))
    found = summary([RUN, slow, RUN])
    assert found["events_per_s"] == {"min": 50_000.0, "median": 100_000.0, "max": 100_000.0}
    assert found["monitor_cpu_us_per_event"]["median"] == 2.0
    assert (found["check"]["full_windows"], found["check"]["complete"]) == (39, False)
    assert (found["runs"], found["failed"], found["events"]) == (3, 0, 400_000)
    assert json.loads(json.dumps(found)) == found


def test_summary_without_output_or_without_a_run() -> None:
    found = summary([replace(RUN, check=None, monitor_cpu_us_per_event=None)])
    assert found["check"] == {}
    assert "monitor_cpu_us_per_event" not in found
    assert summary([], failed=3) == {"runs": 0, "failed": 3}


def test_cells_say_what_was_right_and_what_failed() -> None:
    right = cells(summary([RUN]))
    assert right == ["100,000", "100,000", "100,000", "10.00 + 2.00", "200", "40 of 40", "0", "2.5e-03", right[-1]]
    assert right[-1] == "complete, PSI exact"
    wrong = replace(RIGHT, full_windows=39, late=None, psi_exact=False)
    assert cells(summary([replace(RUN, check=wrong)], failed=1))[-4:] == [
        "39 of 40",
        "?",
        "2.5e-03",
        "incomplete, PSI differs, 1 failed",
    ]
    assert cells(summary([], failed=3))[-1] == "failed"


def test_every_row_has_all_columns() -> None:
    peers = {"right": summary([RUN]), "raw": summary([replace(RUN, check=None)]), "none": summary([], 1)}
    assert len({len(cells(found)) for found in peers.values()}) == 1
    out = io.StringIO()
    Console(file=out, width=140).print(table(peers, "3 peers"))
    text = out.getvalue()
    assert "…" not in text
    assert all(name in text for name in peers)
