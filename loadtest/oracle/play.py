"""Plays a stream through the trainer's state machine, and through each family alone.

Rows come in records of ``BATCH``; those of a record are predicted by what was served before it. What was served had
learnt some number of rows by then, its age: a family alone is served at the same ages, so that families are compared
and not ages. A race may start every ``EVERY`` rows.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from loadtest.oracle.streams import Row
from trimtab.config import Config, FactorySpec, ModelConfig
from trimtab.events import Example
from trimtab.events.examples import Examples
from trimtab.training import Appointment, Batch, Note, Promotion, Rollback, Trainer
from trimtab.training.factory import build
from trimtab.training.task import BinaryTask

__all__ = [
    "AFTER",
    "BATCH",
    "EVERY",
    "FAMILIES",
    "FIRST",
    "Outcome",
    "Score",
    "Watched",
    "alone",
    "persistence",
    "played",
]

BATCH = 20
EVERY = 336
FIRST = 1_000
AFTER = 1_000
_CLIP = 1e-15


def _calibrated(model: str, **args: Any) -> dict[str, Any]:
    return {"class": "trimtab.training:Calibrated", "args": {"model": {"class": model, "args": args}}}


FAMILIES: dict[str, dict[str, Any]] = {
    "logistic": {
        "pipeline": [
            {"class": "river.preprocessing:StandardScaler"},
            {
                "class": "river.linear_model:LogisticRegression",
                "args": {"optimizer": {"class": "river.optim:SGD", "args": {"lr": 0.05}}},
            },
        ]
    },
    "tree": _calibrated("river.tree:HoeffdingAdaptiveTreeClassifier"),
    "forest": _calibrated("river.forest:ARFClassifier", n_models=5),
    "bayes": _calibrated("river.naive_bayes:GaussianNB"),
}


@dataclass(slots=True)
class Score:
    """Accuracy and log loss of what was served."""

    count: int = 0
    right: int = 0
    log_loss: float = 0.0

    def take(self, value: object, score: float | None, label: str) -> None:
        """Count one prediction."""
        self.count += 1
        self.right += value == label
        p = min(max(0.5 if score is None else score, _CLIP), 1 - _CLIP)
        self.log_loss -= math.log(p if label == "1" else 1 - p)

    def to_json(self) -> dict[str, float]:
        """Means."""
        return {"accuracy": self.right / self.count, "log_loss": self.log_loss / self.count}


@dataclass(slots=True)
class Watched:
    """A promotion and its predecessor's shadow, over the next thousand rows as they are served.

    A rollback to the predecessor ends it: from there on the two are the same.
    """

    version: int
    predecessor: int
    shadow: Any
    left: int = AFTER
    worse_by: int = 0


@dataclass(slots=True)
class Outcome:
    """What came of a stream.

    ``learnt`` is, for each record, how many rows had been learnt by what was served; None while nothing was.
    """

    score: Score = field(default_factory=Score)
    promotions: list[dict[str, Any]] = field(default_factory=list)
    rollbacks: int = 0
    watched: list[Watched] = field(default_factory=list)
    kinds: dict[str, int] = field(default_factory=dict)
    learnt: list[int | None] = field(default_factory=list)
    _learnt_by: dict[int, int] = field(default_factory=dict)

    def serve(self, version: int | None, row: int, mode: str) -> None:
        """Note the age of what serves the record that begins at a row."""
        self.learnt.append(None if version is None else row if mode == "online" else self._learnt_by[version])

    def rolled_back(self, version: int) -> None:
        """A version is champion again."""
        self.rollbacks += 1
        self.settle([one for one in self.watched if one.predecessor == version])

    def settle(self, over: list[Watched]) -> None:
        """Say of promotions that are watched no more how much worse they were."""
        for watched in over:
            self.watched.remove(watched)
            promotion = next(one for one in self.promotions if one["version"] == watched.version)
            promotion["points_worse"] = 100 * watched.worse_by / AFTER

    def crown(self, version: int, row: int) -> None:
        """A version that has learnt so many rows becomes champion."""
        self._learnt_by[version] = row


def configured(rows: Sequence[Row], mode: str, loss: str = "brier") -> ModelConfig:
    """A logistic model that may be succeeded by any family."""
    others = [{"name": name, "from": 2_000, "factory": spec} for name, spec in FAMILIES.items() if name != "logistic"]
    spec = {
        "task": "binary",
        "mode": mode,
        "features": {name: {"type": "numeric"} for name in rows[0].x},
        "factory": FAMILIES["logistic"],
        "first_version_after": FIRST,
        "triggers": {"every_examples": EVERY},
        "race": {
            "candidates": [*(["continue"] if mode == "frozen" else []), "reset", *others],
            "min_examples": 100,
            "max_examples": 2_000,
            "loss": loss,
        },
    }
    return Config.model_validate({"models": {"m": spec}}).models["m"]


def played(rows: Sequence[Row], mode: str, loss: str = "brier") -> Outcome:
    """The stream through races by a loss, gates and probation."""
    config, task, outcome = configured(rows, mode, loss), BinaryTask(), Outcome()
    trainer = Trainer("m", config)
    for batch in _batches(rows, config):
        served = trainer.champion
        outcome.serve(None if served is None else served.version, trainer.state.count, mode)
        if served is not None:
            model = served.lineage.model if mode == "online" else served.model
            _score(outcome, task, model, batch, mode == "online")
        before = None if served is None else (served.lineage.model if mode == "online" else served.model)
        shadow = copy.deepcopy(before) if mode == "online" and trainer.state.race is not None else before
        for one in trainer.on_batch(batch):
            if isinstance(one, Promotion | Appointment):
                outcome.crown(one.version, trainer.state.count)
            if isinstance(one, Promotion | Appointment) and served is not None:
                _promoted(outcome, one, served.version, trainer, shadow, batch)
            elif isinstance(one, Rollback):
                outcome.rolled_back(one.version)
            elif isinstance(one, Note):
                outcome.kinds[one.action] = outcome.kinds.get(one.action, 0) + 1
    return outcome


def _promoted(
    outcome: Outcome, one: Promotion | Appointment, predecessor: int, trainer: Trainer, shadow: Any, batch: Batch
) -> None:
    kind = getattr(one, "candidate", "appointed")
    row = trainer.state.count
    if trainer.config.mode == "online":
        # It was copied before this record, which it would have learnt.
        for x, label in zip(batch.examples.inputs(), batch.examples.labels(), strict=True):
            shadow.learn_one(x, label == "1")
    outcome.promotions.append({"version": one.version, "candidate": kind, "row": row})
    outcome.watched.append(Watched(one.version, predecessor, shadow))


def _score(outcome: Outcome, task: BinaryTask, model: Any, batch: Batch, learns: bool) -> None:
    for x, label in zip(batch.examples.inputs(), batch.examples.labels(), strict=True):
        said = task.predict(model, x)
        outcome.score.take(said.value, said.score, str(label))
        for watched in outcome.watched:
            if watched.left:
                watched.left -= 1
                watched.worse_by += (said.value != label) - (task.predict(watched.shadow, x).value != label)
    for watched in outcome.watched if learns else []:
        if watched.left:
            for x, label in zip(batch.examples.inputs(), batch.examples.labels(), strict=True):
                watched.shadow.learn_one(x, label == "1")
    outcome.settle([one for one in outcome.watched if not one.left])


def alone(rows: Sequence[Row], family: str, learnt: Mapping[str, Sequence[int | None]]) -> dict[str, Score]:
    """One family from the first row on, served at given ages.

    Parameters
    ----------
    learnt
        By a name of your choice: for each record, how many rows what predicts it has learnt; None: it is left out.

    Returns
    -------
    dict
        The score at each of these.
    """
    config, task = configured(rows, "online"), BinaryTask()
    model, scores = build(FactorySpec.model_validate(FAMILIES[family])), {name: Score() for name in learnt}
    last = _last_use(learnt)
    kept: dict[int, Any] = {}
    for batch in _batches(rows, config):
        pairs = list(zip(batch.examples.inputs(), batch.examples.labels(), strict=True))
        row = batch.offset * BATCH
        if last.get(row, batch.offset) > batch.offset:
            kept[row] = copy.deepcopy(model)
        for name, ages in learnt.items():
            age = ages[batch.offset]
            if age is None:
                continue
            served = kept.get(age, model)
            for x, label in pairs:
                said = task.predict(served, x)
                scores[name].take(said.value, said.score, str(label))
        for x, label in pairs:
            model.learn_one(x, label == "1")
        kept = {age: held for age, held in kept.items() if last[age] > batch.offset}
    return scores


def _last_use(learnt: Mapping[str, Sequence[int | None]]) -> dict[int, int]:
    """By age, the last record that is predicted at it."""
    last: dict[int, int] = {}
    for ages in learnt.values():
        for record, age in enumerate(ages):
            if age is not None:
                last[age] = max(record, last.get(age, 0))
    return last


def persistence(rows: Sequence[Row]) -> float:
    """Accuracy of "the same as the last label"."""
    labels = [row.label for row in rows]
    right = sum(a == b for a, b in zip(labels[FIRST - 1 :], labels[FIRST:], strict=False))
    return right / (len(labels) - FIRST)


def _batches(rows: Sequence[Row], config: ModelConfig) -> Iterator[Batch]:
    for number, at in enumerate(range(0, len(rows), BATCH)):
        examples = [
            Example(str(i), i * 1_000, i * 1_000, dict(row.x), row.label, None, None, 1, None, i * 1_000)
            for i, row in enumerate(rows[at : at + BATCH], at)
        ]
        yield Batch(number, f"{number:x}", Examples.of(examples, config))
