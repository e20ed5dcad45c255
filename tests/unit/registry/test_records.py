from __future__ import annotations

from typing import Any

import pytest

from trimtab.errors import RegistryError
from trimtab.registry.records import (
    CHUNK_BYTES,
    ChunkRef,
    SnapshotRef,
    champion_key,
    chunk_partition,
    chunks_key,
    is_index_key,
    online_key,
    reference_key,
    split,
    version_key,
)

REF = SnapshotRef(5, "ab" * 32, (ChunkRef(1, 7, 3), ChunkRef(1, 9, 2)))


def test_a_reference_survives_the_wire() -> None:
    assert SnapshotRef.from_wire(REF.to_wire()) == REF


@pytest.mark.parametrize(
    "wrong",
    [
        {"size_bytes": 4},
        {"size_bytes": "5"},
        {"size_bytes": True},
        {"sha256": None},
        {"chunks": []},
        {"chunks": None},
        {"chunks": [{"partition": 1, "offset": 7}]},
        {"chunks": [{"partition": 1, "offset": -1, "size_bytes": 5}]},
        {"chunks": ["x"]},
    ],
)
def test_a_damaged_reference_is_refused_in_one_line(wrong: dict[str, Any]) -> None:
    with pytest.raises(RegistryError, match="reference is damaged") as caught:
        SnapshotRef.from_wire(REF.to_wire() | wrong)
    assert "\n" not in str(caught.value)


def test_an_empty_reference_is_refused() -> None:
    with pytest.raises(RegistryError):
        SnapshotRef.from_wire({})


@pytest.mark.parametrize("size", [1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES])
def test_chunks_make_the_whole(size: int) -> None:
    data = bytes(i % 251 for i in range(size))
    chunks = list(split(data))
    assert b"".join(chunks) == data
    assert all(0 < len(chunk) <= CHUNK_BYTES for chunk in chunks)
    assert len(chunks) == -(-size // CHUNK_BYTES)


def test_only_index_keys_are_index_keys() -> None:
    index = [version_key("m", 1), reference_key("m", 1), champion_key("m"), online_key("m")]
    assert all(map(is_index_key, index))
    other = [f"{chunks_key('m', 1)}/0", f"{online_key('m')}/0", "m", "", "m/versions", "m/versions/1/0"]
    assert not any(map(is_index_key, other))


@pytest.mark.parametrize("partitions", [2, 3, 4, 7])
def test_chunks_stay_out_of_the_index_partition(partitions: int) -> None:
    found = {chunk_partition(f"model-{i}", partitions) for i in range(200)}
    assert found == set(range(1, partitions))
