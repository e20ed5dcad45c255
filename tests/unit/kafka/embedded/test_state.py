"""What is remembered between starts survives damage and crashes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from trimtab.kafka.embedded.errors import DataFolderError, DiskFullError
from trimtab.kafka.embedded.state import BrokerState, read_state, write_state

STATE = BrokerState("4.1.1", 20_001, 20_002, 77, "boot:123")


@pytest.mark.parametrize("state", [STATE, BrokerState("4.1.1", 20_001, 20_002)])
def test_state_comes_back(tmp_path: Path, state: BrokerState) -> None:
    write_state(tmp_path, state)
    assert read_state(tmp_path) == state
    assert [path.name for path in tmp_path.iterdir()] == ["broker.json"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b'{"version": "4.1.1"}',
        json.dumps({"version": 4, "port": 1, "controller_port": 2, "pid": None, "identity": None}).encode(),
        json.dumps({"version": "4", "port": "1", "controller_port": 2, "pid": None, "identity": None}).encode(),
        json.dumps({"version": "4", "port": 1, "controller_port": 2, "pid": True, "identity": "x"}).encode(),
    ],
)
def test_damaged_state_is_no_state(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "broker.json").write_bytes(content)
    assert read_state(tmp_path) is None


def test_no_folder_is_no_state(tmp_path: Path) -> None:
    assert read_state(tmp_path / "nothing") is None


def test_full_disk_keeps_the_old_state(tmp_path: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no device that is always full")
    write_state(tmp_path, STATE)
    (tmp_path / "broker.json.new").symlink_to(full)
    with pytest.raises(DiskFullError, match="the disk is full; free some space"):
        write_state(tmp_path, BrokerState("4.1.1", 1, 2))
    assert read_state(tmp_path) == STATE


def test_missing_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataFolderError, match="No such file or directory"):
        write_state(tmp_path / "gone", STATE)
