"""Every error is one line on stderr with an exit code, and the help is quick."""

import errno
import subprocess
import sys
import time
from pathlib import Path

import pytest

from trimtab.cli import main as cli
from trimtab.errors import KafkaError


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["nope"], 2, "No such command 'nope'"),
        (["run", "cook"], 2, "no role 'cook'"),
        (["check", "--config", "/nowhere/trimtab.yaml"], 2, "/nowhere/trimtab.yaml: no such file"),
        (["check", "--what"], 2, "No such option: --what"),
        (["demo", "--file", "/nowhere/a.csv"], 2, "/nowhere/a.csv: no such file"),
    ],
)
def test_one_line_and_an_exit_code(
    arguments: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(arguments) == code
    error = capsys.readouterr().err
    assert error.startswith("trimtab: error: ")
    assert said in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (KafkaError("two\nlines"), 3, "two lines"),
        (OSError(errno.ENOSPC, "x", "/data/a"), 1, "/data/a: the disk is full"),
        (PermissionError(errno.EACCES, "x", "/data/a"), 1, "/data/a: permission denied"),
        (ValueError("odd"), 1, "ValueError: odd (a fault of trimtab"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_errors_inside_a_command(
    error: BaseException, code: int, said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise error

    monkeypatch.setattr("trimtab.config.load_config", fails)
    assert cli.run(["check"]) == code
    err = capsys.readouterr().err
    assert said in err
    assert "Traceback" not in err


def test_the_help_loads_nothing_heavy(tmp_path: Path) -> None:
    code = "import sys; from trimtab.cli.main import run; run(['--help']); print(*sys.modules)"
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    loaded = set(done.stdout.rsplit("\n", 2)[-2].split())
    assert not loaded & {"pydantic", "river", "numpy", "confluent_kafka", "pyarrow", "faust"}
    assert time.monotonic() - began < 5.0
