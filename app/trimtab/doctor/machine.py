"""This machine: the space where state is kept."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

from trimtab.config import Config
from trimtab.doctor.finding import Finding, Status
from trimtab.roles.process import data_dir

__all__ = ["disk"]

_LEAST_BYTES = 1_000_000_000
_LEAST_SHARE = 0.05


def disk(config: Config) -> Iterator[Finding]:
    """Room in the data folder: the collector's store and, with an embedded broker, Kafka's log are there."""
    folder = data_dir(config)
    there = next(one for one in (folder, *folder.parents) if one.exists())
    usage = shutil.disk_usage(there)
    what = f"{usage.free / 1e9:,.1f} GB free of {usage.total / 1e9:,.1f} at {folder}"
    if usage.free < _LEAST_BYTES or usage.free < _LEAST_SHARE * usage.total:
        yield Finding("disk", Status.WARN, what, "free some space, or set data_dir to another disk")
    else:
        yield Finding("disk", Status.OK, what)
