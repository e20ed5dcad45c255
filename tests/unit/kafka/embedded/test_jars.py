"""Only whole jars with the released content get to their place, and none is asked for twice."""

from __future__ import annotations

import errno
import hashlib
import sys
from pathlib import Path

import pytest

from trimtab.kafka.embedded import jars
from trimtab.kafka.embedded.errors import DiskFullError, DownloadError, NotInstalledError
from trimtab.kafka.embedded.jars import KAFKA_VERSION, Jar, kafka_jars, missing_jars

CONTENT = b"a jar"
LOCK = [Jar(f"org.example:{name}:1.0", len(CONTENT), hashlib.sha256(CONTENT).hexdigest()) for name in ("one", "two")]


@pytest.fixture(autouse=True)
def small_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jars, "read_lock", lambda: LOCK)
    monkeypatch.setattr(jars, "_FIRST_WAIT_S", 0.0)


def serve(monkeypatch: pytest.MonkeyPatch, *answers: bytes | Exception) -> list[str]:
    """Answer downloads in turn, then for ever with the last; return what was asked for."""
    asked: list[str] = []

    def fetch(coordinate: str, repository: Path) -> Path:
        answer = answers[min(len(asked), len(answers) - 1)]
        asked.append(coordinate)
        if isinstance(answer, Exception):
            raise answer
        path = repository / "file.jar"
        path.write_bytes(answer)
        return path

    monkeypatch.setattr(jars, "_fetch", fetch)
    return asked


def quiet(_what: str, _done: int, _total: int) -> None:
    pass


def test_second_time_is_offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    serve(monkeypatch, CONTENT)
    steps: list[tuple[int, int]] = []
    paths = kafka_jars(tmp_path, lambda _what, done, total: steps.append((done, total)))
    assert [path.name for path in paths] == ["one-1.0.jar", "two-1.0.jar"]
    assert steps == [(0, 2), (1, 2), (2, 2)]
    asked = serve(monkeypatch, AssertionError("asked Maven"))
    assert kafka_jars(tmp_path, quiet) == paths
    assert asked == []


def test_truncated_and_missing_jars_come_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    serve(monkeypatch, CONTENT)
    first, second = kafka_jars(tmp_path, quiet)
    first.write_bytes(CONTENT[:2])
    assert missing_jars(LOCK, tmp_path / f"kafka-{KAFKA_VERSION}") == LOCK[:1]
    asked = serve(monkeypatch, CONTENT)
    kafka_jars(tmp_path, quiet)
    assert asked == [LOCK[0].coordinate]
    assert first.read_bytes() == second.read_bytes() == CONTENT


def test_passing_failures_are_retried(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(jars, "_AT_ONCE", 1)
    asked = serve(monkeypatch, RuntimeError("503"), OSError("reset"), b"wrong", CONTENT)
    kafka_jars(tmp_path, quiet)
    assert len(asked) == 5
    assert not list(tmp_path.glob("*/.download-*"))


@pytest.mark.parametrize("answer", [RuntimeError("not found\nin remote"), b"other bytes"])
def test_lasting_failure_is_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, answer: bytes | Exception
) -> None:
    serve(monkeypatch, answer)
    with pytest.raises(DownloadError, match=r"could not be downloaded to .*; check the network and proxy") as caught:
        kafka_jars(tmp_path, quiet)
    assert "\n" not in str(caught.value)
    assert len(missing_jars(LOCK, tmp_path / f"kafka-{KAFKA_VERSION}")) == 2


def test_full_disk_is_told_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    serve(monkeypatch, OSError(errno.ENOSPC, "No space left on device"))
    with pytest.raises(DiskFullError, match="the disk is full"):
        kafka_jars(tmp_path, quiet)


def test_missing_jgo_names_the_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "jgo.maven", None)
    with pytest.raises(NotInstalledError, match=r"pip install 'trimtab\[embedded\]'"):
        kafka_jars(tmp_path, quiet)


def test_shipped_lock_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    shipped = jars.read_lock()
    assert {len(jar.sha256) for jar in shipped} == {64}
    assert len({jar.file_name for jar in shipped}) == len(shipped) > 40
    assert f"kafka_2.13-{KAFKA_VERSION}.jar" in {jar.file_name for jar in shipped}
