"""Records come back byte for byte, equal records are equal files, and a file that is none is named."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab.dataset import records
from trimtab.dataset.records import RecordWriter, StoredRecord, read_records
from trimtab.kafka.log import LogDamaged

some = st.lists(st.builds(StoredRecord, st.integers(0, 2**62), st.integers(0, 9), st.binary(max_size=40)), max_size=30)


def write(path: Path, found: list[StoredRecord]) -> bytes:
    with RecordWriter(path) as writer:
        for record in found:
            writer.add(record)
    assert (writer.records, writer.size_bytes) == (len(found), sum(len(record.value) for record in found))
    return path.read_bytes()


@settings(max_examples=60, deadline=None)
@given(some, st.integers(1, 60))
def test_they_come_back_in_groups_of_bounded_size(
    tmp_path_factory: pytest.TempPathFactory, found: list[StoredRecord], group_bytes: int
) -> None:
    path = tmp_path_factory.mktemp("records") / "a.parquet"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(records, "_GROUP_BYTES", group_bytes)
        once = write(path, found)
        assert write(path, found) == once
    assert list(read_records(path)) == found
    metadata = pq.read_metadata(path)
    sizes = [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]
    at = 0
    for size in sizes:
        # All but a group's last record are below the bound.
        assert sum(len(record.value) for record in found[at : at + size - 1]) < group_bytes
        at += size


def test_what_is_no_file_of_records_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    for data in (None, b"", b"PAR1", b"nothing"):
        if data is not None:
            path.write_bytes(data)
        with pytest.raises(LogDamaged, match=r"a\.parquet: cannot be read"):
            list(read_records(path))
    pq.write_table(pa.table({"x": [1]}), path)
    with pytest.raises(LogDamaged, match="its columns are not those of a file of records"):
        list(read_records(path))
