"""A token is printed once, with the line that lets it in."""

import json

import pytest
import yaml

from trimtab.cli import main as cli
from trimtab.config import DashboardConfig
from trimtab.dashboard.web.tokens import Gatekeeper, Identity


def test_what_is_printed_lets_its_owner_in(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["dashboard", "token", "ada", "--role", "operator"]) == 0
    out = capsys.readouterr().out
    section = yaml.safe_load(out[: out.rindex("# for ada alone")])["dashboard"]
    token = out.strip().split("\n")[-1]
    config = DashboardConfig.model_validate(section)
    gate = Gatekeeper(config.tokens, b"k")
    assert gate.identify(f"Bearer {token}", None, now_s=0) == Identity("ada", operator=True)
    assert token not in json.dumps(section)


def test_two_tokens_are_not_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    made = []
    for _ in range(2):
        assert cli.run(["dashboard", "token", "ada", "--json"]) == 0
        made.append(json.loads(capsys.readouterr().out))
    assert made[0]["role"] == "read"
    assert made[0]["token"] != made[1]["token"]


def test_a_name_that_could_be_anything_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["dashboard", "token", "a|b"]) == 2
    assert "is no name of a token" in capsys.readouterr().err
