"""An archive holds every record once, whenever its writer dies, and says what it has not and what is damaged."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.dataset.samples import PARTITION, TOPIC, Log
from trimtab.dataset import Archive, ArchiveGone, Catalogue, archiving, fill, with_archive
from trimtab.dataset import files as whole_files
from trimtab.dataset.archive import INDEX, PART
from trimtab.dataset.records import RecordWriter, read_records
from trimtab.errors import ConfigError
from trimtab.kafka.log import LogDamaged
from trimtab.verification import Record


class Killed(BaseException):
    """The process dies."""


def opened(folder: Path) -> Archive:
    return archiving._opened(folder, Catalogue("m", TOPIC, PARTITION))


def run(folder: Path, log: Log, file_bytes: int = 30) -> archiving.Archived:
    return fill(opened(folder), log.read, log.low, log.end, file_bytes=file_bytes)


def held(folder: Path, log: Log) -> list[Record]:
    return list(Archive.open(folder, "m").read(TOPIC, PARTITION, 0, log.end - 1))


def filled(records: int = 12) -> Log:
    log = Log()
    for at in range(records):
        log.add(bytes([at]) * 9)
        log.end += at % 3
    return log


steps = st.lists(
    st.tuples(st.sampled_from(["record", "other", "run", "retain", "die"]), st.integers(0, 25)), max_size=30
)


@settings(max_examples=120, deadline=None)
@given(steps, st.integers(1, 60))
def test_whatever_happens_each_record_is_there_once(
    tmp_path_factory: pytest.TempPathFactory, done: list[tuple[str, int]], file_bytes: int
) -> None:
    folder, log = tmp_path_factory.mktemp("archive"), Log()
    for what, number in done:
        if what == "record":
            log.add(bytes([number, len(log.records)]) * number)
        elif what == "other":
            log.end += number
        elif what == "run":
            run(folder, log, file_bytes)
        elif what == "die":
            with pytest.MonkeyPatch.context() as patch:
                die_at(patch, number)
                with contextlib.suppress(Killed):
                    run(folder, log, file_bytes)
        elif (folder / INDEX).exists():
            # Retention takes only what was archived.
            log.low = max(log.low, min(number + log.low, Archive.open(folder, "m").catalogue.next_offset))
    run(folder, log, file_bytes)
    catalogue = Archive.open(folder, "m").catalogue
    assert catalogue.covered == (((0, log.end),) if log.end else ())
    assert held(folder, log) == log.records
    assert sorted(path.name for path in folder.iterdir() if path.name != INDEX) == sorted(
        f.file for f in catalogue.files
    )
    for file in catalogue.files:
        found = [record.value for record in read_records(folder / file.file)]
        assert len(found) == file.records
        assert sum(map(len, found[:-1])) < file_bytes


def die_at(patch: pytest.MonkeyPatch, number: int) -> None:
    """Die before the ``number``-th step that a disk could see."""
    left = [number]

    def before(real: Callable[..., Any]) -> Callable[..., Any]:
        def step(*arguments: Any, **named: Any) -> Any:
            left[0] -= 1
            if left[0] < 0:
                raise Killed
            return real(*arguments, **named)

        return step

    for name in ("replace", "unlink", "write_bytes"):
        patch.setattr(Path, name, before(getattr(Path, name)))
    for module in (archiving, whole_files):
        patch.setattr(module, "sync", before(module.sync))
    patch.setattr(RecordWriter, "add", before(RecordWriter.add))
    patch.setattr(RecordWriter, "_flush", before(RecordWriter._flush))


def test_who_dies_at_any_step_leaves_whole_files(tmp_path: Path) -> None:
    log, number = filled(), 0
    while True:
        folder = tmp_path / str(number)
        folder.mkdir()
        died = False
        with pytest.MonkeyPatch.context() as patch:
            die_at(patch, number)
            try:
                run(folder, log)
            except Killed:
                died = True
        if (folder / INDEX).exists():
            # What the index covers can be read before anything is mended.
            archive = Archive.open(folder, "m")
            end = archive.catalogue.next_offset
            found = list(archive.read(TOPIC, PARTITION, 0, end - 1)) if end else []
            assert found == [record for record in log.records if record.offset < end]
        for path in folder.glob("examples-*"):
            assert list(read_records(path))
        run(folder, log)
        assert held(folder, log) == log.records
        assert not (folder / PART).exists()
        number += 1
        if not died:
            break
    assert number > 40


def test_any_flipped_bit_is_named(tmp_path: Path) -> None:
    log = filled(5)
    run(tmp_path, log)
    assert len(list(tmp_path.glob("examples-2-*"))) == 2
    for path in sorted(tmp_path.iterdir()):
        data = path.read_bytes()
        for at in range(0, len(data), 1 if path.name == INDEX else 7):
            path.write_bytes(data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :])
            with pytest.raises(LogDamaged, match=path.name):
                held(tmp_path, log)
        path.write_bytes(data)
    assert held(tmp_path, log) == log.records


def test_a_file_that_is_gone_is_named(tmp_path: Path) -> None:
    log = filled(5)
    made = run(tmp_path, log).files
    for file in made:
        moved = (tmp_path / file.file).rename(tmp_path / "elsewhere")
        with pytest.raises(ArchiveGone, match=rf"{file.file} is gone: offsets {file.first_offset} to"):
            held(tmp_path, log)
        moved.rename(tmp_path / file.file)


def test_what_was_lost_is_told_and_not_made_up(tmp_path: Path) -> None:
    log = filled(4)
    log.low = 3
    first = run(tmp_path, log)
    assert first.lost == (0, 2)
    with pytest.raises(ArchiveGone, match=r"t\.examples\[2\]: 0 to 2 are gone, and not in the archive"):
        list(Archive.open(tmp_path, "m").read(TOPIC, PARTITION, 0, 5))
    gone = log.end
    log.end += 2
    log.low = log.end
    log.add(b"late")
    assert run(tmp_path, log).lost == (gone, gone + 1)
    assert run(tmp_path, log) == archiving.Archived((), None, log.end)
    with pytest.raises(ArchiveGone, match=f"{gone} to {gone + 1} are gone"):
        list(Archive.open(tmp_path, "m").read(TOPIC, PARTITION, 3, log.end - 1))


@pytest.mark.parametrize("low", range(12))
def test_archive_and_log_are_read_as_one(tmp_path: Path, low: int) -> None:
    log = filled(8)
    run(tmp_path, log)
    log.low = low
    source = with_archive(log.read, Archive.open(tmp_path, "m"))
    for first in range(log.end):
        for last in range(first, log.end):
            wanted = [record for record in log.records if first <= record.offset <= last]
            assert list(source(TOPIC, PARTITION, first, last)) == wanted


def test_what_kafka_still_has_is_read_there(tmp_path: Path) -> None:
    log = filled(8)
    run(tmp_path, log)
    for path in tmp_path.glob("examples-*"):
        path.unlink()
    source = with_archive(log.read, Archive.open(tmp_path, "m"))
    assert list(source(TOPIC, PARTITION, 0, log.end - 1)) == log.records


def test_another_log_is_refused(tmp_path: Path) -> None:
    log = filled(6)
    run(tmp_path, log)
    shorter = filled(3)
    with pytest.raises(ConfigError, match="this one ends at"):
        run(tmp_path, shorter)
    other = filled(6)
    other.records[-1] = Record(other.records[-1].offset, b"other")
    other.add(b"more")
    with pytest.raises(ConfigError, match="is another one"):
        run(tmp_path, other)
    assert held(tmp_path, log) == log.records


def test_another_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="name a folder that trimtab dataset archive has written"):
        Archive.open(tmp_path, "m")
    log = filled(3)
    run(tmp_path, log)
    with pytest.raises(ConfigError, match="is an archive of m, not of n"):
        Archive.open(tmp_path, "n")
    with pytest.raises(ConfigError, match="the model's examples are now in"):
        archiving._opened(tmp_path, Catalogue("m", TOPIC, 7))
    with pytest.raises(ArchiveGone, match="is an archive of"):
        list(Archive.open(tmp_path, "m").read("other", 0, 0, 1))
    (tmp_path / INDEX).unlink()
    with pytest.raises(ConfigError, match=r"has no archive\.json and holds examples-2-0-"):
        opened(tmp_path)


def test_one_process_at_a_time(tmp_path: Path) -> None:
    with (
        archiving._locked(tmp_path),
        pytest.raises(ConfigError, match="another process is archiving"),
        archiving._locked(tmp_path),
    ):
        pass
