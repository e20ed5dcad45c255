"""Files that are whole or not there, their hashes, and what DVC needs to know of them."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import yaml

__all__ = ["Hashes", "dvc_text", "hashes_of", "json_bytes", "sync", "write_whole"]

_PIECE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Hashes:
    """A file's hashes and its size."""

    sha256: str
    md5: str
    size_bytes: int

    def to_wire(self) -> dict[str, str | int]:
        """Plain types."""
        return {"sha256": self.sha256, "md5": self.md5, "size_bytes": self.size_bytes}


def hashes_of(path: Path) -> Hashes:
    """Both hashes of a file, read piece by piece."""
    sha256, md5, size = hashlib.sha256(), hashlib.md5(usedforsecurity=False), 0
    with path.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            sha256.update(piece)
            md5.update(piece)
            size += len(piece)
    return Hashes(sha256.hexdigest(), md5.hexdigest(), size)


def dvc_text(name: str, hashes: Hashes) -> str:
    """The ``.dvc`` file of a file that lies beside it.

    Examples
    --------
    >>> print(dvc_text("a.parquet", Hashes("ab", "cd", 7)), end="")
    outs:
    - md5: cd
      size: 7
      hash: md5
      path: a.parquet
    """
    out = {"md5": hashes.md5, "size": hashes.size_bytes, "hash": "md5", "path": name}
    return yaml.safe_dump({"outs": [out]}, sort_keys=False)


def json_bytes(value: Any) -> bytes:
    """JSON for people, equal for equal values."""
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE)


def write_whole(path: Path, data: bytes) -> None:
    """Replace a file: who reads it, at any time and after a crash, finds the old bytes or these."""
    part = path.with_name(path.name + ".part")
    part.write_bytes(data)
    sync(part)
    part.replace(path)
    sync(path.parent)


def sync(path: Path) -> None:
    """Have a file's bytes, or a folder's names, on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
