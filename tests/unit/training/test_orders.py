"""Orders about versions: carried out or refused, and what is learnt afterwards goes on where it should."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.training.test_trainer import CONFIGURED, config, log, run
from trimtab.config import RetentionSpec
from trimtab.events import Example
from trimtab.events.examples import Examples
from trimtab.registry import dump, load, state_digest
from trimtab.training import (
    Appointment,
    Batch,
    Decision,
    Deletion,
    Lineage,
    Note,
    PastChampion,
    Pin,
    Promotion,
    Registration,
    Rollback,
    Trainer,
)
from trimtab.training.betting import BETS, BettingTest
from trimtab.training.checkpoint import decode_state, encode_state
from trimtab.training.orders import MOST_VERSION, Order, delete, import_, pin, promote

BATCHES = log(1_200, 600)


def order(command: str, version: int, id: str = "o1") -> Order:
    return Order(id, command, version, "ann", "because")


def copy(model: Any) -> Any:
    return load(dump(model), max_bytes=1_000_000)


def trained(mode: str = "frozen", **changes: Any) -> tuple[Trainer, dict[int, Any]]:
    """A trainer with several versions, and each version's model as its snapshot has it."""
    spec = config(mode)
    trainer = Trainer("m", spec.model_copy(update=changes))
    models = {}
    for batch in BATCHES:
        for decision in trainer.on_batch(batch):
            if isinstance(decision, Promotion):
                models[decision.version] = copy(decision.model)
    assert len(models) > 1
    return trainer, models


def turning(count: int, every: int) -> list[Batch]:
    """A log whose concept turns round again and again."""
    rng, batches = random.Random(2), []
    for at in range(0, count, 10):
        some = []
        for i in range(at, at + 10):
            a = rng.gauss(0, 1)
            label = "1" if (a > 0) == (i // every % 2 == 0) else "0"
            some.append(Example(str(i), i, i, {"a": a, "b": rng.gauss(0, 1)}, label, None, None, 1, None, i))
        batches.append(Batch(at, f"{at:x}", Examples.of(some, CONFIGURED)))
    return batches


def refusal(decisions: list[Decision]) -> str:
    (note,) = decisions
    assert isinstance(note, Note)
    assert (note.action, note.actor) == ("refused", "ann")
    assert note.details["order"] == "o1"
    return str(note.details["reason"])


@pytest.mark.parametrize("held", [True, False], ids=["held", "only in the registry"])
@pytest.mark.parametrize("command", ["promote", "rollback"])
@pytest.mark.parametrize("mode", ["frozen", "online"])
def test_a_version_becomes_champion_and_what_learns_on_has_it_for_its_parent(
    mode: str, command: str, held: bool
) -> None:
    trainer, models = trained(mode)
    state = trainer.state
    before = state.champions[-1].version
    if not held:
        state.champions = [past for past in state.champions if past.version != 1]
    (done,) = promote(trainer, order(command, 1), copy(models[1]))
    assert isinstance(done, Appointment if command == "promote" else Rollback)
    assert (done.version, done.replaced, done.actor) == (1, before, "ann")
    assert done.details == {"order": "o1", "why": "because"}
    assert trainer.champion is not None
    assert trainer.champion.version == 1
    assert state_digest(trainer.champion.model) == state_digest(models[1])
    assert state.lineage is trainer.champion.lineage
    assert state.lineage.parent == 1
    assert (state.race, state.proposal) == (None, None)
    if not held:
        assert state.lineage.learnt.first == -1
        assert state_digest(state.lineage.model) == state_digest(models[1])
    # The one it replaced is watched on, unless it was given up.
    assert (before in [past.version for past in state.champions]) == (command == "promote")
    after = log(1_500, 1_500, seed=5)
    for number, batch in enumerate(after):
        after[number] = batch._replace(offset=batch.offset + 10_000)
    first = after[0].offset
    trainer.on_batch(after[0])
    if not held:
        assert state.lineage.learnt.first == first


def test_what_learns_on_is_not_the_model_that_serves() -> None:
    trainer, models = trained()
    trainer.state.champions = trainer.state.champions[-1:]
    promote(trainer, order("promote", 1), models[1])
    served = state_digest(trainer.champion.model)  # type: ignore[union-attr]
    batch = BATCHES[0]._replace(offset=10_000)
    trainer.on_batch(batch)
    assert state_digest(trainer.champion.model) == served  # type: ignore[union-attr]
    assert state_digest(trainer.state.lineage.model) != served


@pytest.mark.parametrize("mode", ["frozen", "online"])
def test_a_lineage_that_came_from_a_later_version_is_not_continued(mode: str) -> None:
    trainer, models = trained(mode, probation=config().probation.model_copy(update={"enabled": False}))
    for past in trainer.state.champions:
        promote(trainer, order("promote", past.version), copy(models[past.version]))
        assert trainer.state.lineage.parent == trainer.champion.version  # type: ignore[union-attr]


def test_the_first_champion_may_be_an_imported_one() -> None:
    trainer, models = Trainer("m", config()), trained()[1]
    import_(trainer, order("import", 41), {41: None}, "staged")
    (done,) = promote(trainer, order("promote", 41), models[1])
    assert isinstance(done, Appointment)
    assert done.replaced is None
    lines = run(trainer, BATCHES)
    assert not any("Promotion 1 " in line for line in lines)
    assert any("Promotion 42 " in line for line in lines)


def test_what_cannot_be_promoted_is_refused() -> None:
    trainer, models = trained()
    newest = trainer.champion.version  # type: ignore[union-attr]
    before = encode_state(trainer.state, dump)
    assert refusal(promote(trainer, order("promote", newest), models[newest])) == "it is the champion already"
    assert refusal(promote(trainer, order("rollback", 77), None)).startswith("m has no version 77; there are: 1-")
    assert encode_state(trainer.state, dump) == before


def test_probation_brings_back_the_better_one_after_an_order() -> None:
    trainer, models = trained()
    newest = trainer.champion.version  # type: ignore[union-attr]
    # The concept has turned: version 1 is wrong by now.
    promote(trainer, order("promote", 1), models[1])
    turned = [batch._replace(offset=batch.offset + 10_000) for batch in log(1_000, 0, seed=9)]
    decisions = [decision for batch in turned for decision in trainer.on_batch(batch)]
    back = next(one for one in decisions if isinstance(one, Rollback | Promotion))
    assert isinstance(back, Rollback)
    assert (back.trigger, back.replaced) == ("probation", 1)
    assert back.version in range(2, newest + 1)


def test_of_two_that_do_better_the_newer_is_brought_back() -> None:
    trainer, models = trained()
    state, newest = trainer.state, max(models)
    state.inventory.add(newest + 1, newest, served=True)
    versions = (1, newest, newest + 1)
    state.champions = [PastChampion(at, copy(models[1]), Lineage(copy(models[1]), at)) for at in versions]
    for past in state.champions[:-1]:
        past.watch = BettingTest(restart=True, count=1_000, capital=[1e9] * len(BETS))
    back = next(one for one in trainer.on_batch(log(10, 0)[0]._replace(offset=10_000)) if isinstance(one, Rollback))
    assert (back.version, back.replaced) == (newest, newest + 1)
    assert [past.version for past in state.champions] == [1, newest]


def test_pins() -> None:
    trainer, _ = trained()
    (done,) = pin(trainer, order("pin", 1))
    assert done == Pin(1, True, "ann", "because", {"order": "o1", "why": "because"})
    assert trainer.state.inventory.pinned == {1}
    assert refusal(pin(trainer, order("pin", 1))) == "it is pinned already"
    assert refusal(pin(trainer, order("pin", 99))).startswith("m has no version 99")
    (done,) = pin(trainer, order("unpin", 1))
    assert isinstance(done, Pin)
    assert not done.pinned
    assert trainer.state.inventory.pinned == set()
    assert refusal(pin(trainer, order("unpin", 1))) == "it is not pinned"


def test_deletion_takes_what_nobody_needs() -> None:
    trainer, _ = trained()
    state = trainer.state
    serving = state.champions[-1].version
    assert refusal(delete(trainer, order("delete", serving))) == "it is the champion"
    assert refusal(delete(trainer, order("delete", 1))) == "it may be restored while its successor is watched"
    state.champions = state.champions[-1:]
    pin(trainer, order("pin", 1))
    assert refusal(delete(trainer, order("delete", 1))) == "it is pinned; first: trimtab registry unpin m@1"
    pin(trainer, order("unpin", 1))
    (done,) = delete(trainer, order("delete", 1))
    assert done == Deletion((1,), "command", "ann", {"order": "o1", "why": "because"})
    assert 1 not in state.inventory
    assert refusal(delete(trainer, order("delete", 1))).startswith("m has no version 1")
    # Its number is never given again.
    (done,) = import_(trainer, order("import", 1), {1: None}, "staged")
    assert isinstance(done, Registration)
    assert "has had version 1 already" in done.refused


def test_what_is_learnt_now_keeps_its_parent() -> None:
    trainer, _ = trained()
    parent = trainer.state.lineage.parent
    assert parent is not None
    trainer.state.champions = [past for past in trainer.state.champions if past.version != parent] or []
    trainer.state.inventory.add(parent, None, served=True)
    assert refusal(delete(trainer, order("delete", parent))) == "what is learnt now continues it"


def test_imported_versions_come_all_or_none_and_what_is_trained_gets_other_numbers() -> None:
    trainer, _ = trained()
    held = trainer.state.inventory
    free = trainer.state.next_version
    (done,) = import_(trainer, order("import", free + 6), {free + 5: None, free + 6: free + 5}, "staged")
    assert done == Registration(free + 6, "ann", "staged", {"order": "o1", "why": "because"})
    assert {free + 5, free + 6} <= held.parents.keys()
    assert held.parents[free + 6] == free + 5
    assert not {free + 5, free + 6} & held.served
    assert trainer.state.next_version == free + 7
    before = encode_state(trainer.state, dump)
    wrong: list[tuple[dict[int, int | None], int, str]] = [
        ({free + 6: None}, free + 6, f"m has had version {free + 6} already; import with --version {free + 7}"),
        ({1: None, 90: 1}, 90, f"import with --version {free + 7 + 89}"),
        ({}, 50, "it is not what was staged"),
        ({50: None}, 51, "it is not what was staged"),
        ({0: None, 50: None}, 50, "it is not what was staged"),
        ({MOST_VERSION + 1: None}, MOST_VERSION + 1, "it is not what was staged"),
        ({50: 49}, 50, "a parent is not among the versions"),
        ({50: 50}, 50, "a parent is not among the versions"),
        ({49: 50, 50: None}, 50, "a parent is not among the versions"),
    ]
    for parents, head, said in wrong:
        (no,) = import_(trainer, order("import", head), parents, "staged")
        assert isinstance(no, Registration)
        assert said in no.refused, parents
    (no,) = import_(trainer, order("import", 60), {60: None}, "staged", "its signature does not fit")
    assert isinstance(no, Registration)
    assert no.refused == "its signature does not fit"
    assert encode_state(trainer.state, dump) == before


def test_retention_goes_with_the_change_of_champion() -> None:
    retention = RetentionSpec(keep_last=1, keep_champions=False)
    trainer = Trainer("m", config().model_copy(update={"retention": retention}))
    seen: set[int] = set()
    for batch in turning(6_000, every=700):
        decisions = trainer.on_batch(batch)
        deleted = [one for one in decisions if isinstance(one, Deletion)]
        if deleted:
            (one,) = deleted
            assert decisions[-1] is one
            assert (one.trigger, one.actor) == ("retention", "trainer")
            assert one.details["count"] == len(one.versions)
            assert any(isinstance(other, Promotion | Rollback) for other in decisions)
            assert not set(one.versions) & trainer.needed.keys()
            assert not seen & set(one.versions)
            seen |= set(one.versions)
    assert len(seen) > 1
    assert trainer.needed.keys() <= trainer.state.inventory.parents.keys()
    assert seen | trainer.state.inventory.parents.keys() == trainer.state.inventory.used


def test_by_default_nothing_that_served_goes() -> None:
    spec = config().model_copy(update={"retention": RetentionSpec(keep_last=1)})
    trainer = Trainer("m", spec)
    lines = run(trainer, turning(3_000, every=700))
    assert any("Promotion 3" in line for line in lines)
    assert not any("Deletion" in line for line in lines)
    assert trainer.state.inventory.parents.keys() == trainer.state.inventory.used


@pytest.mark.parametrize("mode", ["frozen", "online"])
def test_the_same_after_a_restart_between_any_two_orders(mode: str) -> None:
    """A checkpoint after each step, and none: the same decisions, bit for bit."""
    models = trained(mode)[1]
    steps = [("promote", 1), ("pin", 2), ("delete", 2), ("rollback", 2), ("promote", 1), ("unpin", 2), ("import", 70)]
    results = []
    for restarts in (False, True):
        trainer = Trainer("m", config(mode))
        lines = run(trainer, BATCHES)
        after = [batch._replace(offset=batch.offset + 10_000) for batch in log(1_400, 500, seed=4)]
        for number, (command, version) in enumerate(steps):
            lines += [str(one) for one in _carry_out(trainer, order(command, version), models)]
            if restarts:
                again = decode_state(encode_state(trainer.state, dump), lambda part: load(part, max_bytes=10_000_000))
                held = list(trainer.recent.last(1_000_000))
                trainer = Trainer("m", config(mode), again)
                for batch in held:
                    trainer.recent.add(batch)
            lines += run(trainer, after[number * 10 : number * 10 + 10])
        lines += run(trainer, after[len(steps) * 10 :])
        results.append((lines, state_digest(trainer.state.lineage.model), trainer.state.inventory))
    assert results[0] == results[1]


def _carry_out(trainer: Trainer, one: Order, models: dict[int, Any]) -> list[Decision]:
    if one.command in ("promote", "rollback"):
        return promote(trainer, one, copy(models[one.version]))
    if one.command == "import":
        return import_(trainer, one, {one.version: None}, "staged")
    return delete(trainer, one) if one.command == "delete" else pin(trainer, one)


COMMANDS = st.sampled_from(["promote", "rollback", "pin", "unpin", "delete", "import"])


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(COMMANDS, st.integers(1, 9)), max_size=12), st.integers(1, 3))
def test_whatever_is_ordered_the_champion_stays_and_numbers_are_new(
    orders: list[tuple[str, int]], keep_last: int
) -> None:
    retention = RetentionSpec(keep_last=keep_last, keep_champions=False)
    trainer = Trainer("m", config().model_copy(update={"retention": retention}))
    run(trainer, BATCHES[:60])
    model = copy(trainer.champion.model)  # type: ignore[union-attr]
    given_out = set(trainer.state.inventory.used)
    for command, version in orders:
        held = trainer.state.inventory
        pinned = set(held.pinned)
        decisions = _carry_out(trainer, order(command, version), dict.fromkeys(range(1, 10), model))
        assert decisions
        assert set(trainer.needed) <= held.parents.keys()
        assert held.pinned <= held.parents.keys()
        for decision in decisions:
            if isinstance(decision, Deletion):
                assert not pinned & set(decision.versions)
            if isinstance(decision, Registration) and not decision.refused:
                assert decision.version not in given_out
        given_out |= held.used
        assert held.used == given_out
        assert trainer.state.next_version > max(held.used)
