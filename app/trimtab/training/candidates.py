"""Candidates of a race: what each starts from, which examples it learns, and by which factory it is made."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

from trimtab.config import CandidateSpec, FactorySpec, ModelConfig
from trimtab.training.factory import build
from trimtab.training.lineage import Batch, Lineage
from trimtab.training.race import Candidate
from trimtab.training.recent import Recent
from trimtab.training.state import TrainerState
from trimtab.training.task import Task
from trimtab.training.thinning import keeps

__all__ = ["AT_ONCE", "candidate_of", "factory_of", "learn_all", "recent_needed"]

AT_ONCE = 2_000
"""So many examples of the last ones a candidate learns at once."""


def factory_of(config: ModelConfig, family: str) -> FactorySpec:
    """How a model of a family is made: that of a candidate with a factory of its own, else the model's."""
    for candidate in config.race.candidates:
        if candidate.name == family and candidate.factory is not None:
            return candidate.factory
    return config.factory


def recent_needed(config: ModelConfig) -> int:
    """How many of the last examples must be at hand."""
    wanted = [config.reference_examples]
    for spec in config.race.candidates:
        if spec.from_ is None:
            wanted.append(config.race.reset_examples)
        elif isinstance(spec.from_, int):
            wanted.append(spec.from_)
        elif spec.from_ != "champion":
            wanted.append(AT_ONCE)
    return max(wanted)


def candidate_of(
    spec: CandidateSpec, config: ModelConfig, task: Task, state: TrainerState, recent: Recent
) -> Candidate | None:
    """A candidate as it enters a race now; None for one that would be the champion itself."""
    online = config.mode == "online"
    if spec.from_ == "champion":
        return None if online else _continued(spec.name, state.lineage)
    batches = list(_batches(spec, config, state, recent))
    family = spec.name if spec.factory is not None else ""
    lineage = Lineage(build(factory_of(config, family)), family=family)
    learn_all(lineage, task, batches, spec.half_life or 0)
    scored = lineage.model if online else copy.deepcopy(lineage.model)
    return Candidate(spec.name, scored, None, lineage.learnt.copy(), lineage)


def _continued(name: str, lineage: Lineage) -> Candidate:
    return Candidate(name, copy.deepcopy(lineage.model), lineage.parent, lineage.learnt.copy(), lineage)


def _batches(spec: CandidateSpec, config: ModelConfig, state: TrainerState, recent: Recent) -> Iterable[Batch]:
    if spec.from_ is None:
        return recent.last(config.race.reset_examples)
    if isinstance(spec.from_, int):
        return recent.last(spec.from_)
    changed = state.change.offset if spec.from_ == "change_point" and state.change is not None else None
    return recent.since(changed) if changed is not None else recent.last(config.race.reset_examples)


def learn_all(lineage: Lineage, task: Task, batches: list[Batch], half_life: int) -> None:
    """Let a new model learn records, the older ones thinned out."""
    age = sum(len(batch.examples) for batch in batches)
    lineage.learnt.half_life, lineage.learnt.thinned = half_life, age if half_life else 0
    learn: Any = lineage.model.learn_one
    for batch in batches:
        targets = task.targets(batch.examples.labels())
        for row, (x, y) in enumerate(zip(batch.examples.inputs(), targets, strict=True)):
            age -= 1
            if keeps(batch.offset, row, age, half_life):
                learn(x, y)
        lineage.learnt.extend(batch)
