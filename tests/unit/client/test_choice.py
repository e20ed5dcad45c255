from __future__ import annotations

import pytest

from trimtab.client.choice import targets

MANIFEST = {"examples": {"last_offset": 20}, "snapshot": {"sha256": "aa"}}


def online(version: int, offset: int) -> dict[str, object]:
    return {"version": version, "learnt_offset": offset, "snapshot": {"sha256": "bb"}}


@pytest.mark.parametrize(
    ("version", "state", "serving", "expected"),
    [
        (1, None, None, [None]),
        (1, None, (1, None), []),
        (2, None, (1, None), [None]),
        (2, None, (1, 99), [None]),
        (1, None, (2, None), [None]),  # a rollback
        (1, online(1, 30), None, [30, None]),
        (1, online(1, 20), (1, None), [20]),
        (1, online(1, 19), (1, None), []),  # behind the manifest
        (1, online(1, 30), (1, 30), []),
        (1, online(1, 30), (1, 31), []),  # never back within a version
        (1, online(2, 30), (1, None), []),
        (2, online(1, 30), (1, 30), [None]),
    ],
)
def test_what_is_tried(
    version: int, state: dict[str, object] | None, serving: tuple[int, int | None] | None, expected: list[int | None]
) -> None:
    assert [t.learnt_offset for t in targets(version, MANIFEST, state, serving)] == expected


def test_a_missing_manifest_is_still_a_target_to_be_refused() -> None:
    (target,) = targets(3, None, None, None)
    assert (target.version, target.record) == (3, None)


def test_a_state_published_again_with_other_bytes_is_another_target() -> None:
    (first,) = targets(3, MANIFEST, None, None)
    (second,) = targets(3, MANIFEST | {"snapshot": {"sha256": "cc"}}, None, None)
    assert first.name != second.name
