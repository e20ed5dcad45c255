"""Made-up logs and configurations for the tests of races, gates and proposals."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from trimtab.config import ModelConfig, parse_config
from trimtab.events import Example
from trimtab.events.examples import Examples
from trimtab.registry import dump, load
from trimtab.training import Batch, Decision, Trainer
from trimtab.training.checkpoint import decode_state, encode_state

BASE = """
models:
  m:
    task: binary
    mode: {mode}
    features:
      a: {{type: numeric}}
      b: {{type: numeric}}
      region: {{type: categorical, values: [eu, us]}}
    factory:
      pipeline:
        - {{class: "river.compose:Select", args: {{keys: [a, b]}}}}
        - {{class: "river.preprocessing:StandardScaler"}}
        - {{class: "river.linear_model:LogisticRegression"}}
    first_version_after: 200
    reference_examples: 200
    race: {{min_examples: 50, max_examples: 600, reset_examples: 150, candidates: {candidates}}}
"""


def configured(more: str = "", *, mode: str = "frozen", candidates: str = "[continue, reset]") -> ModelConfig:
    """A model with what ``more`` says, indented by four."""
    text = BASE.format(mode=mode, candidates=candidates) + more
    return parse_config(text, source="test", environ={}).models["m"]


def batches(
    count: int,
    label: Callable[[int, float, float, str], bool],
    *,
    seed: int = 1,
    step_ms: int = 1,
    produced_ms: int = 1,
    served: Callable[[int], str | None] = lambda i: None,
) -> list[Batch]:
    """A log whose labels follow a rule of the example's number, its numbers and its region."""
    rng, examples = random.Random(seed), []
    found: list[Batch] = []
    for i in range(count):
        a, b, region = rng.gauss(0, 1), rng.gauss(0, 1), rng.choice(["eu", "eu", "eu", "us"])
        features: dict[str, Any] = {"a": a, "b": b, "region": region}
        y = "1" if label(i, a, b, region) else "0"
        examples.append(
            Example(str(i), i * step_ms, i * step_ms, features, y, served(i), None, 1, None, i * produced_ms)
        )
    at, config = 0, configured()
    while at < count:
        size = rng.randint(1, 20)
        found.append(Batch(2 * len(found), f"{len(found):x}", Examples.of(examples[at : at + size], config)))
        at += size
    return found


def turning(count: int, turn: int, **more: Any) -> list[Batch]:
    """A concept that turns round once."""
    return batches(count, lambda i, a, b, region: (a > 0) == (i < turn), **more)


def run(trainer: Trainer, log: list[Batch]) -> list[Decision]:
    """All decisions over a log."""
    return [decision for batch in log for decision in trainer.on_batch(batch)]


def restarted(trainer: Trainer) -> Trainer:
    """The trainer from its checkpoint, with the log read again that it needs."""
    data = encode_state(trainer.state, dump)
    again = Trainer(trainer.name, trainer.config, decode_state(data, lambda part: load(part, max_bytes=10_000_000)))
    for batch in trainer.recent.last(1_000_000):
        again.recent.add(batch)
    return again
