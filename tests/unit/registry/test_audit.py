"""The chain of the audit log: whatever is changed, removed, doubled, moved or put in is found, and named."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.registry.audit import Chain, Entry, Fault, Head, check, heads_of
from trimtab.registry.keys import Key
from trimtab.registry.signing import Signer, Trust

KEY = Key("main", "hmac", bytes(range(32)))


def log(count: int = 6, signer: Signer | None = None) -> list[dict[str, Any]]:
    """Two models and two writers in turns."""
    chains = [Chain("m", "trainer"), Chain("n", "trainer"), Chain("m", "cli")]
    return [
        chains[i % 3].sealed(
            {"model": chains[i % 3].model, "action": "promoted", "version": i, "details": {"wealth": 1.5 * i}},
            signer or Signer(),
        )
        for i in range(count)
    ]


def faults(records: list[dict[str, Any]], **more: Any) -> list[Fault]:
    return list(check([Entry(0, offset, record) for offset, record in enumerate(records)], **more))


def test_an_untouched_log_is_intact_and_its_heads_are_known() -> None:
    records = log(9)
    assert faults(records) == []
    heads = heads_of(Entry(0, at, record) for at, record in enumerate(records))
    assert {key: head.sequence for key, head in heads.items()} == {
        ("m", "trainer"): 3,
        ("n", "trainer"): 3,
        ("m", "cli"): 3,
    }
    assert faults(records, heads=heads) == []


@given(st.data())
def test_any_changed_field_is_found_and_named(data: st.DataObject) -> None:
    records = log()
    at = data.draw(st.integers(0, len(records) - 1))
    field = data.draw(st.sampled_from(sorted(records[at])))
    changed = copy.deepcopy(records[at])
    changed[field] = {"other": 1} if isinstance(changed[field], dict) else "other" if field != "sequence" else 77
    records[at] = changed
    found = faults(records)
    assert found
    assert at in {one.offset for one in found}


@given(st.integers(0, 8))
def test_a_removed_entry_is_found(at: int) -> None:
    records = log(9)
    heads = heads_of(Entry(0, offset, record) for offset, record in enumerate(records))
    gone = records.pop(at)
    (found,) = faults(records, heads=heads)
    assert "missing" in found.what
    assert (found.model, found.writer) == (gone["model"], gone["writer"])


@given(st.integers(0, 8), st.integers(0, 9))
def test_an_entry_put_in_again_is_found(at: int, to: int) -> None:
    records = log(9)
    records.insert(to, records[at])
    assert faults(records)


def test_an_entry_that_is_rewritten_with_its_hash_breaks_the_next() -> None:
    records = log(9)
    chain = Chain("m", "trainer", Head(1, records[0]["sha256"]))
    records[3] = chain.sealed({**records[3], "version": 99})
    assert [one.what for one in faults(records)] == [
        "entry 3 does not go on from the one before it: one of them was exchanged"
    ]


def test_the_last_entry_rewritten_differs_from_the_checkpoint() -> None:
    records = log(9)
    heads = heads_of(Entry(0, offset, record) for offset, record in enumerate(records))
    records[6] = Chain("m", "trainer", Head(2, records[3]["sha256"])).sealed({**records[6], "version": 99})
    assert [one.what for one in faults(records, heads=heads)] == [
        "the last entry is not the one in its writer's checkpoint"
    ]


def test_a_whole_chain_made_anew_is_found_by_its_signatures() -> None:
    signed, forged = log(6, Signer(KEY)), log(6)
    trust = Trust({"main": KEY}, required=True)
    assert faults(signed, trust=trust) == []
    assert len(faults(forged, trust=trust)) == 6


@pytest.mark.parametrize("nan", [float("nan"), float("inf")])
def test_what_json_cannot_hold_has_the_hash_of_what_it_becomes(nan: float) -> None:
    import orjson

    entry = Chain("m", "trainer").sealed({"model": "m", "details": {"value": nan}})
    assert faults([orjson.loads(orjson.dumps(entry))]) == []


def test_entries_of_earlier_releases_may_only_be_first() -> None:
    old = {"model": "m", "action": "promoted"}
    assert faults([old, old, *log()]) == []
    assert [one.offset for one in faults([*log(), old])] == [6]
    assert [one.what for one in check([Entry(0, 3, None)])] == ["it is no JSON object; somebody else wrote it"]
