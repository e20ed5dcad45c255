"""Every version of a run is rebuilt from its recorded range, from its parent or from nothing, bit for bit."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.unit.training.test_trainer import config, log
from trimtab.config import ModelConfig
from trimtab.registry import state_digest
from trimtab.training import Batch, LearntRange, Promotion, Trainer
from trimtab.training.factory import build
from trimtab.training.replay import Replayed, last_needed, replay


class Counting:
    """Changes as it predicts, in a way that the order of predicting and learning shows in."""

    def __init__(self) -> None:
        self.state = 1
        self.agreed = 0.0

    def predict_one(self, x: dict[str, Any]) -> bool:
        self.state = (self.state * 31 + 7) % 1_000_003
        return bool((x["a"] > 0) == (self.agreed >= 0))

    def learn_one(self, x: dict[str, Any], y: bool) -> None:
        self.state = (self.state * 17 + 3 + int(y)) % 1_000_003
        # Slow, so that a fresh one wins after a change.
        self.agreed += 1 if (x["a"] > 0) == y else -1


def of_class(mode: str, promotion: str = "auto") -> ModelConfig:
    spec = config(mode, promotion).model_dump(by_alias=True, exclude_unset=True)
    path = f"{__name__}:Counting"
    return ModelConfig.model_validate(spec | {"factory": {"class": path}, "admit": [path]})


CONFIGS = {
    "frozen": config("frozen"),
    "online": config("online"),
    "frozen, by approval": config("frozen", "approve"),
    "online, by approval": config("online", "approve"),
    "frozen, own class": of_class("frozen"),
    "online, own class": of_class("online"),
    "frozen, own class, by approval": of_class("frozen", "approve"),
    "online, own class, by approval": of_class("online", "approve"),
}


def promotions(spec: ModelConfig, batches: list[Batch]) -> list[tuple[Promotion, str]]:
    trainer, found = Trainer("m", spec), []
    waited = 0
    for batch in batches:
        decisions = trainer.on_batch(batch)
        waited = waited + 1 if trainer.state.proposal is not None else 0
        if waited == 10:
            decisions += trainer.on_approve("ann")
        found += [(d, state_digest(d.model)) for d in decisions if isinstance(d, Promotion)]
    return found


def needed(batches: list[Batch], wanted: LearntRange) -> list[Batch]:
    return [batch for batch in batches if wanted.first <= batch.offset <= last_needed(wanted)]


def rebuilt(spec: ModelConfig, batches: list[Batch], made: list[Promotion], version: int) -> Replayed:
    """Through the whole chain."""
    of = made[version - 1]
    start = build(spec.factory) if of.parent is None else rebuilt(spec, batches, made, of.parent).learnt
    return replay(spec, start, of.learnt, needed(batches, of.learnt))


@pytest.mark.parametrize("name", CONFIGS)
def test_each_version_is_rebuilt(name: str) -> None:
    spec, batches = CONFIGS[name], log(1_600, 600)
    found = promotions(spec, batches)
    assert len(found) >= 2
    assert any(promotion.learnt.asked_first >= 0 for promotion, _ in found)
    for promotion, digest in found:
        again = rebuilt(spec, batches, [one for one, _ in found], promotion.version)
        assert state_digest(again.version) == digest, promotion.version
        wanted = promotion.learnt
        assert (again.seen.first, again.seen.last, again.seen.count) == (wanted.first, wanted.last, wanted.count)
        assert again.seen.sha256 == wanted.sha256


@pytest.mark.parametrize("name", ["frozen, own class", "online, own class"])
def test_what_was_asked_counts(name: str) -> None:
    """Without the predictions the same records make another model."""
    spec, batches = CONFIGS[name], log(1_600, 600)
    for promotion, digest in promotions(spec, batches):
        if promotion.parent is not None:
            continue
        silent = copy.copy(promotion.learnt)
        silent.asked_first = silent.asked_last = -1
        again = replay(spec, build(spec.factory), silent, needed(batches, silent))
        assert state_digest(again.version) != digest
