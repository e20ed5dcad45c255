"""What a training set holds, in bounded memory: counts of all of its examples, and some of them evenly spread."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from trimtab.dataset.table import Kind, Layout
from trimtab.events.columns import Categories, Column, FloatArray, IntArray, take
from trimtab.events.examples import Examples

__all__ = ["LABEL", "MOST_CATEGORIES", "MOST_ROWS", "Summary"]

MOST_ROWS = 200_000
"""Rows of which profiles are made; of more, every second, fourth and so on."""

MOST_CATEGORIES = 10_000
"""Names of a feature that are remembered."""

LABEL = "__label__"


@dataclass(slots=True)
class _Piece:
    """Rows that are kept of one record: their numbers in the whole, ascending, and their columns."""

    rows: IntArray
    columns: dict[str, Column]

    def thinned(self, step: int) -> _Piece:
        keep = np.flatnonzero(self.rows % step == 0)
        return _Piece(self.rows[keep], {name: take(column, keep) for name, column in self.columns.items()})


@dataclass(slots=True)
class Summary:
    """Everything that a comparison needs of one training set.

    Parameters
    ----------
    name
        For people.
    topic, partition
        Where the records are.
    step
        Every how many rows one is kept for profiles.
    offsets
        Of each record, with the number of its examples.

    Examples
    --------
    >>> from trimtab.events import Example
    >>> from trimtab.config import parse_config
    >>> text = "models: {m: {task: binary, features: {a: {type: categorical}}, factory: {class: 'x:Y'}}}"
    >>> config = parse_config(text, source="example", environ={}).models["m"]
    >>> summary = Summary("m@1", "t", 0)
    >>> summary.add(7, Examples.of([Example("e1", 5, 9, {"a": "red"}, "1", None, None, 0, None, 9)], config))
    >>> summary.rows, summary.offsets, summary.labels, summary.categories
    (1, {7: 1}, Counter({'1': 1}), {'a': {'red'}})
    """

    name: str
    topic: str
    partition: int
    rows: int = 0
    first_ms: int | None = None
    last_ms: int | None = None
    offsets: dict[int, int] = field(default_factory=dict)
    labels: Counter[str] = field(default_factory=Counter)
    categories: dict[str, set[str] | None] = field(default_factory=dict)
    layout: Layout = field(default_factory=Layout)
    step: int = 1
    most_rows: int = MOST_ROWS
    _pieces: list[_Piece] = field(default_factory=list)
    _kept: int = 0

    def add(self, offset: int, examples: Examples) -> None:
        """Add the examples of one record."""
        self.layout.extend(examples)
        self.offsets[offset] = self.offsets.get(offset, 0) + len(examples)
        if len(examples):
            low, high = int(examples.time_ms.min()), int(examples.time_ms.max())
            self.first_ms = low if self.first_ms is None else min(self.first_ms, low)
            self.last_ms = high if self.last_ms is None else max(self.last_ms, high)
        if isinstance(examples.label, Categories):
            self.labels.update(_counts(examples.label))
        for name, column in examples.features.items():
            if isinstance(column, Categories):
                self._remember(name, column)
        self._keep(examples)
        self.rows += len(examples)

    def profiled(self) -> tuple[int, dict[str, FloatArray], dict[str, list[str | None]]]:
        """How many rows are kept; their numbers and their categories, by feature and ``LABEL``; None is missing.

        A mixed feature is in neither: there is nothing that could be compared.
        """
        kinds: dict[str, Kind] = {**self.layout.features, LABEL: self.layout.label or "category"}
        numbers = {name: self._numbers(name) for name, kind in kinds.items() if kind == "number"}
        texts = {name: self._texts(name) for name, kind in kinds.items() if kind == "category"}
        return self._kept, numbers, texts

    def _remember(self, name: str, column: Categories) -> None:
        known = self.categories.setdefault(name, set())
        if known is not None:
            known.update(_counts(column))
            if len(known) > MOST_CATEGORIES:
                self.categories[name] = None

    def _keep(self, examples: Examples) -> None:
        columns = {**examples.features, LABEL: examples.label}
        piece = _Piece(np.arange(self.rows, self.rows + len(examples)), columns).thinned(self.step)
        self._pieces.append(piece)
        self._kept += piece.rows.size
        while self._kept > self.most_rows:
            self.step *= 2
            self._pieces = [one for one in (piece.thinned(self.step) for piece in self._pieces) if one.rows.size]
            self._kept = sum(one.rows.size for one in self._pieces)

    def _numbers(self, name: str) -> FloatArray:
        nothing = [np.empty(0)]
        found = [piece.columns.get(name, np.full(piece.rows.size, np.nan)) for piece in self._pieces]
        return np.concatenate([*nothing, *map(_floats, found)])

    def _texts(self, name: str) -> list[str | None]:
        values: list[str | None] = []
        for piece in self._pieces:
            column = piece.columns.get(name)
            values += column.to_list() if isinstance(column, Categories) else [None] * piece.rows.size
        return values


def _counts(column: Categories) -> Mapping[str, int]:
    counts = np.bincount(column.codes[column.codes >= 0], minlength=len(column.names)).tolist()
    return {name: count for name, count in zip(column.names, counts, strict=True) if count}


def _floats(column: Any) -> FloatArray:
    return np.asarray(column, np.float64)
