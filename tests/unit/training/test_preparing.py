"""Candidates from far back learn exactly what they say, whoever was killed; their race begins at one record."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.training.worlds import configured, restarted, turning
from trimtab.config import ModelConfig
from trimtab.registry import dump, load, state_digest
from trimtab.training import Batch, Decision, Note, Preparing, Promotion, Replaying, Trainer, Trigger
from trimtab.training.anchors import Anchors
from trimtab.training.factory import build, factory_of
from trimtab.training.replay import replay

TREE = '{class: "river.tree:HoeffdingTreeClassifier", args: {grace_period: 50}}'
FAR = (
    f"[reset, {{name: whole, from: beginning}}, {{name: back, from: 2500}}, "
    f"{{name: fading, from: 2300, half_life: 300, factory: {TREE}}}]"
)
LOG = turning(4_500, 2_900, produced_ms=10)


def far(**more: str) -> ModelConfig:
    return configured("    triggers: {every_examples: 2600}\n", candidates=FAR, **more)


def learnt(config: ModelConfig, preparing: Preparing, log: list[Batch], stops: tuple[int, ...] = ()) -> Replaying:
    """The replay, started anew from what was written after so many records."""
    replaying = Replaying(config, preparing)
    for number, batch in enumerate(log):
        if number in stops:
            data = replaying.dumped(dump)
            replaying = Replaying(config, preparing)
            assert replaying.restored(data, lambda part: load(part, max_bytes=10_000_000))
        # Whoever goes on reads some records again.
        for one in log[max(0, number - 3) : number + 1] if number in stops else [batch]:
            replaying.step(one)
    return replaying


def run(trainer: Trainer, log: list[Batch], restarts: tuple[int, ...] = ()) -> list[Decision]:
    decisions: list[Decision] = []
    for number, batch in enumerate(log):
        if number in restarts:
            trainer = restarted(trainer)
        if trainer.awaited is not None:
            done = learnt(trainer.config, trainer.awaited, log)
            assert done.done
            decisions += trainer.on_replayed(done.lineages)
        decisions += trainer.on_batch(batch)
    return decisions


def told(decisions: list[Decision]) -> list[str]:
    return [
        f"{type(d).__name__} {getattr(d, 'action', '')} {getattr(d, 'version', '')} {dict(getattr(d, 'details', {}))} "
        f"{state_digest(d.model) if isinstance(d, Promotion) else ''}"
        for d in decisions
    ]


@pytest.mark.parametrize("mode", ["frozen", "online"])
def test_a_race_begins_with_candidates_from_far_back(mode: str) -> None:
    trainer = Trainer("m", far(mode=mode))
    decisions = run(trainer, LOG)
    started = next(d for d in decisions if isinstance(d, Note) and d.action == "race_started")
    assert started.details["candidates"] == "reset, whole, back, fading"
    at = next(number for number, d in enumerate(decisions) if d is started)
    before = decisions[at - 1]
    assert isinstance(before, Note)
    assert before.action == "candidates_replay"
    assert before.details["candidates"] == "whole, back, fading"
    made = [d for d in decisions if isinstance(d, Promotion) and d.version == 2]
    if mode == "online":
        return  # where the champion learns, none of them is better
    first = made[0]
    needed = [b for b in LOG if first.learnt.first <= b.offset <= max(first.learnt.last, first.learnt.asked_last)]
    config = trainer.config
    again = replay(config, build(factory_of(config, first.family)), first.learnt, needed)
    assert state_digest(again.version) == state_digest(first.model)


def test_what_each_has_learnt_when_the_race_begins() -> None:
    trainer = Trainer("m", far())
    preparing = None
    for batch in LOG:
        preparing = trainer.state.preparing
        if trainer.awaited is not None:
            break
        trainer.on_batch(batch)
    assert preparing is not None
    done = learnt(trainer.config, preparing, LOG)
    ends = {lineage.learnt.last for lineage in done.lineages.values()}
    assert ends == {trainer.state.offset}
    begins = {name: lineage.learnt.first for name, lineage in done.lineages.items()}
    assert begins["whole"] == 0
    counts, seen = {}, 0
    for batch in LOG:
        counts[batch.offset] = seen
        seen += len(batch.examples)
    # The whole record that holds the example so far back.
    assert preparing.count - 2_500 - 20 <= counts[begins["back"]] <= preparing.count - 2_500
    fading = done.lineages["fading"].learnt
    assert fading.thinned == preparing.count - counts[begins["fading"]]
    # By hand: the same model from the same records.
    model = build(trainer.config.factory)
    for batch in LOG:
        if begins["back"] <= batch.offset <= trainer.state.offset:
            for x, label in zip(batch.examples.inputs(), batch.examples.labels(), strict=True):
                model.learn_one(x, label == "1")
    assert state_digest(done.lineages["back"].model) == state_digest(model)


@settings(max_examples=15, deadline=None)
@given(st.sets(st.integers(1, len(LOG) - 1), max_size=4))
def test_a_replay_that_was_killed_goes_on_to_the_same(stops: set[int]) -> None:
    config = far()
    preparing = _preparing(config)
    whole, parts = learnt(config, preparing, LOG), learnt(config, preparing, LOG, tuple(stops))
    for name, lineage in whole.lineages.items():
        assert state_digest(lineage.model) == state_digest(parts.lineages[name].model)
        assert lineage.learnt == parts.lineages[name].learnt


def _preparing(config: ModelConfig) -> Preparing:
    trainer = Trainer("m", config)
    for batch in LOG:
        trainer.on_batch(batch)
        if trainer.state.preparing is not None:
            return trainer.state.preparing
    raise AssertionError("nothing was prepared")


def test_what_another_replay_wrote_is_left_alone() -> None:
    config = far()
    preparing = _preparing(config)
    data = Replaying(config, preparing).dumped(dump)
    other = Preparing(Trigger("drift"), 5, 5, 5, preparing.wanted)
    assert not Replaying(config, other).restored(data, lambda part: load(part, max_bytes=10_000_000))


def test_a_trainer_that_starts_again_at_any_record_decides_the_same() -> None:
    config = far()
    expected = told(run(Trainer("m", config), LOG))
    assert any("race_started" in line for line in expected)
    for first in range(200, len(LOG), 29):
        assert told(run(Trainer("m", config), LOG, (first, first + 7))) == expected


def test_who_could_not_replay_is_left_out_and_told() -> None:
    trainer = Trainer("m", far())
    for batch in LOG:
        if trainer.awaited is not None:
            break
        trainer.on_batch(batch)
    with pytest.raises(AssertionError, match="awaited"):
        trainer.on_batch(LOG[-1])
    decisions = trainer.on_replayed(dict.fromkeys(("whole", "back", "fading"), "offsets 0 to 5 are gone"))
    assert next(d.details.get("reason") for d in decisions[:-1] if isinstance(d, Note)) == (
        "whole could not replay its examples: offsets 0 to 5 are gone"
    )
    assert trainer.state.race is not None
    assert [one.kind for one in trainer.state.race.candidates] == ["reset"]


@given(st.lists(st.integers(1, 50), min_size=1, max_size=3_000), st.integers(0, 100_000))
def test_a_place_is_at_or_before_and_near(sizes: list[int], wanted: int) -> None:
    anchors, seen, offsets = Anchors(), 0, []
    for offset, size in enumerate(sizes):
        anchors.add(seen, offset, seen)
        offsets.append(seen)
        seen += size
    place = anchors.before(wanted)
    assert place is not None
    assert place.seen <= max(wanted, 0)
    assert offsets[place.offset] == place.seen
    after = [count for count in offsets[: place.offset + 2 * max(1, len(sizes) // 256) + 1] if count > wanted]
    assert after or wanted >= offsets[-1] or place.offset + 2 * max(1, len(sizes) // 256) >= len(sizes) - 1
    assert Anchors.from_wire(anchors.to_wire()).places == anchors.places
    anchors.forget(wanted)
    assert anchors.before(wanted) == place
