"""Where the embedded broker keeps its files, after the XDG base directory specification."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

__all__ = ["cache_dir", "default_data_dir"]


def default_data_dir(environ: Mapping[str, str] = os.environ) -> Path:
    """Folder of topics, offsets and logs: kept until the user deletes it."""
    return _base(environ, "XDG_DATA_HOME", ".local/share") / "trimtab" / "broker"


def cache_dir(environ: Mapping[str, str] = os.environ) -> Path:
    """Folder of downloaded jars: may be deleted at any time, it comes back by itself."""
    return _base(environ, "XDG_CACHE_HOME", ".cache") / "trimtab"


def _base(environ: Mapping[str, str], variable: str, fallback: str) -> Path:
    folder = Path(environ.get(variable, ""))
    # The specification says that relative paths are invalid and to be ignored.
    return folder if folder.is_absolute() else Path.home() / fallback
