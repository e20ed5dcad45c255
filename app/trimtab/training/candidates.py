"""Candidates of a race: what each starts from, which examples it learns, and by which factory it is made."""

from __future__ import annotations

import copy

from trimtab.config import CandidateSpec, ModelConfig
from trimtab.training.anchors import Place
from trimtab.training.factory import build, factory_of
from trimtab.training.lineage import Batch, Lineage
from trimtab.training.preparing import Wanted
from trimtab.training.race import Candidate
from trimtab.training.recent import Recent
from trimtab.training.state import TrainerState
from trimtab.training.task import Task
from trimtab.training.thinning import learn_thinned

__all__ = ["AT_ONCE", "candidate_of", "plan", "recent_needed", "replayed"]

AT_ONCE = 2_000
"""So many examples of the last ones a candidate learns at once."""


def recent_needed(config: ModelConfig) -> int:
    """How many of the last examples must be at hand."""
    learns = any(spec.from_ != "champion" for spec in config.race.candidates)
    return max(config.reference_examples, AT_ONCE if learns else 0)


def plan(config: ModelConfig, state: TrainerState) -> list[Wanted]:
    """What must be replayed by a process of its own before a race can begin; empty when it may begin at once."""
    found = [_replay(spec, config, state) for spec in config.race.candidates if spec.from_ != "champion"]
    return [one for one in found if one is not None]


def candidate_of(
    spec: CandidateSpec, config: ModelConfig, task: Task, state: TrainerState, recent: Recent
) -> Candidate | None:
    """A candidate that needs no replay, as it enters a race now; None for one that would be the champion itself."""
    if spec.from_ == "champion":
        return None if config.mode == "online" else _continued(spec.name, state.lineage)
    wanted = _start(spec, config, state)
    batches = list(recent.last(state.count - wanted.examples))
    lineage = Lineage(build(factory_of(config, _family(spec))), family=_family(spec))
    _learn_all(lineage, task, batches, spec.half_life or 0)
    return replayed(spec.name, config, lineage)


def replayed(name: str, config: ModelConfig, lineage: Lineage) -> Candidate:
    """A candidate that has learnt what it starts with."""
    scored = lineage.model if config.mode == "online" else copy.deepcopy(lineage.model)
    return Candidate(name, scored, None, lineage.learnt.copy(), lineage)


def _continued(name: str, lineage: Lineage) -> Candidate:
    return Candidate(name, copy.deepcopy(lineage.model), lineage.parent, lineage.learnt.copy(), lineage)


def _family(spec: CandidateSpec) -> str:
    return spec.name if spec.factory is not None else ""


def _replay(spec: CandidateSpec, config: ModelConfig, state: TrainerState) -> Wanted | None:
    """What a candidate replays; None when it learns at once."""
    start = _start(spec, config, state)
    place = state.anchors.before(start.examples)
    if state.count - start.examples <= AT_ONCE or place is None:
        return None
    return Wanted(spec.name, _family(spec), place.offset, place.examples, start.examples, spec.half_life or 0)


def _start(spec: CandidateSpec, config: ModelConfig, state: TrainerState) -> Place:
    """Where a candidate starts; of a number of examples only that is known."""
    if spec.from_ == "beginning":
        return Place(0, -1, 0)
    changed = state.change.place if spec.from_ == "change_point" and state.change is not None else None
    if changed is not None:
        return changed
    back = spec.from_ if isinstance(spec.from_, int) else config.race.reset_examples
    return Place(0, -1, max(0, state.count - back))


def _learn_all(lineage: Lineage, task: Task, batches: list[Batch], half_life: int) -> None:
    """Let a new model learn records, the older ones thinned out."""
    age = sum(len(batch.examples) for batch in batches)
    lineage.learnt.half_life, lineage.learnt.thinned = half_life, age if half_life else 0
    for batch in batches:
        learn_thinned(lineage, task, batch)
