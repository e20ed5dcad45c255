"""The pending store keeps what was committed, and nothing else."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from trimtab.joining import PendingError, Store


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
