"""Recency by thinning: an older example is learnt with a smaller probability, decided by its place alone.

Weighting by a factor would need models that take one, and few do. An example that is learnt with probability ``w``
counts ``w`` in expectation with every model. Whether it is learnt is a hash of its place in the log, so that the same
examples are learnt again whoever replays them.
"""

from __future__ import annotations

import hashlib
import math

from trimtab.training.lineage import Batch, Lineage
from trimtab.training.task import Task

__all__ = ["keeps", "learn_thinned"]

_ALL = float(1 << 64)


def keeps(offset: int, row: int, age: int, half_life: int) -> bool:
    """Whether an example is learnt.

    Parameters
    ----------
    offset, row
        Its place: the record of the examples log, and its number there.
    age
        How many examples came after it.
    half_life
        The age at which the probability is one half, in examples; 0 keeps all.

    Examples
    --------
    >>> [sum(keeps(offset, 0, age, 100) for offset in range(10_000)) for age in (0, 100, 200)]
    [10000, 4988, 2480]
    """
    if not half_life or age <= 0:
        return True
    digest = hashlib.blake2b(f"{offset}/{row}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") < math.exp2(-age / half_life) * _ALL


def learn_thinned(lineage: Lineage, task: Task, batch: Batch) -> None:
    """Let a lineage learn one record as its range says: of the first ``thinned`` examples, those that are kept."""
    learnt, learn = lineage.learnt, lineage.model.learn_one
    age = learnt.thinned - learnt.count
    targets = task.targets(batch.examples.labels())
    for row, (x, y) in enumerate(zip(batch.examples.inputs(), targets, strict=True)):
        age -= 1
        if keeps(batch.offset, row, age, learnt.half_life):
            learn(x, y)
    learnt.extend(batch)
