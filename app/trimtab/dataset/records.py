"""Records of the examples log in a Parquet file, byte for byte."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import pyarrow as pa
import pyarrow.parquet as pq

from trimtab.kafka.log import LogDamaged

__all__ = ["RecordWriter", "StoredRecord", "read_records"]

_SCHEMA = pa.schema([("offset", pa.int64()), ("version", pa.int32()), ("record", pa.binary())])
_GROUP_BYTES, _GROUP_RECORDS = 8_000_000, 50_000


class StoredRecord(NamedTuple):
    """One record; ``version`` is that which learnt it, 0 where that is not told."""

    offset: int
    version: int
    value: bytes


class RecordWriter:
    """Writes records in row groups of some 8 MB, so that memory is bounded; equal records are equal bytes.

    Parameters
    ----------
    path
        Replaced when it is there.

    Attributes
    ----------
    records, size_bytes
        How many were added, and how large they are.
    """

    def __init__(self, path: Path) -> None:
        self.records = 0
        self.size_bytes = 0
        self._held: list[StoredRecord] = []
        self._held_bytes = 0
        self._writer = pq.ParquetWriter(path, _SCHEMA, compression="zstd", use_dictionary=["version"])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def add(self, record: StoredRecord) -> None:
        """Add one, in the order of the log."""
        self._held.append(record)
        self._held_bytes += len(record.value)
        self.records += 1
        self.size_bytes += len(record.value)
        if self._held_bytes >= _GROUP_BYTES or len(self._held) >= _GROUP_RECORDS:
            self._flush()

    def close(self) -> None:
        """Write what is held, and the end of the file; more than once does nothing."""
        if self._held:
            self._flush()
        self._writer.close()

    def _flush(self) -> None:
        columns: tuple[list[Any], ...] = tuple(map(list, zip(*self._held, strict=True)))
        arrays = [pa.array(column, field.type) for column, field in zip(columns, _SCHEMA, strict=True)]
        self._writer.write_table(pa.table(arrays, schema=_SCHEMA), row_group_size=len(self._held))
        self._held, self._held_bytes = [], 0


def read_records(path: Path) -> Iterator[StoredRecord]:
    """What a :class:`RecordWriter` wrote, one row group in memory.

    Raises
    ------
    LogDamaged
        It is no such file; the message names it.
    """
    try:
        with pq.ParquetFile(path) as file:
            if file.schema_arrow != _SCHEMA:
                raise LogDamaged(f"{path}: its columns are not those of a file of records")
            for group in range(file.num_row_groups):
                columns = file.read_row_group(group).to_pydict()
                yield from map(StoredRecord, columns["offset"], columns["version"], columns["record"])
    except (pa.ArrowException, OSError) as error:
        raise LogDamaged(f"{path}: cannot be read: {str(error).splitlines()[0]}") from error
