"""Encoded records in a file, so that each run can produce the same stream without making it again."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from loadtest.peers.formats import Record

__all__ = ["read_records", "spooled", "write_records"]

_HEAD = struct.Struct("<III")
_BUFFER_BYTES = 1 << 20


def spooled(path: Path, records: Iterable[Record]) -> Iterator[Record]:
    """The records of a file; ``records`` are written to it when there is none."""
    if not path.exists():
        unfinished = path.with_suffix(".part")
        with unfinished.open("wb", buffering=_BUFFER_BYTES) as out:
            write_records(out, records)
        unfinished.rename(path)
    with path.open("rb", buffering=_BUFFER_BYTES) as source:
        yield from read_records(source)


def write_records(out: BinaryIO, records: Iterable[Record]) -> None:
    """Each record as three lengths, its key and its value."""
    for partition, key, value in records:
        out.write(_HEAD.pack(partition, len(key), len(value)))
        out.write(key)
        out.write(value)


def read_records(source: BinaryIO) -> Iterator[Record]:
    """What :func:`write_records` wrote, in its order."""
    while head := source.read(_HEAD.size):
        partition, key_bytes, value_bytes = _HEAD.unpack(head)
        yield Record(partition, source.read(key_bytes), source.read(value_bytes))
