"""The trainer's state machine: exact first version, learning once, the same after a restart at any record."""

from __future__ import annotations

import random
from typing import Any

import pytest

from trimtab.config import FactorySpec, ModelConfig, parse_config
from trimtab.errors import TrainingError
from trimtab.events import Example
from trimtab.events.examples import Examples
from trimtab.registry import dump, load, state_digest
from trimtab.training import Appointment, Batch, Canary, Decision, Note, Promotion, Rollback, Trainer, Trigger
from trimtab.training.checkpoint import decode_state, encode_state

CONFIG = """
models:
  m:
    task: binary
    mode: {mode}
    features: {{a: {{type: numeric}}, b: {{type: numeric}}}}
    factory:
      pipeline:
        - {{class: "river.preprocessing:StandardScaler"}}
        - {{class: "river.linear_model:LogisticRegression"}}
    first_version_after: 200
    reference_examples: 200
    triggers: {{schedule: 100ms, cooldown: 50ms}}
    race: {{min_examples: 50, max_examples: 400, reset_examples: 150}}
    gates: {{promotion: {promotion}}}
"""


def config(mode: str = "frozen", promotion: str = "auto") -> ModelConfig:
    return parse_config(CONFIG.format(mode=mode, promotion=promotion), source="test", environ={}).models["m"]


CONFIGURED = config()


def log(count: int, turn: int, seed: int = 1) -> list[Batch]:
    """A log whose concept turns round at example ``turn``."""
    rng = random.Random(seed)
    examples = []
    for i in range(count):
        a, b = rng.gauss(0, 1), rng.gauss(0, 1)
        label = "1" if (a + 0.3 * rng.gauss(0, 1) > 0) == (i < turn) else "0"
        examples.append(Example(str(i), i, i, {"a": a, "b": b}, label, None, None, 1, None, i))
    batches: list[Batch] = []
    at = 0
    while at < count:
        size = rng.randint(1, 20)
        batches.append(Batch(2 * len(batches), f"{len(batches):x}", Examples.of(examples[at : at + size], CONFIGURED)))
        at += size
    return batches


def told(decisions: list[Decision]) -> list[str]:
    return [
        f"{type(d).__name__} {getattr(d, 'version', '')} {state_digest(d.model) if isinstance(d, Promotion) else ''}"
        for d in decisions
    ]


def run(trainer: Trainer, batches: list[Batch]) -> list[str]:
    return [line for batch in batches for line in told(trainer.on_batch(batch))]


def test_the_first_version_stands_at_the_first_record_with_enough_examples() -> None:
    trainer, seen = Trainer("m", config()), 0
    for batch in log(300, 300):
        decisions = trainer.on_batch(batch)
        seen += len(batch.examples)
        if decisions:
            break
    (first,) = decisions
    assert isinstance(first, Promotion)
    assert seen - len(batch.examples) < 200 <= seen == first.learnt.count
    assert (first.version, first.parent, first.learnt.last) == (1, None, batch.offset)


def test_a_record_teaches_once() -> None:
    batches = log(260, 260)
    once, twice = Trainer("m", config()), Trainer("m", config())
    for batch in batches:
        once.on_batch(batch)
        twice.on_batch(batch)
        assert twice.on_batch(batch) == []
    assert state_digest(once.state.lineage.model) == state_digest(twice.state.lineage.model)
    assert once.state.count == twice.state.count == 260


@pytest.mark.parametrize("mode", ["frozen", "online"])
def test_a_restart_at_any_record_changes_nothing(mode: str) -> None:
    batches = log(1_200, 600)
    whole = Trainer("m", config(mode))
    expected = run(whole, batches)
    assert any("Promotion 2" in line for line in expected)
    for stop in range(5, len(batches), 17):
        before = Trainer("m", config(mode))
        lines = run(before, batches[:stop])
        data = encode_state(before.state, dump)
        after = Trainer("m", config(mode), decode_state(data, lambda part: load(part, max_bytes=1_000_000)))
        for batch in batches[:stop]:
            after.recent.add(batch)
        # The log is read again from a little before the checkpoint, as after a crash.
        lines += run(after, batches[max(0, stop - 3) :])
        assert lines == expected, f"restart at record {stop}"
        assert state_digest(after.state.lineage.model) == state_digest(whole.state.lineage.model)


def test_no_promotion_without_a_change() -> None:
    promoted = [line for seed in range(5) for line in run(Trainer("m", config()), log(1_500, 1_500, seed))]
    assert sum("Promotion" in line for line in promoted) <= 6  # five first versions, and at most one by chance


def test_a_winner_waits_for_approval_and_never_means_never() -> None:
    waiting = Trainer("m", config(promotion="approve"))
    lines = run(waiting, log(1_200, 600))
    assert any("Promotion 2" in line for line in lines)
    assert not any("Appointment" in line for line in lines)
    assert waiting.champion is not None
    assert waiting.champion.version == 1
    (refused,) = waiting.on_approve("ann", 3)
    assert isinstance(refused, Note)
    assert refused.details["reason"] == "version 2 waits for approval, not 3"
    approved, alias = waiting.on_approve("ann", 2)
    assert isinstance(approved, Appointment)
    assert (approved.version, approved.replaced, approved.actor, approved.trigger) == (2, 1, "ann", "schedule")
    assert isinstance(alias, Canary)
    assert (alias.version, alias.share) == (2, None)
    assert waiting.champion.version == 2
    assert not any("Promotion 2" in line for line in run(Trainer("m", config(promotion="never")), log(1_200, 600)))


def test_a_snapshot_too_large_is_refused_and_not_promoted() -> None:
    tight = config()
    tight = tight.model_copy(update={"gates": tight.gates.model_copy(update={"max_snapshot_bytes": 10})})
    trainer = Trainer("m", tight)
    decisions = [decision for batch in log(500, 500) for decision in trainer.on_batch(batch)]
    # At 200 examples, and again at 400.
    assert [(d.action, d.details["limit"]) for d in decisions if isinstance(d, Note)] == [("refused", 10.0)] * 2
    assert trainer.champion is None


def test_a_winner_that_is_too_large_is_refused_and_the_champion_stays() -> None:
    trainer = Trainer("m", config())
    batches = log(1_200, 600)
    first = next(i for i, batch in enumerate(batches) if trainer.on_batch(batch))
    gates = trainer.config.gates.model_copy(update={"max_snapshot_bytes": 10})
    trainer.config = trainer.config.model_copy(update={"gates": gates})
    decisions = [decision for batch in batches[first + 1 :] for decision in trainer.on_batch(batch)]
    assert any(isinstance(d, Note) and d.action == "refused" for d in decisions)
    assert not any(isinstance(d, Promotion) for d in decisions)
    assert trainer.champion is not None
    assert trainer.champion.version == 1


def test_a_trigger_that_may_not_start_says_why_and_is_kept() -> None:
    trainer = Trainer("m", config())
    (note,) = trainer.on_trigger(Trigger("drift", "i-1"))
    assert note.action == "race_not_started"  # type: ignore[union-attr]
    run(trainer, log(400, 400))
    assert trainer.state.race is not None
    assert trainer.state.race.trigger.incident == "i-1"


def test_a_person_rolls_back() -> None:
    trainer = Trainer("m", config())
    run(trainer, log(1_200, 600))
    serving = trainer.state.champions[-1].version
    (back,) = trainer.on_rollback("ann")
    assert isinstance(back, Rollback)
    assert back.replaced == serving
    assert trainer.champion is not None
    assert trainer.champion.version == back.version


def test_a_record_without_examples_changes_nothing_but_the_offset() -> None:
    trainer = Trainer("m", config())
    run(trainer, log(260, 260))
    before = trainer.state.event_time_ms, trainer.state.count
    assert trainer.on_batch(Batch(10_000, "ff", Examples.of([], CONFIGURED))) == []
    assert (trainer.state.event_time_ms, trainer.state.count, trainer.state.offset) == (*before, 10_000)


class Failing:
    """A user's model with a bug."""

    def learn_one(self, x: Any, y: Any) -> None:
        """Raise."""
        raise ValueError("no\nmore")

    def predict_one(self, x: Any) -> bool:
        """Always."""
        return True


def test_a_model_that_fails_is_named_with_the_record() -> None:
    factory = FactorySpec.model_validate({"class": f"{__name__}:Failing"})
    trainer, first = Trainer("m", config().model_copy(update={"factory": factory})), log(5, 5)[0]
    said = r"^m: examples, offset 0: the model fails on \{a: float, b: float\}: ValueError: no more; a model is given"
    with pytest.raises(TrainingError, match=said):
        trainer.on_batch(first)
