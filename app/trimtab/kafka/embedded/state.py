"""What the broker of a data folder is remembered by: its ports for the next start, its process for the next stop."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from trimtab.kafka.embedded.errors import folder_error

__all__ = ["BrokerState", "read_state", "write_state"]

STATE_FILE = "broker.json"


@dataclass(frozen=True, slots=True)
class BrokerState:
    """One data folder's broker.

    Parameters
    ----------
    version
        Newest Kafka that has written the folder.
    port, controller_port
        Where it listened last, on the loopback interface.
    pid, identity
        Its process and that process's birth mark (:func:`.process.identity`); ``None`` after a clean stop.
    """

    version: str
    port: int
    controller_port: int
    pid: int | None = None
    identity: str | None = None


def read_state(data_dir: Path) -> BrokerState | None:
    """What was remembered, or ``None`` when nothing was or the file is not ours."""
    try:
        content = json.loads((data_dir / STATE_FILE).read_bytes())
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    except OSError as error:
        raise folder_error(data_dir, error) from error
    return _parse(content)


def write_state(data_dir: Path, state: BrokerState) -> None:
    """Remember ``state``: after a crash the file holds the old or the new one, whole.

    Raises
    ------
    DataFolderError
        If the folder cannot be written.
    """
    temporary = data_dir / f"{STATE_FILE}.new"
    try:
        with temporary.open("w", encoding="utf-8") as file:
            json.dump(asdict(state), file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(data_dir / STATE_FILE)
    except OSError as error:
        raise folder_error(data_dir, error) from error


def _parse(content: Any) -> BrokerState | None:
    if not isinstance(content, dict) or set(content) != {field.name for field in fields(BrokerState)}:
        return None
    numbers = [content["port"], content["controller_port"], content["pid"] or 1]
    words = [content["version"], content["identity"] or ""]
    if not all(type(number) is int for number in numbers) or not all(isinstance(word, str) for word in words):
        return None
    return BrokerState(**content)
