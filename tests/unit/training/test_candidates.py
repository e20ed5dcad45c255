"""Candidates start where they say, learn what they say, and can be made again."""

from __future__ import annotations

import pytest

from tests.unit.training.worlds import configured, restarted, run, turning
from trimtab.config import CandidateSpec
from trimtab.errors import ConfigError
from trimtab.registry import state_digest
from trimtab.training import Promotion, Trainer, Trigger
from trimtab.training.candidates import candidate_of
from trimtab.training.factory import build, factory_of
from trimtab.training.replay import replay
from trimtab.training.task import make_task

TREE = '{class: "river.tree:HoeffdingTreeClassifier", args: {grace_period: 20}}'
MANY = (
    f"[continue, reset, change_point, {{name: tree, from: 150, factory: {TREE}}}, "
    "{name: fading, from: 150, half_life: 20}]"
)


def test_every_kind_runs() -> None:
    config = configured(candidates=MANY)
    trainer, log = Trainer("m", config), turning(1_600, 700)
    run(trainer, log[:80])
    trainer.on_trigger(Trigger("command"))
    assert trainer.state.race is not None
    assert [one.kind for one in trainer.state.race.candidates] == [
        "continue",
        "reset",
        "change_point",
        "tree",
        "fading",
    ]
    kinds = {type(one.scored).__name__ for one in trainer.state.race.candidates}
    assert kinds == {"Pipeline", "HoeffdingTreeClassifier"}


@pytest.mark.parametrize(
    "candidate", [f"{{name: tree, from: 150, factory: {TREE}}}", "{name: fading, from: 150, half_life: 40}"]
)
@pytest.mark.parametrize("mode", ["frozen", "online"])
def test_what_wins_is_replayed_bit_for_bit(candidate: str, mode: str) -> None:
    config = configured("    triggers: {every_examples: 800}", candidates=f"[{candidate}]", mode=mode)
    trainer, log = Trainer("m", config), turning(2_400, 850)
    made = [one for one in run(trainer, log) if isinstance(one, Promotion) and one.version > 1]
    assert made
    first = made[0]
    assert first.parent is None
    assert first.family == ("tree" if "tree" in candidate else "")
    assert (first.learnt.half_life, first.learnt.thinned > 100) == ((40, True) if "fading" in candidate else (0, False))
    needed = [one for one in log if first.learnt.first <= one.offset <= max(first.learnt.last, first.learnt.asked_last)]
    again = replay(config, build(factory_of(config, first.family)), first.learnt, needed)
    assert state_digest(again.version) == state_digest(first.model)
    # The oracle sees what it must: other weights give another state.
    first.learnt.half_life = first.learnt.half_life and first.learnt.half_life // 2
    other = replay(config, build(factory_of(config, first.family)), first.learnt, needed[1:])
    assert state_digest(other.version) != state_digest(first.model)


def test_the_change_point_is_where_the_served_loss_changed() -> None:
    config, turn = configured(candidates="[change_point]"), 900
    log = turning(1_500, turn, served=lambda i: None)
    served = {}
    for batch in log:
        for row in batch.examples.rows():
            # Served well until the concept turned round, and wrong ever since.
            served[row.id] = row.label if int(row.id) < turn else {"0": "1", "1": "0"}[str(row.label)]
    log = turning(1_500, turn, served=lambda i: str(served[str(i)]))
    trainer = Trainer("m", config)
    run(trainer, log)
    spec = CandidateSpec.model_validate({"name": "change_point", "from": "change_point"})
    task = make_task("binary")
    found = candidate_of(spec, config, task, trainer.state, trainer.recent)
    assert found is not None
    at = next(batch.offset for batch in log if any(int(row.id) >= turn for row in batch.examples.rows()))
    assert at - 10 <= found.learnt.first <= at + 10
    assert trainer.state.change is not None
    again = restarted(trainer).state.change
    assert again is not None
    assert again.place == trainer.state.change.place


def test_without_a_change_it_learns_as_many_as_reset() -> None:
    config = configured(candidates="[change_point, reset]")
    trainer = Trainer("m", config)
    run(trainer, turning(900, 9_999))
    trainer.on_trigger(Trigger("command"))
    assert trainer.state.race is not None
    one, two = trainer.state.race.candidates
    assert one.learnt == two.learnt


@pytest.mark.parametrize(
    ("candidates", "message"),
    [
        ("[restart]", "'restart' is not one of continue, reset, change_point"),
        ("[reset, reset]", "two have one name"),
        ("[{name: first, from: 10}]", "not first"),
        ("[{name: c, from: champion, half_life: 3}]", "leave out factory and half_life"),
        ("[{name: c, from: -3}]", "from"),
    ],
)
def test_wrong_candidates_are_refused(candidates: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        configured(candidates=candidates)
