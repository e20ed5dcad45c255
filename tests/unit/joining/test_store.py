"""The pending store keeps what was committed, and nothing else."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tests.unit.joining.test_rows import labels
from trimtab.events.tables import LabelTable
from trimtab.joining import DamagedError, PendingError, Store
from trimtab.joining.hashing import hash_ids
from trimtab.joining.rows import Rows


def test_what_was_written_survives_with_its_meta(tmp_path: Path) -> None:
    store = Store(tmp_path / "p", "models")
    meta = msgspec.structs.replace(store.meta, offsets={"t": 7}, clocks={"labels": 1})
    store.write({b"pb1": b"one", b"pb2": b"two", b"lb1": b"other"}, meta)
    store.write({b"pb2": None, b"pb3": b"\x00" * 100_000}, meta)
    store.close()
    again = Store(tmp_path / "p", "models")
    assert again.meta == meta
    assert [(key, len(value)) for key, value in again.items(b"pb")] == [(b"1", 3), (b"3", 100_000)]
    again.close()


def test_a_store_of_other_models_is_made_anew(tmp_path: Path) -> None:
    store = Store(tmp_path / "p", "models")
    key = store.meta.key
    store.write({b"pb1": b"one"}, msgspec.structs.replace(store.meta, offsets={"t": 7}))
    store.close()
    again = Store(tmp_path / "p", "other models")
    assert (again.get(b"pb1"), again.meta.offsets) == (None, {})
    assert again.meta.key != key
    again.close()


def test_a_damaged_store_is_made_anew_and_a_locked_one_is_said(tmp_path: Path) -> None:
    store = Store(tmp_path / "p", "models")
    store.write({b"pb1": b"one"}, store.meta)
    with pytest.raises(PendingError, match="another collector"):
        Store(tmp_path / "p", "models")
    store.close()
    (tmp_path / "p" / "CURRENT").write_bytes(b"rubbish")
    again = Store(tmp_path / "p", "models")
    assert again.get(b"pb1") is None
    again.close()


def test_one_that_cannot_be_read_is_condemned_and_made_anew(tmp_path: Path) -> None:
    store = Store(tmp_path / "p", "models")
    store.write({b"lb" + bytes(8): b"no block", b"lh" + bytes(8): b"no head"}, store.meta)
    with pytest.raises(DamagedError, match=r"p is damaged: .*; it is made anew from the topics"):
        Rows(store, b"l")
    store.close()
    again = Store(tmp_path / "p", "models")
    assert list(again.items(b"l")) == []
    again.write({b"lx": b"kept"}, again.meta)
    again.close()
    once_more = Store(tmp_path / "p", "models")
    assert once_more.get(b"lx") == b"kept"
    once_more.close()


def test_a_block_that_is_found_damaged_while_it_runs_is_the_last_that_is_read(tmp_path: Path) -> None:
    store = Store(tmp_path / "p", "models")
    rows = Rows[LabelTable](store, b"l")
    table = labels(0, 3)
    rows.add(table, hash_ids(table.ids, store.meta.key), 0, 0)
    store.write(rows.changes(), store.meta)
    store.write({b"lb" + bytes(8): b"no block"}, store.meta)
    again = Rows[LabelTable](store, b"l")
    with pytest.raises(DamagedError):
        list(again.read(again.due(10**12)))
    store.close()
    anew = Store(tmp_path / "p", "models")
    assert list(anew.items(b"l")) == []
    anew.close()


def test_what_rocksdb_cannot_read_is_damage_too(tmp_path: Path) -> None:
    store = Store(tmp_path / "p", "models")
    store.close()
    with pytest.raises(DamagedError):
        store.get(b"x")
    with pytest.raises(DamagedError):
        list(store.items(b"x"))
