"""One virtual environment for each requirements file: made when it is first needed, kept while the file is the same."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

__all__ = ["Environments", "cache_folder", "stamp_of"]

REQUIREMENTS = Path(__file__).with_name("requirements")
_STAMP = "requirements.sha256"


def cache_folder(environ: Mapping[str, str], home: Path) -> Path:
    """Where the environments live: ``TRIMTAB_LOADTEST_ENVS``, or the user's cache folder.

    Examples
    --------
    >>> cache_folder({"XDG_CACHE_HOME": "/c"}, Path("/h")), cache_folder({}, Path("/h"))
    (PosixPath('/c/trimtab-loadtest'), PosixPath('/h/.cache/trimtab-loadtest'))
    """
    named = environ.get("TRIMTAB_LOADTEST_ENVS")
    if named:
        return Path(named).expanduser().absolute()
    cache = Path(environ.get("XDG_CACHE_HOME", ""))
    # The XDG specification says that relative paths are to be ignored.
    return (cache if cache.is_absolute() else home / ".cache") / "trimtab-loadtest"


def stamp_of(requirements: bytes, interpreter: str) -> str:
    """What an environment was made from: another file or another Python needs another environment."""
    return hashlib.sha256(requirements + b"\0" + interpreter.encode()).hexdigest()


class Environments:
    """The environments below one folder.

    Parameters
    ----------
    folder
        Made when missing; may be deleted at any time.
    report
        Called with one line when an environment has to be made.
    """

    def __init__(self, folder: Path, report: Callable[[str], None]) -> None:
        self._folder = folder
        self._report = report

    def python(self, name: str) -> Path:
        """The interpreter with ``requirements/<name>.txt`` installed.

        Raises
        ------
        SystemExit
            If pip cannot install it; its last lines are in the message.
        """
        requirements = REQUIREMENTS / f"{name}.txt"
        home = self._folder / name
        python = home / "bin" / "python"
        stamp = stamp_of(requirements.read_bytes(), sys.version)
        marker = home / _STAMP
        if python.exists() and marker.exists() and marker.read_text(encoding="utf-8") == stamp:
            return python
        self._report(f"installing {requirements.name} into {home}")
        shutil.rmtree(home, ignore_errors=True)
        self._folder.mkdir(parents=True, exist_ok=True)
        _run([sys.executable, "-m", "venv", str(home)], name)
        _run([str(python), "-m", "pip", "install", "--disable-pip-version-check", "-r", str(requirements)], name)
        # Written last, so that an interrupted installation starts anew.
        marker.write_text(stamp, encoding="utf-8")
        return python


def _run(command: list[str], name: str) -> None:
    # Paths meant for this interpreter must not leak into the other one.
    environ = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PYTHONHOME")}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    if done.returncode:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
        raise SystemExit(f"loadtest: cannot make the environment of {name}:\n{tail}")
