"""Of each key the index goes on with the newest record that can be believed, whenever it is asked."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.registry.signatures import TRUST, signed
from trimtab.errors import RegistryError
from trimtab.registry.records import champion_key, manifest_sha256, online_key, version_key
from trimtab.registry.signing import TRUSTING, SignatureRefused, Trust
from trimtab.registry.trusted import MOST_WAITING, TrustedRecords, refuse_another_version

ALIAS, ONLINE = champion_key("m"), online_key("m")


def alias(changed_ms: int, forged: bool = False) -> dict[str, Any]:
    made = signed(ALIAS, {"model": "m", "version": changed_ms, "changed_ms": changed_ms})
    return made | ({"version": 666} if forged else {})


def online(offset: int, forged: bool = False) -> dict[str, Any]:
    made = signed(ONLINE, {"model": "m", "learnt_offset": offset})
    return made | ({"learnt_offset": offset + 1} if forged else {})


# What comes (key, number, forged; None removes), and whether somebody asks then.
steps = st.lists(
    st.tuples(st.sampled_from([ALIAS, ONLINE]), st.integers(0, 9), st.sampled_from([True, False, None]), st.booleans()),
    max_size=MOST_WAITING,
)


@given(steps=steps)
def test_whenever_it_is_asked_the_answer_is_that_of_one_who_always_looks(steps: list[Any]) -> None:
    records = TrustedRecords(TRUST)
    good: dict[str, Any] = {}
    newest_is_good: dict[str, bool] = {}
    highest_ms = 0
    for key, number, forged, asked in steps:
        record = None if forged is None else (alias if key == ALIAS else online)(number, forged)
        records.put(key, record)
        if record is None:
            good.pop(key, None)
            newest_is_good.pop(key, None)
        else:
            believed = not forged and (key == ONLINE or number >= highest_ms)
            newest_is_good[key] = believed
            if believed:
                good[key] = record
                highest_ms = max(highest_ms, number) if key == ALIAS else highest_ms
        if asked:
            assert records.get(key) == good.get(key)
    for key in (ALIAS, ONLINE):
        assert (records.refusal(key) is None) == newest_is_good.get(key, True)
        assert records.get(key) == good.get(key)
    assert dict(records.items("m/")) == good


def test_a_forged_record_does_not_take_the_place_of_one_that_nobody_has_looked_at() -> None:
    records = TrustedRecords(TRUST)
    records.put(ONLINE, online(7))
    for offset in range(MOST_WAITING - 1):
        records.put(ONLINE, online(offset, forged=True))
    assert records.get(ONLINE) == online(7)
    assert isinstance(records.refusal(ONLINE), SignatureRefused)
    records.put(ONLINE, online(8))
    assert records.refusal(ONLINE) is None
    assert records.get(ONLINE) == online(8)


def test_an_old_promotion_cannot_be_played_again() -> None:
    records = TrustedRecords(TRUST)
    for ms in (5, 9, 5):
        records.put(ALIAS, alias(ms))
    assert records.get(ALIAS) == alias(9)
    with pytest.raises(SignatureRefused, match="it is played again"):
        raise records.refusal(ALIAS) or AssertionError
    # Nor after the alias was removed.
    records.put(ALIAS, None)
    assert records.get(ALIAS) is None
    records.put(ALIAS, alias(5))
    assert records.get(ALIAS) is None
    records.put(ALIAS, signed(ALIAS, {"version": 1}))
    assert records.get(ALIAS) is None
    records.put(ALIAS, alias(9))
    assert records.get(ALIAS) == alias(9)


def test_without_trust_everything_is_taken_as_it_comes() -> None:
    for trust in (TRUSTING, Trust(TRUST.keys)):
        records = TrustedRecords(trust)
        for ms in (5, 4):
            records.put(ALIAS, {"changed_ms": ms})
            assert records.get(ALIAS) == {"changed_ms": ms}
            assert records.refusal(ALIAS) is None


def test_a_version_is_believed_under_its_own_key_only() -> None:
    records = TrustedRecords(TRUST)
    made = signed(version_key("m", 1), {"version": 1})
    records.put(version_key("m", 1), made)
    records.put(version_key("m", 2), made)
    assert dict(records.items("m/versions/")) == {version_key("m", 1): made}
    assert dict(records.items("other/")) == {}


def test_an_alias_is_of_one_manifest() -> None:
    manifest = signed(version_key("m", 1), {"version": 1, "state_digest": "ab"})
    named = {"version": 1, "manifest_sha256": manifest_sha256(manifest)}
    for required in (True, False):
        refuse_another_version(ALIAS, named, manifest, required=required)
        with pytest.raises(RegistryError, match="m/aliases/champion: it was written for version 1 with manifest "):
            refuse_another_version(ALIAS, named, manifest | {"state_digest": "cd"}, required=required)
    refuse_another_version(ALIAS, {"version": 1}, manifest, required=False)
    with pytest.raises(RegistryError, match="manifest unnamed"):
        refuse_another_version(ALIAS, {"version": 1}, manifest, required=True)
