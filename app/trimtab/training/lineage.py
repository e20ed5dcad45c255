"""A model that learns the examples log, and exactly which part of the log it has learnt since its parent."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from trimtab.events import FeatureValue
from trimtab.events.examples import Examples, decode_examples

__all__ = ["Batch", "LearntRange", "Lineage", "model_input", "read_batch"]


class Batch(NamedTuple):
    """One record of the examples log; ``sha256`` is that of its bytes."""

    offset: int
    sha256: str
    examples: Examples


@dataclass(slots=True)
class LearntRange:
    """Whole records from ``first`` to ``last``, inclusive, with the chained hash of their bytes.

    ``asked_first`` to ``asked_last`` are those whose examples the model was asked to predict, before it learnt them or
    after it had learnt all: some models change as they predict, so a replay asks too. From ``whole_from`` on it was
    asked for all examples of a record before it learnt the first; earlier releases asked one by one. Of the first
    ``thinned`` examples those are learnt that :func:`trimtab.training.thinning.keeps` says with ``half_life``.
    """

    first: int = -1
    last: int = -1
    count: int = 0
    sha256: str = ""
    asked_first: int = -1
    asked_last: int = -1
    thinned: int = 0
    half_life: int = 0
    whole_from: int = -1

    def ask(self, offset: int) -> None:
        """Note that one record is being predicted."""
        if self.asked_first < 0:
            self.asked_first = offset
        if self.whole_from < 0:
            self.whole_from = offset
        self.asked_last = offset

    def extend(self, batch: Batch) -> None:
        """Add one record."""
        if self.first < 0:
            self.first = batch.offset
        self.last = batch.offset
        self.count += len(batch.examples)
        self.sha256 = hashlib.sha256((self.sha256 + batch.sha256).encode()).hexdigest()

    def copy(self) -> LearntRange:
        """An independent copy."""
        return replace(self)


@dataclass(slots=True, eq=False)
class Lineage:
    """A learning model; ``learnt`` is what it has learnt since version ``parent`` (or from nothing).

    ``family`` is the candidate whose factory made it; empty for the model's own.
    """

    model: Any
    parent: int | None = None
    learnt: LearntRange = field(default_factory=LearntRange)
    family: str = ""


def read_batch(offset: int, value: bytes) -> Batch:
    """One record of the examples log; raises ValueError when it is none."""
    return Batch(offset, hashlib.sha256(value).hexdigest(), decode_examples(value))


def model_input(features: dict[str, FeatureValue]) -> dict[str, Any]:
    """Features as River models take them: a missing one is absent.

    Examples
    --------
    >>> model_input({"a": 1.0, "b": None})
    {'a': 1.0}
    """
    return {name: value for name, value in features.items() if value is not None}
