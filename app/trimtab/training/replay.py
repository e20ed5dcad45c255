"""Learns again what a version learnt, from the same records of the examples log."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from trimtab.config import ModelConfig
from trimtab.training.lineage import Batch, LearntRange
from trimtab.training.task import make_task
from trimtab.training.thinning import keeps

__all__ = ["Replayed", "last_needed", "replay"]


@dataclass(frozen=True, slots=True)
class Replayed:
    """What came of it.

    Parameters
    ----------
    learnt
        The model that has learnt all, from which a later version may have gone on.
    version
        The model as the version has it: a frozen candidate is a copy that was asked for predictions while it raced.
    seen
        The records that were learnt; to be compared with those that the manifest names.
    """

    learnt: Any
    version: Any
    seen: LearntRange = field(default_factory=LearntRange)


def last_needed(wanted: LearntRange) -> int:
    """Offset of the last record that a replay of ``wanted`` reads.

    Examples
    --------
    >>> last_needed(LearntRange(first=3, last=9)), last_needed(LearntRange(3, 9, asked_first=10, asked_last=12))
    (9, 12)
    """
    return max(wanted.last, wanted.asked_last)


def replay(config: ModelConfig, start: Any, wanted: LearntRange, batches: Iterable[Batch]) -> Replayed:
    """Let ``start`` learn, and predict, what ``wanted`` says.

    Parameters
    ----------
    start
        The model before the first record: a new one, or the parent's; it is changed.
    batches
        The model's records from ``wanted.first`` to :func:`last_needed`, in order.
    """
    task, model, seen = make_task(config.task, classes=config.classes), start, LearntRange()
    version: Any = None
    age = wanted.thinned
    for batch in batches:
        asked = wanted.asked_first <= batch.offset <= wanted.asked_last
        learns = batch.offset <= wanted.last
        if not learns and version is None:
            version = copy.deepcopy(model)
        xs, targets = batch.examples.inputs(), task.targets(batch.examples.labels())
        whole = 0 <= wanted.whole_from <= batch.offset
        for x in xs if asked and whole else []:
            task.ask(model if learns else version, x)
        for row, (x, y) in enumerate(zip(xs, targets, strict=True)):
            age -= 1
            if asked and not whole:
                task.ask(model if learns else version, x)
            if learns and keeps(batch.offset, row, age, wanted.half_life):
                model.learn_one(x, y)
        if learns:
            seen.extend(batch)
    return Replayed(model, model if version is None else version, seen)
