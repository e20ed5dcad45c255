"""The last examples of a model: what a fresh candidate learns from, and what a reference is made of."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from functools import reduce

import numpy as np

from trimtab.config import ModelConfig
from trimtab.events.columns import Categories, FloatArray
from trimtab.events.examples import Examples
from trimtab.profiles import Reference, RowSample, segment_rows
from trimtab.training.lineage import Batch

__all__ = ["Recent"]


class Recent:
    """Whole batches holding at least the last ``capacity`` examples, oldest first."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._batches: deque[Batch] = deque()
        self.count = 0

    @property
    def first_offset(self) -> int | None:
        """Offset of the oldest batch held, from which the log is read again after a restart."""
        return self._batches[0].offset if self._batches else None

    def add(self, batch: Batch) -> None:
        """Add a batch and let go of those no longer needed."""
        self._batches.append(batch)
        self.count += len(batch.examples)
        while self.count - len(self._batches[0].examples) >= self._capacity:
            self.count -= len(self._batches.popleft().examples)

    def last(self, examples: int) -> Iterator[Batch]:
        """The newest whole batches that hold at least ``examples`` examples (or all), oldest first."""
        held = start = 0
        for start in range(len(self._batches) - 1, -1, -1):
            held += len(self._batches[start].examples)
            if held >= examples:
                break
        for index in range(start, len(self._batches)):
            yield self._batches[index]

    def since(self, offset: int) -> Iterator[Batch]:
        """Batches held from one of the log on, oldest first."""
        for batch in self._batches:
            if batch.offset >= offset:
                yield batch

    def reference(self, name: str, config: ModelConfig, metrics: dict[str, float]) -> Reference:
        """A reference of the last ``reference_examples`` examples."""
        parts = [batch.examples for batch in self.last(config.reference_examples)]
        columns = {name: np.concatenate([_numbers(part, name) for part in parts]) for name in config.numeric}
        categories: dict[str, list[str | None]] = {
            name: [value for part in parts for value in _categories(part, name)] for name in config.categorical
        }
        rows = config.drift.sample_rows
        sample = reduce(RowSample.merge, (_sample(part, config) for part in parts)) if rows and parts else None
        return Reference.of(
            name,
            columns,
            categories,
            metrics,
            multivariate=config.drift.multivariate,
            sample=sample,
            segments=segment_rows(config, {name: Categories.of(categories[name]) for name in config.segments}),
        )


def _numbers(examples: Examples, feature: str) -> FloatArray:
    """A numeric feature, which the configuration may have got only after these examples."""
    column = examples.features.get(feature)
    return np.full(len(examples), np.nan) if column is None or isinstance(column, Categories) else column


def _sample(examples: Examples, config: ModelConfig) -> RowSample:
    numbers = {name: _numbers(examples, name) for name in config.numeric}
    categories = {name: Categories.of(_categories(examples, name)) for name in config.categorical}
    return RowSample.of(config.drift.sample_rows, examples.time_ms, numbers, categories)


def _categories(examples: Examples, feature: str) -> list[str | None]:
    column = examples.features.get(feature)
    return column.to_list() if isinstance(column, Categories) else [None] * len(examples)
