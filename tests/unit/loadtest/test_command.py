"""The command lines."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from loadtest.__main__ import main
from loadtest.peers.catalogue import NAMES
from loadtest.peers.command import parse
from loadtest.peers.environments import stamp_of
from loadtest.peers.peer_run import figures_in
from loadtest.peers.trimtab_run import settings
from trimtab.config import parse_config


def test_defaults() -> None:
    options = parse([])
    assert options.names == list(NAMES)
    assert (options.runs, options.sizes.events, options.json) == (3, 400_000, None)
    assert options.sizes.windows("trimtab") == 40
    assert options.sizes.windows("trimtab_columnar") == 800


def test_all_names_of_the_result() -> None:
    wanted = {"trimtab", "trimtab_avro", "trimtab_columnar", "raw", "bytewax", "quixstreams", "faust"}
    assert set(NAMES) == wanted | {"confluent_orjson", "river_adwin", "evidently"}


def test_options() -> None:
    arguments = ["--only", "raw,trimtab", "--runs", "1", "--events", "60000", "--columnar-factor", "2", "--json", "x"]
    options = parse(arguments)
    assert options.names == ["trimtab", "raw"]
    assert (options.runs, options.sizes.windows("trimtab_columnar"), options.json) == (1, 12, Path("x"))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--only", "kafka"], "kafka"),
        (["--only", ","], "nothing is named"),
        (["--events", "12345"], "multiple of 10,000"),
        (["--events", "0"], "multiple of 10,000"),
        (["--runs", "0"], "at least 1"),
        (["--columnar-factor", "0"], "at least 1"),
    ],
)
def test_wrong_options_are_refused(arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(arguments)
    assert ended.value.code == 2
    assert says in capsys.readouterr().err


def test_without_a_command_the_usage_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert main(["nonsense"]) == 2
    assert main(["--help"]) == 0
    assert "peers" in capsys.readouterr().out


def test_the_configuration_of_a_run_is_valid() -> None:
    text = yaml.safe_dump(settings("127.0.0.1:9092", "run.", Path("somewhere")))
    model = parse_config(text, source="test", environ={}).models["credit"]
    assert (model.window.size, model.window.lateness, model.labels) == (10_000, 60_000, False)


def test_another_file_or_python_needs_another_environment() -> None:
    assert len({stamp_of(b"a==1", "3.11"), stamp_of(b"a==2", "3.11"), stamp_of(b"a==1", "3.12")}) == 3


def test_a_script_without_figures() -> None:
    assert figures_in("Traceback\nValueError") is None
