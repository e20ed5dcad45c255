"""A table as the events that it stands for: a prediction with its features, and its label, in each row."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from trimtab.config import ModelConfig, TableColumns
from trimtab.config.infer import MISSING_TEXTS
from trimtab.errors import ConfigError
from trimtab.events import EventError, canonical_value
from trimtab.events.columns import Categories, Column, FloatArray, IntArray, Texts
from trimtab.events.examples import Examples
from trimtab.events.tables import Features, PredictionTable, Sources
from trimtab.events.values import canonical_category
from trimtab.files import event_times, read_columns

__all__ = ["VERSION", "History", "read_history"]

VERSION = 1
"""The version that all rows are taken to have been served by."""

_CHUNK = 50_000
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", re.ASCII)
_STEP_MS = 1_000


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """Rows in time order; arrays have shape ``(n,)``.

    Parameters
    ----------
    rows
        Their numbers in the file, from 0; those that live would be refused are left out.
    label, prediction, score
        As in :class:`trimtab.events.examples.Examples`.
    refused
        Number of a row that is left out, to what is wrong with it.
    refused_ms
        Number of a row that is left out, to its event time.
    """

    rows: IntArray
    time_ms: IntArray
    features: Features
    label: Column | None
    prediction: Column
    score: FloatArray
    refused: Mapping[int, str]
    refused_ms: Mapping[int, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return self.rows.size

    @property
    def is_predicted(self) -> bool:
        """Whether any row has a prediction."""
        made = self.prediction
        return bool((made.codes >= 0).any() if isinstance(made, Categories) else not np.isnan(made).all())

    def take(self, where: slice) -> History:
        """Some of the rows."""
        return History(
            self.rows[where],
            self.time_ms[where],
            self.features.take(where),
            None if self.label is None else _take(self.label, where),
            _take(self.prediction, where),
            self.score[where],
            self.refused,
            self.refused_ms,
        )

    def chunks(self) -> Iterator[History]:
        """All rows, a chunk at a time."""
        for start in range(0, len(self), _CHUNK):
            yield self.take(slice(start, start + _CHUNK))

    def predictions(self, model: str) -> PredictionTable:
        """The rows as predictions, each from the offset of its number."""
        size = len(self)
        return PredictionTable(
            model,
            None,
            self.time_ms,
            np.full(size, VERSION, np.int32),
            np.full(size, -1, np.int64),
            self.prediction,
            self.score,
            self.features,
            self._sources(),
        )

    def examples(self, model: ModelConfig) -> tuple[Examples, Sources] | None:
        """The rows that have a label as examples, with their sources; None when none has, or nothing was predicted."""
        if self.label is None or not self.is_predicted:
            return None
        codes = self.label.codes >= 0 if isinstance(self.label, Categories) else ~np.isnan(self.label)
        where = np.flatnonzero(codes)
        if not where.size:
            return None
        size = where.size
        found = Examples(
            Texts.of([""] * size),
            self.time_ms[where],
            self.time_ms[where],
            np.full(size, VERSION, np.int32),
            np.full(size, -1, np.int64),
            self.time_ms[where],
            self.features.take(where).by_name(model),
            _take(self.label, where),
            _take(self.prediction, where),
            self.score[where],
        )
        return found, self._sources().take(where)

    def _sources(self) -> Sources:
        return Sources(0, self.rows, self.time_ms)


def read_history(path: Path, model: ModelConfig, *, features_only: bool = False) -> History:
    """Read a ``.csv``, ``.csv.gz`` or ``.parquet`` file by the model's features and ``columns``.

    Parameters
    ----------
    features_only
        Of ``columns``, those that the file has not are done without.

    Raises
    ------
    ConfigError
        If the file cannot be read, a column is not there, its times go back, or no row can be used.
    """
    columns = read_columns(path)
    if features_only:
        model = _narrowed(model, columns)
    named = {f"columns.{what}": name for what, name in model.columns.model_dump().items() if name is not None}
    for what, name in {**dict.fromkeys(model.features), **named}.items():
        column = name or what
        if column not in columns:
            raise ConfigError(
                f"{path}: no column {column!r}, which the configuration names as "
                f"{'a feature' if name is None else what}; the columns are {', '.join(columns)}"
            )
    count = len(next(iter(columns.values())))
    if not count:
        raise ConfigError(f"{path}: there is a header but no rows; add data")
    reader = _Reader(columns, model)
    found = event_times(path, columns, model.columns.time, step_ms=_STEP_MS, refuse=reader.refuse)
    times = np.array(found, np.int64)
    history = reader.history(times)
    if not len(history):
        row, why = next(iter(history.refused.items()))
        raise ConfigError(f"{path}: no row can be used; row {row}: {why}")
    return history


def _narrowed(model: ModelConfig, columns: Collection[str]) -> ModelConfig:
    """The model with those ``columns`` that there are."""
    there = {what: name if name in columns else None for what, name in model.columns.model_dump().items()}
    return model.model_copy(update={"columns": TableColumns(**there)})


class _Reader:
    """Columns by what they stand for; remembers which rows cannot be used, and why."""

    def __init__(self, columns: Mapping[str, Sequence[Any]], model: ModelConfig) -> None:
        self._columns = columns
        self._model = model
        self._refused: dict[int, str] = {}

    def history(self, times: IntArray) -> History:
        """All rows that can be used."""
        model, of = self._model, self._model.columns
        numbers = [self._numbers(name) for name in model.numeric]
        matrix = np.array(numbers, np.float64).reshape(len(numbers), times.size)
        categories = tuple(self._texts(name, canonical_category) for name in model.categorical)
        label = None if of.label is None else self._values(of.label)
        prediction = self._nothing(times.size) if of.prediction is None else self._values(of.prediction)
        score = np.full(times.size, np.nan) if of.score is None else self._scores(of.score)
        every = History(
            np.arange(times.size), times, Features(matrix, categories), label, prediction, score, self._refused
        )
        if not self._refused:
            return every
        kept: Any = np.setdiff1d(every.rows, list(self._refused))
        return replace(every.take(kept), refused_ms={row: int(times[row]) for row in self._refused})

    def _numbers(self, name: str) -> FloatArray:
        return np.array([self._number(row, name, value) for row, value in enumerate(self._columns[name])], np.float64)

    def _number(self, row: int, name: str, value: Any) -> float:
        if value is None:
            return np.nan
        if isinstance(value, int | float):
            if math.isinf(value):
                self.refuse(row, f"{name}: {value} is no number; leave a missing value empty")
            return float(value)
        # One text in a CSV column makes a text of every number in it.
        if isinstance(value, str) and value.strip() in MISSING_TEXTS:
            return np.nan
        if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
            return float(value)
        self.refuse(row, f"{name}: {value!r} where a number is expected")
        return np.nan

    def _scores(self, name: str) -> FloatArray:
        scores = self._numbers(name)
        for row in np.flatnonzero((scores < 0) | (scores > 1)).tolist():
            self.refuse(row, f"{name}: {scores[row]} is not a probability from 0 to 1")
        return scores

    def _values(self, name: str) -> Column:
        """Labels or predictions."""
        if self._model.task == "regression":
            return self._numbers(name)
        return self._texts(name, lambda value: str(canonical_value(value, self._model.task, name)))

    def _texts(self, name: str, canonical: Callable[[Any], str]) -> Categories:
        known: dict[tuple[type, Any], str | None] = {}
        texts: list[str | None] = []
        for row, value in enumerate(self._columns[name]):
            key = (type(value), value)
            if value is not None and key not in known:
                try:
                    known[key] = canonical(value)
                except EventError as error:
                    known[key] = None
                    self.refuse(row, error.detail)
            elif value is not None and known[key] is None:
                self.refuse(row, f"{name}: {value!r}")
            texts.append(None if value is None else known[key])
        return Categories.of(texts)

    def _nothing(self, size: int) -> Column:
        if self._model.task == "regression":
            return np.full(size, np.nan)
        return Categories(np.full(size, -1, np.int32), [])

    def refuse(self, row: int, why: str) -> None:
        """A row cannot be used."""
        self._refused.setdefault(row, why)


def _take(column: Column, where: Any) -> Column:
    return column.take(where) if isinstance(column, Categories) else column[where]
