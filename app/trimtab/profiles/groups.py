"""Rows of one window, version and segment, gathered by column and profiled in large pieces."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from trimtab.config import ModelConfig
from trimtab.events.columns import Categories, Column, FloatArray, IntArray, take
from trimtab.events.examples import Examples
from trimtab.events.tables import PredictionTable
from trimtab.profiles.basis import Basis
from trimtab.profiles.categorical import CategoricalProfile
from trimtab.profiles.frame import IDENTITY, Frame
from trimtab.profiles.numeric import NumericProfile
from trimtab.profiles.performance import PerformanceProfile
from trimtab.profiles.reference import PREDICTION, RECONSTRUCTION, SCORE, Reference
from trimtab.profiles.sample import RowSample
from trimtab.profiles.window import WindowProfile

__all__ = ["Group", "InputRows", "PerformanceRows", "split"]

# Rows profiled at once: large enough for NumPy, small enough for the memory of a busy collector.
_FOLD_ROWS = 65_536
_Placed = tuple[Basis, list[int]]


@dataclass(frozen=True, slots=True, eq=False)
class InputRows:
    """What is profiled of predictions; shapes ``(k, n)``, ``n`` and ``n``; times only where rows are sampled."""

    numbers: npt.NDArray[np.float64]
    categories: tuple[Categories, ...]
    prediction: Column
    score: FloatArray
    time_ms: IntArray | None = None

    @classmethod
    def of(cls, table: PredictionTable, model: ModelConfig) -> Self:
        """Those of a table, whose features are known."""
        if table.features is None:
            raise ValueError(f"predictions of {table.model} without features are not profiled")
        times = table.time_ms if model.drift.sample_rows else None
        return cls(table.features.numbers, table.features.categories, table.prediction, table.score, times)

    def take(self, rows: Any) -> Self:
        """These rows."""
        return type(self)(
            self.numbers[:, rows],
            tuple(column.take(rows) for column in self.categories),
            take(self.prediction, rows),
            self.score[rows],
            None if self.time_ms is None else self.time_ms[rows],
        )

    def __len__(self) -> int:
        return self.score.size

    @classmethod
    def profile(cls, parts: Sequence[Self], model: ModelConfig, reference: Reference | None) -> WindowProfile:
        """Profile of all parts together."""
        names = [*model.numeric, SCORE, *([PREDICTION] if model.task == "regression" else [])]
        basis = _basis(model, reference)
        if basis is not None:
            names.append(RECONSTRUCTION)
        frames = [reference.frame(name) if reference is not None else IDENTITY for name in names]
        numeric = dict(zip(names, cls._numeric(parts, frames, basis), strict=True))
        columns: dict[str, Any] = {}
        if model.task != "regression":
            columns[PREDICTION] = [part.prediction for part in parts]
        for k, name in enumerate(model.categorical):
            columns[name] = [part.categories[k] for part in parts]
        categorical = {
            name: _categorical(found, None if reference is None else reference.known(name))
            for name, found in columns.items()
        }
        return WindowProfile(sum(map(len, parts)), numeric, categorical, sample=_sampled(parts, model))

    def sample(self, model: ModelConfig) -> RowSample | None:
        """Some whole rows, where they are asked for."""
        if self.time_ms is None or not model.drift.sample_rows:
            return None
        numbers = dict(zip(model.numeric, self.numbers, strict=True))
        categories = dict(zip(model.categorical, self.categories, strict=True))
        return RowSample.of(model.drift.sample_rows, self.time_ms, numbers, categories)

    @classmethod
    def _numeric(cls, parts: Sequence[Self], frames: Sequence[Frame], basis: _Placed | None) -> list[NumericProfile]:
        """Profiles of all numbers of all parts: features, score, the prediction if it is a number, and errors."""
        rows = [part._rows(len(frames), basis) for part in parts]
        columns = zip(zip(*rows, strict=True), frames, strict=True)
        return [NumericProfile.of(of[0] if len(of) == 1 else np.concatenate(of), frame) for of, frame in columns]

    def _rows(self, width: int, basis: _Placed | None) -> list[FloatArray]:
        rows: list[Any] = [*self.numbers, self.score, self.prediction]
        if basis is None:
            return rows[:width]
        return [*rows[: width - 1], basis[0].errors(self.numbers[basis[1]])]


@dataclass(frozen=True, slots=True, eq=False)
class PerformanceRows:
    """What performance is measured on; ``score`` is NaN for none."""

    label: Column
    prediction: Column | None
    score: FloatArray | None

    @classmethod
    def of(cls, examples: Examples) -> Self:
        """Those of labelled examples."""
        return cls(examples.label, examples.prediction, examples.score)

    def take(self, rows: Any) -> Self:
        """These rows."""
        return type(self)(
            take(self.label, rows),
            None if self.prediction is None else take(self.prediction, rows),
            None if self.score is None else self.score[rows],
        )

    def __len__(self) -> int:
        return len(self.label)

    @classmethod
    def profile(cls, parts: Sequence[Self], model: ModelConfig, reference: Reference | None) -> WindowProfile:
        """Profile of all parts together."""
        performance = PerformanceProfile()
        for part in parts:
            performance = performance.merge(part._performance(model))
        return WindowProfile(sum(map(len, parts)), {}, {}, performance)

    def _performance(self, model: ModelConfig) -> PerformanceProfile:
        label, prediction = self.label, self.prediction
        if isinstance(label, Categories) and isinstance(prediction, Categories):
            score = self.score if model.task == "binary" else None
            return PerformanceProfile.of_categories(label, prediction, score)
        if isinstance(label, Categories) or isinstance(prediction, Categories) or prediction is None:
            return PerformanceProfile()
        made = ~np.isnan(prediction)
        return PerformanceProfile.of_regression(label[made], prediction[made])


class Group:
    """Rows of one window, version and segment; ``offsets`` is source partition to first and last offset."""

    def __init__(self, model: ModelConfig, reference: Reference | None) -> None:
        self._model = model
        self.reference = reference
        self._rows: list[Any] = []
        self._size = 0
        self._folded = WindowProfile.empty()
        self.last_produced_ms = 0
        self.offsets: dict[int, tuple[int, int]] = {}

    def add(self, rows: InputRows | PerformanceRows, partition: int, offset: IntArray, timestamp_ms: IntArray) -> None:
        """Take rows of one partition."""
        self._rows.append(rows)
        self._size += len(rows)
        self.last_produced_ms = max(self.last_produced_ms, int(timestamp_ms.max()))
        first, last = int(offset.min()), int(offset.max())
        before = self.offsets.get(partition, (first, last))
        self.offsets[partition] = min(before[0], first), max(before[1], last)
        if self._size >= _FOLD_ROWS:
            self._fold()

    def profile(self) -> WindowProfile:
        """Profile of all rows."""
        self._fold()
        return self._folded

    def _fold(self) -> None:
        if not self._rows:
            return
        found: WindowProfile = type(self._rows[0]).profile(self._rows, self._model, self.reference)
        self._folded = self._folded.merge(found)
        self._rows, self._size = [], 0


def split(*keys: npt.NDArray[Any]) -> Iterator[tuple[tuple[int, ...], Any]]:
    """Rows by their keys: each distinct combination, and its rows in their order.

    Examples
    --------
    >>> [(key, np.arange(3)[rows].tolist()) for key, rows in split(np.array([5, 7, 5]), np.array([1, 1, 1]))]
    [((5, 1), [0, 2]), ((7, 1), [1])]
    """
    varying = [key for key in keys if key[0] != key[-1] or (key != key[0]).any()]
    if not varying:
        yield tuple(int(key[0]) for key in keys), slice(None)
        return
    order = np.lexsort(varying[::-1]) if len(varying) > 1 else np.argsort(varying[0], kind="stable")
    changes = np.zeros(order.size - 1, np.bool_)
    for key in varying:
        sorted_key = key[order]
        changes |= sorted_key[1:] != sorted_key[:-1]
    for rows in np.split(order, np.flatnonzero(changes) + 1):
        # Consecutive rows are taken as a view.
        whole = rows[-1] - rows[0] + 1 == rows.size and (rows.size < 3 or bool((np.diff(rows) == 1).all()))
        yield tuple(int(key[rows[0]]) for key in keys), slice(int(rows[0]), int(rows[-1]) + 1) if whole else rows


def _basis(model: ModelConfig, reference: Reference | None) -> _Placed | None:
    """The reference's basis, and where its features are; None when it is not asked for or does not fit."""
    if reference is None or reference.basis is None or not model.drift.multivariate:
        return None
    rows = reference.basis.rows_in(model.numeric)
    return None if rows is None else (reference.basis, rows)


def _sampled(parts: Sequence[InputRows], model: ModelConfig) -> RowSample | None:
    samples = [found for part in parts if (found := part.sample(model)) is not None]
    return reduce(RowSample.merge, samples) if samples else None


def _categorical(parts: Sequence[Categories], known: frozenset[str] | None) -> CategoricalProfile:
    column = Categories.concat(parts)
    counts = np.bincount(column.codes + 1, minlength=1).tolist()
    found: dict[str | None, int] = {column.names[k]: count for k, count in enumerate(counts[1:]) if count}
    return CategoricalProfile.of_counts(found | {None: counts[0]}, known)
