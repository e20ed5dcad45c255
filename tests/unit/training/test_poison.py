"""A burst of wrong labels: whoever is promoted meanwhile is not worse, or is rolled back within the probation."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.unit.training.worlds import batches, configured
from trimtab.training import Promotion, Rollback, Trainer

BURST = range(3_000, 5_000)
ROWS = 8_000
EVERY = "    triggers: {every_examples: 300}\n"


def log(seed: int, worst: float) -> list[Any]:
    """5 % of the labels are flipped, and ``worst`` of those in the burst."""
    rng = random.Random(1_000 + seed)

    def label(i: int, a: float, b: float, region: str) -> bool:
        return (a - 0.5 * b > 0) != (rng.random() < (worst if i in BURST else 0.05))

    return batches(ROWS, label, seed=seed)


def accuracy(model: Any, seed: int) -> float:
    """On clean examples that nobody has seen; the model is not changed by being asked."""
    rng, right = random.Random(seed), 0
    for _ in range(1_000):
        a, b = rng.gauss(0, 1), rng.gauss(0, 1)
        right += model.predict_one({"a": a, "b": b, "region": "eu"}) == (a - 0.5 * b > 0)
    return right / 1_000


@pytest.mark.parametrize("worst", [0.5, 0.8])
@pytest.mark.parametrize("mode", ["frozen", "online"])
@pytest.mark.parametrize("seed", range(4))
def test_no_promotion_of_a_burst_outlives_its_probation(seed: int, mode: str, worst: float) -> None:
    config = configured(EVERY, mode=mode)
    trainer, before, promoted = Trainer("m", config), 0.0, []
    for batch in log(seed, worst):
        for one in trainer.on_batch(batch):
            if trainer.state.count in BURST and isinstance(one, Promotion):
                promoted.append(one.version)
            if isinstance(one, Rollback):
                promoted = [version for version in promoted if version <= one.version]
        if not before and trainer.state.count >= BURST.start:
            before = accuracy(served(trainer), seed)
    after = accuracy(served(trainer), seed)
    assert before > 0.93
    assert after > before - 0.02
    # With half of the labels wrong there is nothing to learn, so nobody wins; with most of them wrong, the wrong
    # concept wins, and is rolled back or beaten once the labels are right again.
    assert worst > 0.5 or not promoted


def served(trainer: Trainer) -> Any:
    champion = trainer.champion
    assert champion is not None
    return champion.lineage.model if trainer.config.mode == "online" else champion.model
