"""The software that a version was made with, in a virtual environment of its own."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import distribution
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import trimtab
from trimtab.errors import ConfigError

__all__ = ["build_environment", "requirements_of", "run_in"]

_LIMIT_S = 1_800


def requirements_of(recorded: Mapping[str, str]) -> list[str]:
    """What pip is asked for: the recorded versions, Trimtab from where this one came when it is the same.

    Parameters
    ----------
    recorded
        Field ``environment`` of a manifest.

    Examples
    --------
    >>> requirements_of({"python": "3.11.7", "river": "0.21.0", "numpy": "1.26.4", "trimtab": "0.0.1"})
    ['numpy==1.26.4', 'river==0.21.0', 'trimtab==0.0.1']
    """
    versions = {name: version for name, version in recorded.items() if name not in ("python", "factory")}
    source = _source() if versions.get("trimtab") == trimtab.__version__ else None
    if source is not None:
        del versions["trimtab"]
    found = [f"{name}=={version}" for name, version in sorted(versions.items())]
    return found if source is None else [*found, source]


def build_environment(folder: Path, recorded: Mapping[str, str], tell: Callable[[str], None]) -> Path:
    """Make a virtual environment with the recorded versions; returns its interpreter.

    Raises
    ------
    ConfigError
        That Python is not on this machine, or pip cannot install the rest; the message ends with pip's own.
    """
    python, wanted = _interpreter(recorded["python"]), requirements_of(recorded)
    tell(f"building an environment with Python {recorded['python']}, {', '.join(wanted)}")
    _run([str(python), "-m", "venv", str(folder)], "make a virtual environment")
    made = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    _run(
        [str(made), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *wanted], "install what was used"
    )
    return made


def run_in(python: Path, arguments: Sequence[str], bootstrap_servers: str) -> subprocess.CompletedProcess[str]:
    """Run ``trimtab`` there, with the user's own packages where they lie now, on the same Kafka."""
    paths = [str(Path.cwd()), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    return subprocess.run(
        [str(python), "-m", "trimtab", *arguments],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(paths),
            "TRIMTAB_KAFKA__BOOTSTRAP_SERVERS": bootstrap_servers,
        },
        stdout=subprocess.PIPE,
        text=True,
        timeout=_LIMIT_S,
        check=False,
    )


def _interpreter(version: str) -> Path:
    if platform.python_version() == version:
        return Path(sys.executable)
    name = f"python{'.'.join(version.split('.')[:2])}"
    found = shutil.which(name)
    if found is not None:
        told = subprocess.run([found, "--version"], stdout=subprocess.PIPE, text=True, check=False).stdout.split()
        if told[-1:] == [version]:
            return Path(found)
    raise ConfigError(
        f"Python {version}, with which the version was made, is not here (this is {platform.python_version()}); "
        f"install it so that {name} is found, or verify without --in-environment"
    )


def _source() -> str | None:
    """Where this Trimtab was installed from, when that was a folder."""
    text = distribution("trimtab").read_text("direct_url.json")
    url = urlsplit(json.loads(text)["url"]) if text else None
    return url2pathname(url.path) if url is not None and url.scheme == "file" else None


def _run(command: Sequence[str], what: str) -> None:
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=_LIMIT_S, check=False
    )
    if done.returncode:
        last = done.stdout.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        raise ConfigError(f"cannot {what}: {last[0]}")
