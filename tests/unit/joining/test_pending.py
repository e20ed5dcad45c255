"""The pending store keeps what was committed, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from trimtab.joining import Entry, Meta, PendingError, PendingStore


def entry(created_ms: int = 0) -> Entry:
    return Entry(created_ms, {"x": 1.0}, False, {}, {})


def test_committed_changes_survive_and_others_do_not(tmp_path: Path) -> None:
    store = PendingStore(tmp_path / "p")
    store.put("a", entry(1), 100)
    store.commit(Meta({"t": 7}, 1, 2))
    store.put("b", entry(2), 100)
    assert store.get("b") == entry(2)
    store.close()  # as after a crash: b was never committed
    again = PendingStore(tmp_path / "p")
    assert (again.get("a"), again.get("b")) == (entry(1), None)
    assert again.meta == Meta({"t": 7}, 1, 2)
    again.close()


def test_rollback_brings_back_what_had_expired(tmp_path: Path) -> None:
    store = PendingStore(tmp_path / "p")
    store.put("a", entry(), 100)
    store.commit(Meta())
    assert [event_id for event_id, _ in store.take_expired(101)] == ["a"]
    assert list(store.take_expired(101)) == []
    assert store.get("a") is None
    store.rollback()
    assert store.get("a") == entry()
    assert [event_id for event_id, _ in store.take_expired(101)] == ["a"]
    store.commit(Meta())
    assert list(store.take_expired(10**6)) == []
    store.close()


def test_expiry_is_in_order_and_before_the_clock_only(tmp_path: Path) -> None:
    store = PendingStore(tmp_path / "p")
    for event_id, expires_ms in {"c": 300, "a": -5, "b": 200, "ü": 250}.items():
        store.put(event_id, entry(), expires_ms)
    store.commit(Meta())
    assert [event_id for event_id, _ in store.take_expired(300)] == ["a", "b", "ü"]
    store.close()


def test_an_id_that_left_and_came_back_with_the_same_expiry_leaves_again(tmp_path: Path) -> None:
    store = PendingStore(tmp_path / "p")
    store.put("a", entry(), 100)
    store.commit(Meta())
    list(store.take_expired(101))
    store.put("a", entry(), 100)
    store.commit(Meta())
    assert [event_id for event_id, _ in store.take_expired(101)] == ["a"]
    store.close()


def test_a_damaged_store_is_made_anew_and_a_locked_one_is_said(tmp_path: Path) -> None:
    store = PendingStore(tmp_path / "p")
    store.put("a", entry(), 100)
    store.commit(Meta())
    with pytest.raises(PendingError, match="another collector"):
        PendingStore(tmp_path / "p")
    store.close()
    (tmp_path / "p" / "CURRENT").write_bytes(b"rubbish")
    again = PendingStore(tmp_path / "p")
    assert again.get("a") is None
    again.close()
