"""Where the roles keep files on this machine."""

from __future__ import annotations

import os
from pathlib import Path

from trimtab.config import Config

__all__ = ["data_dir", "logs_dir"]


def data_dir(config: Config) -> Path:
    """The configured data folder, or ``trimtab`` in the user's data folder."""
    if config.data_dir is not None:
        return config.data_dir
    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "trimtab"


def logs_dir(config: Config) -> Path:
    """The folder of the role processes' log files, made if it is not there."""
    folder = data_dir(config) / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
