"""Events of one partition by column: what the collector works on from the wire to its outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from trimtab.config import ModelConfig
from trimtab.events.columns import Categories, CodeArray, Column, FloatArray, IntArray, Texts
from trimtab.events.types import FeatureValue, PredictionEvent, Value

__all__ = ["Features", "FeatureTable", "LabelTable", "PredictionTable", "Sources", "value_column"]


class _Rows:
    """A dataclass of columns; what is no column (a name, a partition) is the same in all parts of one table."""

    __slots__ = ()

    @classmethod
    def concat(cls, parts: Sequence[Self]) -> Self:
        """All parts, one after the other."""
        if len(parts) == 1:
            return parts[0]
        names = [field.name for field in fields(cls)]  # type: ignore[arg-type]  # every subclass is a dataclass
        return cls(*(_joined([getattr(part, name) for part in parts]) for name in names))

    def take(self, rows: Any) -> Self:
        """The rows of these numbers or this slice, in this order."""
        names = [field.name for field in fields(self)]  # type: ignore[arg-type]
        return type(self)(*(_taken(getattr(self, name), rows) for name in names))


@dataclass(frozen=True, slots=True, eq=False)
class Sources(_Rows):
    """Where rows came from: one partition, their offsets, and Kafka's timestamps (wall time, ms); shape ``(n,)``."""

    partition: int
    offset: IntArray
    timestamp_ms: IntArray

    def take(self, rows: Any) -> Self:
        """The sources of these rows; by hand, since there is one for each small table."""
        return type(self)(self.partition, self.offset[rows], self.timestamp_ms[rows])

    def __len__(self) -> int:
        return self.offset.size


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """Features of one model, typed.

    Parameters
    ----------
    numbers
        Shape ``(k, n)``: one row per numeric feature in the configuration's order; NaN is missing.
    categories
        One column per categorical feature in the configuration's order.
    """

    numbers: npt.NDArray[np.float64]
    categories: tuple[Categories, ...]

    @classmethod
    def of(cls, rows: Sequence[dict[str, FeatureValue]], model: ModelConfig) -> Self:
        """Canonical features of some events."""
        numbers = np.array([[row[name] for row in rows] for name in model.numeric], np.float64)
        categories = (Categories.of(row[name] for row in rows) for name in model.categorical)  # type: ignore[misc]
        return cls(numbers.reshape(len(model.numeric), len(rows)), tuple(categories))

    @classmethod
    def concat(cls, parts: Sequence[Self]) -> Self:
        """All parts, one after the other."""
        if len(parts) == 1:
            return parts[0]
        columns = zip(*(part.categories for part in parts), strict=True)
        return cls(
            np.concatenate([part.numbers for part in parts], axis=1),
            tuple(Categories.concat(column) for column in columns),
        )

    def take(self, rows: Any) -> Self:
        """The features of these rows, in this order."""
        return type(self)(self.numbers[:, rows], tuple(column.take(rows) for column in self.categories))

    def by_name(self, model: ModelConfig) -> dict[str, Column]:
        """Feature name to column, in the configuration's order."""
        found: dict[str, Column] = dict(zip(model.numeric, self.numbers, strict=True))
        found |= dict(zip(model.categorical, self.categories, strict=True))
        return {name: found[name] for name in model.features}


@dataclass(frozen=True, slots=True, eq=False)
class PredictionTable(_Rows):
    """Predictions of one model.

    Parameters
    ----------
    ids
        Event ids; None where nobody asks for them.
    time_ms
        Event time.
    version, learnt
        The served version, 0 for none, and the examples offset that it had learnt, -1 for none.
    prediction
        Canonical: categories, or numbers for regression; -1 or NaN for none.
    score
        NaN for none.
    features
        None when they come apart, in feature events.
    """

    model: str
    ids: Texts | None
    time_ms: IntArray
    version: CodeArray
    learnt: IntArray
    prediction: Column
    score: FloatArray
    features: Features | None
    sources: Sources

    @property
    def kind(self) -> tuple[object, ...]:
        """Tables of one kind can be put together."""
        return self.model, self.features is None

    @classmethod
    def of(cls, events: Sequence[PredictionEvent], model: ModelConfig, sources: Sources) -> Self:
        """Events of one model that all carry their features, or none does."""
        features = [event.features for event in events if event.features is not None]
        return cls(
            events[0].model,
            Texts.of([event.id for event in events]),
            np.array([event.time_ms for event in events], np.int64),
            np.array([event.version for event in events], np.int32),
            np.array([-1 if event.learnt_offset is None else event.learnt_offset for event in events], np.int64),
            value_column([event.prediction for event in events], model.task),
            np.array([event.score for event in events], np.float64),
            Features.of(features, model) if features else None,
            sources,
        )

    def __len__(self) -> int:
        return self.time_ms.size


@dataclass(frozen=True, slots=True, eq=False)
class FeatureTable(_Rows):
    """Feature events; ``values`` are their features as JSON objects, typed when a prediction names the model."""

    ids: Texts
    time_ms: IntArray
    values: Texts
    sources: Sources

    @property
    def kind(self) -> tuple[object, ...]:
        """Tables of one kind can be put together."""
        return ()

    def __len__(self) -> int:
        return self.time_ms.size


@dataclass(frozen=True, slots=True, eq=False)
class LabelTable(_Rows):
    """Labels for one model, or (None) for every model that predicted their ids.

    Parameters
    ----------
    label
        As they came: text as categories; numbers and booleans as numbers.
    """

    model: str | None
    ids: Texts
    time_ms: IntArray
    label: Column
    sources: Sources

    @property
    def kind(self) -> tuple[object, ...]:
        """Tables of one kind can be put together."""
        return self.model, isinstance(self.label, Categories)

    def __len__(self) -> int:
        return self.time_ms.size


def value_column(values: Sequence[Value | None], task: str) -> Column:
    """Canonical labels or predictions as a column."""
    if task == "regression":
        return np.array(values, np.float64)
    return Categories.of(values)  # type: ignore[arg-type]  # canonical values of classification are text


def _joined(values: list[Any]) -> Any:
    first = values[0]
    if isinstance(first, np.ndarray):
        return np.concatenate(values)
    if first is None or isinstance(first, (str, int)):
        return first
    return type(first).concat(values)


def _taken(value: Any, rows: Any) -> Any:
    if value is None or isinstance(value, (str, int)):
        return value
    return value[rows] if isinstance(value, np.ndarray) else value.take(rows)
