"""``trimtab registry`` and ``trimtab verify`` as people and scripts use them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.broker.publishing import MODEL
from tests.broker.test_verification import FAMILIES, configured, elec2
from tests.broker.training import train, write_examples
from trimtab.cli.main import run
from trimtab.config import KafkaConfig

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def path(kafka: KafkaConfig, tmp_path: Path) -> Path:
    """The configuration of a model with two versions."""
    config = configured(kafka, "frozen", **FAMILIES["logistic"])
    train(config, MODEL, write_examples(config, MODEL, elec2("binary")), 2)
    found = tmp_path / "trimtab.yaml"
    found.write_text(yaml.safe_dump(config.model_dump(mode="json", by_alias=True)), encoding="utf-8")
    return found


def told(capsys: pytest.CaptureFixture[str], path: Path, *words: str) -> tuple[int, str, str]:
    code = run([*words, "--config", str(path)])
    out, err = capsys.readouterr()
    return code, out, err


def told_json(capsys: pytest.CaptureFixture[str], path: Path, *words: str) -> Any:
    code, out, err = told(capsys, path, *words, "--json")
    assert (code, err) == (0, "")
    return json.loads(out)


def test_the_registry_is_told(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    listed = told_json(capsys, path, "registry", "list")["versions"]
    assert [(row["model"], row["version"], row["status"]) for row in listed] == [
        (MODEL, 1, "superseded"),
        (MODEL, 2, "champion"),
    ]
    shown = told_json(capsys, path, "registry", "show", f"{MODEL}@1")
    assert (shown["version"], shown["status"], shown["config"]["task"]) == (1, "superseded", "binary")
    assert told_json(capsys, path, "registry", "show", MODEL)["version"] == 2
    entries = told_json(capsys, path, "registry", "history", MODEL)["entries"]
    assert [entry["version"] for entry in entries if entry["action"] == "promoted"] == [1, 2]
    apart = told_json(capsys, path, "registry", "diff", f"{MODEL}@1", f"{MODEL}@2")["differences"]
    assert apart["trigger"] == {"left": "first", "right": "schedule"}
    assert "config.task" not in apart
    for words in (["list"], ["list", MODEL], ["show", MODEL], ["history", MODEL], ["diff", f"{MODEL}@1", f"{MODEL}@2"]):
        code, out, err = told(capsys, path, "registry", *words)
        assert (code, err) == (0, ""), words
        assert "None" not in out.replace(": None", "")
    for words, said in [
        (["show", f"{MODEL}@9"], f"{MODEL} has no version 9; there are: 1, 2"),
        (["show", f"{MODEL}@x"], "'credit@x' is no version; write MODEL@V, such as credit@1"),
        (["list", "other"], "no model 'other'; the models are credit"),
    ]:
        code, out, err = told(capsys, path, "registry", *words)
        assert (code, out) == (2, "")
        assert said in err


def test_a_version_is_verified(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = told_json(capsys, path, "verify", f"{MODEL}@2")
    assert (found["verdict"], found["first_difference"], found["replayed"]) == ("reproduced", None, [2])
    assert found["examples"] > 0
    assert found["seconds"] > 0
    scratch = told_json(capsys, path, "verify", f"{MODEL}@2", "--from-scratch")
    assert scratch["verdict"] == "reproduced"
    code, out, _ = told(capsys, path, "verify", MODEL)
    assert code == 0
    assert out.startswith(f"{MODEL}@2 is reproduced, bit for bit: ")
    entries = [one for one in told_json(capsys, path, "audit", MODEL)["entries"] if one["action"] == "verified"]
    assert [one["details"]["verdict"] for one in entries] == ["reproduced"] * 3
    told_json(capsys, path, "verify", f"{MODEL}@2", "--no-record")
    assert told(capsys, path, "audit", "verify")[0] == 0
    after = [one for one in told_json(capsys, path, "audit", MODEL)["entries"] if one["action"] == "verified"]
    assert after == entries
    code, _, err = told(capsys, path, "verify", f"{MODEL}@9")
    assert code == 5
    assert f"{MODEL} has no version 9" in err
    # In another configuration a version still has its own; what made it is told.
    text = path.read_text(encoding="utf-8").replace("first_version_after: 200", "first_version_after: 777")
    path.write_text(text, encoding="utf-8")
    assert told_json(capsys, path, "verify", f"{MODEL}@1")["verdict"] == "reproduced"


@pytest.mark.timeout(400)
def test_a_version_is_verified_with_the_software_that_made_it(path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    code = run(["verify", f"{MODEL}@1", "--in-environment", "--json", "--config", str(path)])
    out, err = capfd.readouterr()
    assert code == 0, err
    found = json.loads(out)
    assert (found["verdict"], found["environment"]) == ("reproduced", {})
    assert "building an environment with Python " in err
