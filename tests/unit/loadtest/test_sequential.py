"""The figures of the sequential detectors are counts of what they do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from loadtest.__main__ import main
from loadtest.sequential.rates import LENGTH, STREAMS, delays, rates


def test_a_detector_that_always_alarms_is_counted_so() -> None:
    found = {rate.stream: rate for rate in rates("cusum", LENGTH, {"run_length": 100, "warm_up": 30})}
    assert list(found) == list(STREAMS)
    # About one in 100, but for the warm-up after each.
    assert all(20 < rate.per_10_000 < 150 for rate in found.values())
    assert all(rate.examples == LENGTH for rate in found.values())


def test_detectors_of_right_and_wrong_have_no_rates_on_numbers() -> None:
    assert [rate.stream for rate in rates("ddm", LENGTH, {})] == [name for name in STREAMS if "," in name]


def test_delays_are_those_after_the_change() -> None:
    found = list(delays("adwin", 2, {}))
    assert [(delay.runs, delay.early, delay.found) for delay in found] == [(2, 0, 2)] * 4
    last = found[-1].median
    assert last is not None
    assert 32 <= last < 400


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "o.json"
    arguments = ["sequential", "--only", "page_hinkley", "--examples", "20000", "--runs", "1", "--json", str(out)]
    assert main(arguments) == 0
    assert {rate["detector"] for rate in json.loads(out.read_text(encoding="utf-8"))["rates"]} == {"page_hinkley"}
    assert "page_hinkley: done" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["sequential", "--only", "adwim"])
    assert "do you mean adwin" in capsys.readouterr().err
