"""A file of versions: the same bytes each time, and refused whenever it is not whole or more than it should be."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.registry.carried import MODEL, Registry, member, rewritten
from trimtab.errors import RegistryError
from trimtab.registry.fetch import SnapshotGone
from trimtab.registry.portable import FileRefused, open_export
from trimtab.registry.records import version_key

MOST = 1_000_000
HEAD = "trimtab-export.json"
SNAPSHOT = "versions/3/snapshot"
MANIFEST = "versions/3/manifest.json"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "credit.zip"
    Registry().export(path)
    return path


def read(path: Path, max_bytes: int = MOST) -> None:
    with open_export(path, max_bytes) as opened:
        for version in opened.versions:
            opened.manifest(version)
            opened.reference(version)
            opened.snapshot(version)


def refusal(path: Path, max_bytes: int = MOST) -> str:
    with pytest.raises(FileRefused) as no:
        read(path, max_bytes)
    assert str(no.value).startswith(f"{path.name}: ")
    assert "\n" not in str(no.value)
    return str(no.value)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    registry, path = Registry(), tmp_path / "all.zip"
    versions, sha256 = registry.export(path, chain=True)
    assert versions == [1, 2, 3]
    with open_export(path, MOST) as opened:
        assert (opened.model, opened.version, opened.versions, opened.sha256) == (MODEL, 3, [1, 2, 3], sha256)
        for version in versions:
            manifest = registry.records[version_key(MODEL, version)]
            assert opened.manifest(version) == manifest
            assert opened.reference(version) == registry.records[f"{MODEL}/references/{version}"]
            assert opened.snapshot(version) == registry.data[manifest["snapshot"]["sha256"]]
    assert [p.name for p in tmp_path.iterdir()] == ["all.zip"]


def test_the_same_versions_are_the_same_bytes(tmp_path: Path) -> None:
    one, other = tmp_path / "one.zip", tmp_path / "other.zip"
    assert Registry().export(one, chain=True) == Registry().export(other, chain=True)
    assert one.read_bytes() == other.read_bytes()
    with zipfile.ZipFile(one) as archive:
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}


def test_a_version_without_a_reference_is_exported_too(tmp_path: Path) -> None:
    registry, path = Registry(), tmp_path / "credit.zip"
    del registry.records[f"{MODEL}/references/3"]
    registry.export(path)
    with open_export(path, MOST) as opened:
        assert opened.reference(3) is None


def test_an_export_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    registry, path = Registry(), tmp_path / "credit.zip"
    registry.export(path)
    before = path.read_bytes()
    good = registry.pieces

    def gone(ref: Any) -> Any:
        yield next(iter(good(ref)))
        raise SnapshotGone("it is gone")

    registry.pieces = gone  # type: ignore[method-assign]
    with pytest.raises(SnapshotGone):
        registry.export(path)
    registry.pieces = lambda ref: iter([b"x" * ref.size_bytes])  # type: ignore[method-assign]
    with pytest.raises(RegistryError, match="its bytes are not those that the manifest names"):
        registry.export(path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["credit.zip"]


def test_a_chain_with_a_gap_is_not_exported_as_one(tmp_path: Path) -> None:
    registry = Registry()
    del registry.records[version_key(MODEL, 1)]
    with pytest.raises(RegistryError, match=r"credit@1, which credit@3 comes from, is not in the registry"):
        registry.export(tmp_path / "a.zip", chain=True)
    assert registry.export(tmp_path / "a.zip")[0] == [3]


@pytest.mark.parametrize("keep", [0, 10, 21, 22, 400, -1, -21, -22, -23, -60])
def test_a_file_that_is_cut_off_is_refused(file: Path, keep: int) -> None:
    file.write_bytes(file.read_bytes()[:keep])
    assert "it is cut off, or no file of trimtab registry export" in refusal(file)


def test_bytes_before_or_behind_are_refused(file: Path) -> None:
    data = file.read_bytes()
    for changed in (data + b"x", b"x" + data):
        file.write_bytes(changed)
        assert "cut off" in refusal(file)


def test_bombs_are_refused_before_they_are_inflated(file: Path) -> None:
    bomb = rewritten(file, {SNAPSHOT: bytes(50_000_000)}, compression=zipfile.ZIP_DEFLATED)
    assert bomb.stat().st_size < 100_000
    assert "is compressed or encrypted" in refusal(bomb)


def test_members_that_share_their_bytes_are_refused(file: Path) -> None:
    """Each entry of the directory points at the same bytes: what is read is many times the file."""
    data = bytearray(rewritten(file, {}, more=[("versions/4/snapshot", b"x" * 5_000)]).read_bytes())
    end = data.rfind(b"PK\x05\x06")
    directory = struct.unpack_from("<L", data, end + 16)[0]
    entries = bytes(data[directory:end])
    last = entries[entries.rfind(b"PK\x01\x02") :]
    more = b"".join(last.replace(b"versions/4/", f"versions/{n}/".encode()) for n in range(5, 10))
    count = struct.unpack_from("<H", data, end + 10)[0] + 5
    tail = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, count, count, len(entries) + len(more), directory, 0)
    file.write_bytes(bytes(data[:end]) + more + tail)
    assert "its members are more than its bytes" in refusal(file)


def test_a_directory_as_large_as_the_memory_is_not_read(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with zipfile.ZipFile(file, "w") as archive:
        for number in range(3_100):
            archive.writestr(f"versions/{number}/snapshot", b"")
    monkeypatch.setattr(zipfile.ZipFile, "_RealGetContents", lambda _: pytest.fail("the directory was read"))
    assert "it has 3100 members, an export at most 3001" in refusal(file)


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "/etc/passwd", "versions/3/../../x", "versions\\3\\x", "versions/4/snapshot", "x"]
)
def test_other_members_are_refused_whatever_they_are_called(file: Path, name: str) -> None:
    forged = rewritten(file, {}, more=[(name, b"x")])
    assert "is none of an export" in refusal(forged)
    assert sorted(p.name for p in file.parent.iterdir()) == ["credit.zip", "forged.zip"]


@pytest.mark.parametrize("name", [HEAD, MANIFEST, SNAPSHOT])
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_that_is_there_twice_is_refused(file: Path, name: str) -> None:
    assert "is there twice" in refusal(rewritten(file, {}, more=[(name, member(file, name))]))


@pytest.mark.parametrize("name", [MANIFEST, SNAPSHOT, "versions/3/reference.json"])
def test_a_member_that_is_missing_is_refused(file: Path, name: str) -> None:
    said = refusal(rewritten(file, {name: None}))
    assert "is missing" in said or "lists other members" in said


@pytest.mark.parametrize("name", [MANIFEST, SNAPSHOT, "versions/3/reference.json"])
def test_a_member_that_was_changed_is_refused(file: Path, name: str) -> None:
    data = bytearray(member(file, name))
    data[len(data) // 2] ^= 1
    assert "does not have the SHA-256" in refusal(rewritten(file, {name: bytes(data)}, sealed=False))
    assert "and trimtab-export.json says otherwise" in refusal(rewritten(file, {name: bytes(data[:-1])}, sealed=False))


def test_sizes_have_caps(file: Path) -> None:
    size_bytes = len(member(file, SNAPSHOT))
    read(file, size_bytes)
    assert f"has {size_bytes} bytes, more than the cap of {size_bytes - 1}" in refusal(file, size_bytes - 1)
    large = rewritten(file, {MANIFEST: orjson.dumps({"a": "x" * 5_000_000})})
    assert "more than the cap of 4000000" in refusal(large)
    assert "too large" in refusal(rewritten(file, {HEAD: b" " * 5_000_000}))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"format": 2}, "format 2, this Trimtab reads 1"),
        ({"format": None}, "format None"),
        ({"model": 7}, "its fields are damaged"),
        ({"versions": []}, "its fields are damaged"),
        ({"versions": [3, 3]}, "its fields are damaged"),
        ({"versions": [True]}, "its fields are damaged"),
        ({"versions": ["../x"]}, "its fields are damaged"),
        ({"versions": [-3]}, "its fields are damaged"),
        ({"versions": [2, 3]}, "is missing"),
        ({"versions": list(range(1, 2_000))}, "its fields are damaged"),
        ({"version": 4}, "its fields are damaged"),
        ({"members": None}, "its fields are damaged"),
        ({"members": {}}, "lists other members"),
        ({"members": dict.fromkeys([MANIFEST, SNAPSHOT, "versions/3/reference.json"])}, "says otherwise"),
    ],
)
def test_a_head_that_says_something_else_is_refused(file: Path, changes: dict[str, Any], said: str) -> None:
    head = orjson.loads(member(file, HEAD)) | changes
    assert said in refusal(rewritten(file, {HEAD: orjson.dumps(head)}))


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"7", b"[" * 100_000, b"\xff\xfe", b'{"format": NaN}'])
def test_a_head_or_manifest_that_is_no_json_is_refused(file: Path, data: bytes) -> None:
    assert "JSON" in refusal(rewritten(file, {HEAD: data}))
    assert "JSON" in refusal(rewritten(file, {MANIFEST: data}))


def test_an_encrypted_member_is_refused(file: Path) -> None:
    data = bytearray(file.read_bytes())
    first = data.find(b"PK\x01\x02")
    data[first + 8] |= 1
    file.write_bytes(bytes(data))
    assert "is compressed or encrypted" in refusal(file)


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(0, 100_000), mask=st.integers(1, 255))
def test_any_byte_that_is_changed_is_found_or_changes_nothing_that_is_read(file: Path, at: int, mask: int) -> None:
    whole = file.read_bytes()
    data = bytearray(whole)
    data[at % len(data)] ^= mask
    changed = file.with_name("changed.zip")
    changed.write_bytes(bytes(data))
    try:
        read(changed)
    except FileRefused:
        return
    for name in (HEAD, MANIFEST, SNAPSHOT):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            assert archive.read(name) == member(file, name)
