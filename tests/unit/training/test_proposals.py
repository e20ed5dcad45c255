"""A winner waits for approval or is tried on a share of keys before it becomes champion."""

from __future__ import annotations

import pytest

from tests.unit.training.worlds import batches, configured, restarted, run, turning
from trimtab.registry import state_digest
from trimtab.training import Appointment, Canary, Decision, Note, Promotion, Rollback, Trainer

EVERY = "    triggers: {every_examples: 500}\n"
STEPS = EVERY + "    canary: {steps: [0.01, 0.1, 0.5], examples: 100}\n"


def story(decisions: list[Decision]) -> list[str]:
    """What services see, in order."""
    found = []
    for one in decisions:
        if isinstance(one, Promotion):
            found.append(f"version {one.version}{' champion' if one.serves else ''}")
        elif isinstance(one, Canary):
            found.append(f"{one.action} {one.version}: {one.share}")
        elif isinstance(one, Appointment | Rollback):
            found.append(f"{type(one).__name__} {one.version}")
    return found


@pytest.mark.parametrize("mode", ["frozen", "online"])
def test_a_canary_grows_step_by_step_and_becomes_champion(mode: str) -> None:
    trainer = Trainer("m", configured(STEPS, candidates="[reset]", mode=mode))
    log = turning(1_700, 520) if mode == "frozen" else turning(1_700, 620)
    found = story(run(trainer, log))[:7]
    assert found == [
        "version 1 champion",
        "version 2",
        "canary_step 2: 0.01",
        "canary_step 2: 0.1",
        "canary_step 2: 0.5",
        "Appointment 2",
        " 2: None",
    ]


@pytest.mark.parametrize("mode", ["frozen", "online"])
def test_a_canary_that_turns_out_worse_is_withdrawn(mode: str) -> None:
    """The concept turns round once more as soon as the canary serves."""
    config = configured(STEPS, candidates="[reset]", mode=mode)
    plain = Trainer("m", config)
    log = turning(1_700, 520)
    begun = next(b.offset for b in log for one in plain.on_batch(b) if isinstance(one, Canary))
    seen = sum(len(b.examples) for b in log if b.offset <= begun)
    back = batches(3_000, lambda i, a, b, region: (a > 0) == (i < 520 or i >= seen))
    trainer = Trainer("m", config)
    decisions = run(trainer, [b for b in back if b.offset <= begun + 40])
    if mode == "frozen":
        assert story(decisions)[-2:] == ["canary_step 2: 0.01", "canary_withdrawn 2: None"]
        assert trainer.champion is not None
        assert trainer.champion.version == 1
        assert trainer.state.proposal is None
        gone = [one for one in decisions if isinstance(one, Canary) and one.action == "canary_withdrawn"]
        assert float(gone[0].details["wealth"] or 0) >= 100
    else:
        # A canary that learns turns round with the stream, as the champion does.
        assert trainer.champion is not None


def test_nobody_approves_and_it_expires() -> None:
    gates = EVERY + "    gates: {promotion: approve, approval_expires: 100ms}"
    trainer = Trainer("m", configured(gates, candidates="[reset]"))
    decisions = run(trainer, turning(1_000, 520))
    assert story(decisions)[:4] == [
        "version 1 champion",
        "version 2",
        "waiting_for_approval 2: 0.0",
        "approval_expired 2: None",
    ]
    (told,) = [one for one in trainer.on_approve("ann") if isinstance(one, Note)]
    assert told.details["reason"] == "no winner waits for approval"


def test_approval_then_canary_then_champion_and_the_lineage_goes_on() -> None:
    gates = STEPS + "    gates: {promotion: approve}"
    trainer = Trainer("m", configured(gates, candidates="[reset]"))
    log = turning(2_000, 520)
    decisions: list[Decision] = []
    for batch in log:
        decisions += trainer.on_batch(batch)
        if trainer.state.proposal is not None:
            break
    lineage = trainer.state.proposal.candidate.lineage  # type: ignore[union-attr]
    decisions += trainer.on_approve("ann", 2, {"order": "o1"})
    assert story(decisions)[-1] == "canary_step 2: 0.01"
    decisions += run(trainer, log)
    appointed = next(one for one in decisions if isinstance(one, Appointment))
    assert (appointed.version, appointed.trigger) == (2, "examples")
    assert trainer.state.lineage is lineage
    assert lineage.parent == 2
    assert 2 in trainer.state.inventory.served


@pytest.mark.parametrize("more", [STEPS, STEPS + "    gates: {promotion: approve}"])
@pytest.mark.parametrize("mode", ["frozen", "online"])
def test_a_restart_at_any_record_changes_nothing(more: str, mode: str) -> None:
    config, log = configured(more, candidates="[reset]", mode=mode), turning(1_500, 520)

    def played(restart: int | None) -> tuple[list[str], str]:
        trainer, lines = Trainer("m", config), []
        for number, batch in enumerate(log):
            lines += story(trainer.on_batch(batch))
            if trainer.state.proposal is not None and trainer.state.proposal.waits:
                lines += story(trainer.on_approve("ann"))
            if number == restart:
                trainer = restarted(trainer)
        return lines, state_digest(trainer.state.lineage.model)

    expected = played(None)
    assert any("Appointment" in line for line in expected[0])
    for restart in range(50, len(log), 11):
        assert played(restart) == expected, restart


def test_a_rollback_while_a_canary_is_tried_withdraws_it() -> None:
    trainer = Trainer("m", configured(STEPS, candidates="[reset]"))
    for batch in turning(1_700, 520):
        trainer.on_batch(batch)
        if trainer.state.proposal is not None:
            break
    given_up = trainer.appoint(1, trainer.champion.model, "ann", {}, back=True)  # type: ignore[union-attr]
    assert story(given_up) == ["Rollback 1", "proposal_withdrawn 2: None"]
    assert trainer.state.proposal is None


def test_a_shadow_learns_and_is_scored_and_never_serves() -> None:
    shadow = '    shadows: [{name: tree, factory: {class: "river.tree:HoeffdingTreeClassifier"}}]'
    config = configured(shadow)
    trainer, log = Trainer("m", config), turning(900, 9_999)
    run(trainer, log[:40])
    trainer = restarted(trainer)
    run(trainer, log[40:])
    seen = trainer.state.shadows["tree"]
    served_from = next(b.offset for b in log if sum(len(x.examples) for x in log if x.offset <= b.offset) >= 200)
    assert seen.count == sum(len(b.examples) for b in log if b.offset > served_from)
    assert 0 < seen.loss < seen.count / 2
    assert seen.lineage.learnt.count == 900
    assert trainer.champion is not None
    assert type(trainer.champion.model).__name__ == "Pipeline"
    gone = Trainer("m", configured(), trainer.state)
    assert gone.state.shadows == {}
