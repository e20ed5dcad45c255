"""A partition's store that cannot be read is made anew, since the topics have all of it."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from tests.unit.joining.test_rows import labels
from tests.unit.roles.test_collected import config
from trimtab.events.chunks import ChunkDecoder
from trimtab.roles.collected_partition import CollectedPartition, Decoded


def opened(path: Path) -> CollectedPartition:
    settings = config("m", "n")
    return CollectedPartition(1, path, settings, ChunkDecoder(settings.models, 1_000_000))


def fill(partition: CollectedPartition) -> None:
    partition.take(Decoded("trimtab.labels", [labels(0, 50)], [], 50))
    partition.commit()


def test_what_was_committed_is_there_again(tmp_path: Path) -> None:
    first = opened(tmp_path)
    fill(first)
    first.close()
    again = opened(tmp_path)
    assert (again.pending, again.offsets) == (50, {"trimtab.labels": 50})
    again.close()


def test_a_block_that_is_damaged_costs_a_longer_start(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    first = opened(tmp_path)
    fill(first)
    [(key, _)] = first._store.items(b"lh")
    first._store.write({b"lh" + key: b"no block"}, first._store.meta)
    first.close()
    with caplog.at_level(logging.ERROR):
        again = opened(tmp_path)
    assert (again.pending, again.offsets) == (0, {})
    assert f"pending store {tmp_path} is damaged: " in caplog.text
    fill(again)
    assert again.pending == 50
    again.close()
