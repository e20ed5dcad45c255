"""Typed JSON decoding: msgspec structs made from a model's features, and their columns.

What these decoders take, they take as :class:`trimtab.events.Decoder` does; what they do not take is decoded
there, one by one, which also says why an event is bad.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from operator import attrgetter
from typing import Annotated, Any, Literal

import msgspec
import numpy as np

from trimtab.config import ModelConfig
from trimtab.events.columns import Categories, Column, FloatArray, IntArray, Texts, take
from trimtab.events.errors import EventError, Reason
from trimtab.events.tables import Features, PredictionTable, Sources
from trimtab.events.typed_avro import AvroColumns
from trimtab.events.types import FeatureValue
from trimtab.events.values import MAX_MS, MIN_MS, canonical_category, canonical_value, parse_served, parse_time

__all__ = ["Id", "Scalar", "TypedFeatures", "TypedPredictions", "times_of"]

# Names kept for one categorical column; beyond it, numbering starts anew.
VOCABULARY = 10_000

Id = Annotated[str, msgspec.Meta(min_length=1)]
Number = float | bool | None
Scalar = str | int | float | bool
_NAN = float("nan")


class _Vocabulary(dict[Any, int]):
    """Raw category to number, found out at its first sight; ``names`` are the canonical texts."""

    def __init__(self, canonical: Callable[[Any], str]) -> None:
        super().__init__({None: -1})
        self._canonical = canonical
        self._numbers: dict[str, int] = {}
        self.names: list[str] = []

    def __missing__(self, value: Any) -> int:
        name = self._canonical(value)
        number = self._numbers.get(name)
        if number is None:
            number = self._numbers[name] = len(self.names)
            self.names.append(name)
        self[value] = number
        return number

    def column(self, values: Sequence[Any]) -> Categories:
        """The categories of raw values; raises EventError when one has no canonical text."""
        if len(self) > VOCABULARY:
            self.__init__(self._canonical)  # type: ignore[misc]  # earlier columns keep the old list of names
        return Categories(np.fromiter(map(self.__getitem__, values), np.int32, len(values)), self.names)


class TypedFeatures:
    """The features of one model, from JSON objects to columns."""

    def __init__(self, model: ModelConfig) -> None:
        self._model = model
        numeric = [(f"n{k}", name) for k, name in enumerate(model.numeric)]
        categorical = [(f"c{k}", name) for k, name in enumerate(model.categorical)]
        self.struct = msgspec.defstruct(
            "Features",
            [(key, Number, _NAN) for key, _ in numeric] + [(key, Scalar | None, None) for key, _ in categorical],
            rename=dict(numeric + categorical),
            gc=False,
        )
        self._width = len(numeric)
        self._numeric = _row_getter([key for key, _ in numeric], whole=not categorical)
        self._categorical = [(attrgetter(key), _Vocabulary(canonical_category)) for key, _ in categorical]
        self._decode = msgspec.json.Decoder(self.struct).decode

    def columns(self, rows: Sequence[Any]) -> Features:
        """Columns of decoded structs; raises EventError."""
        flat = chain.from_iterable(map(self._numeric, rows))
        numbers = np.fromiter(flat, np.float64, len(rows) * self._width).reshape(len(rows), self._width)
        categories = (vocabulary.column(list(map(get, rows))) for get, vocabulary in self._categorical)
        return Features(np.ascontiguousarray(numbers.T), tuple(categories))

    def of_columns(self, columns: Mapping[str, Any]) -> Features:
        """Features given by column: arrays of numbers, lists of texts; raises EventError."""
        numbers = [columns[name] for name in self._model.numeric]
        matrix = np.stack(numbers) if numbers else np.empty((0, len(next(iter(columns.values())))))
        lists = zip(self._model.categorical, self._categorical, strict=True)
        return Features(matrix, tuple(vocabulary.column(columns[name]) for name, (_, vocabulary) in lists))

    def check(self, row: Any) -> None:
        """Raise what :meth:`columns` would raise for one struct."""
        for get, vocabulary in self._categorical:
            vocabulary[get(row)]

    def decode(self, values: Sequence[bytes]) -> Features:
        """Columns of JSON objects; raises EventError or a msgspec error when one does not fit."""
        return self.columns([self._decode(value) for value in values])


class TypedPredictions:
    """The predictions of models that are read alike, from JSON to tables.

    Parameters
    ----------
    names
        Of the models; their field names, features, task and use of labels are the same.
    model
        The configuration of one of them.
    """

    def __init__(self, names: Sequence[str], model: ModelConfig) -> None:
        self.model = model
        self._names = frozenset(names)
        self._one = names[0] if len(names) == 1 else None
        # Without labels nothing is joined, and nobody asks for ids.
        self._ids = model.labels
        self.features = TypedFeatures(model)
        self._regression = model.task == "regression"
        fields = model.fields
        prediction: Any = Number if self._regression else Scalar | None
        struct = msgspec.defstruct(
            "Prediction",
            [
                ("id", Id),
                ("model", str if self._one is None else Literal[self._one]),
                ("time", int | float | str),
                ("version", str | None, None),
                ("features", self.features.struct | None, None),
                ("prediction", prediction, None),
                ("score", Number, None),
            ],
            rename={key: getattr(fields, key) for key in ("id", "time", "features", "prediction", "score")},
            gc=False,
        )
        self.decode: Callable[[bytes], Any] = msgspec.json.Decoder(struct).decode
        self._vocabulary = _Vocabulary(self._canonical)
        self._served: dict[tuple[str, str | None], tuple[int, int]] = {}

    def tables(self, rows: Sequence[Any], sources: Sources) -> list[PredictionTable]:
        """Tables of decoded structs, those of one model together: with features, and waiting for theirs.

        Raises EventError.
        """
        features = [row.features for row in rows]
        if None not in features:
            return self._tables(rows, features, sources, self._ids)
        whole = [k for k, found in enumerate(features) if found is not None]
        apart = [k for k, found in enumerate(features) if found is None]
        tables = self._tables([rows[k] for k in apart], None, sources.take(apart), True)
        if whole:
            found = [features[k] for k in whole]
            tables = self._tables([rows[k] for k in whole], found, sources.take(whole), self._ids) + tables
        return tables

    def of_avro(self, name: str, found: AvroColumns, sources: Sources) -> PredictionTable:
        """A table of one model's typed Avro records that all fit; raises EventError."""
        if found.time_ms.size and not (found.time_ms.min() >= MIN_MS and found.time_ms.max() <= MAX_MS):
            raise EventError(Reason.WRONG_TYPE, "a time is not milliseconds since 1970")
        given = found.prediction
        missing = np.isnan(given).tolist() if self._regression else None
        made = given if missing is None else [None if none else 0 for none in missing]
        version, learnt = self._versions(name, found.version, made)
        _check_scores(found.score)
        return PredictionTable(
            name,
            found.ids if self._ids else None,
            found.time_ms,
            version,
            learnt,
            given if self._regression else self._vocabulary.column(given),
            found.score,
            self.features.of_columns(found.features),
            sources,
        )

    def check(self, row: Any) -> None:
        """Raise what :meth:`tables` would raise for one struct."""
        parse_time(row.time, self.model.fields.time)
        self._check_model(row.model)
        self._serve(row.model, row.version, row.prediction)
        if not self._regression:
            self._vocabulary[row.prediction]
        if row.score is not None and not 0 <= row.score <= 1:
            raise _not_a_score(row.score)
        if row.features is not None:
            self.features.check(row.features)

    def _tables(
        self, rows: Sequence[Any], features: Sequence[Any] | None, sources: Sources, ids: bool
    ) -> list[PredictionTable]:
        """All columns are made at once and cut where another model begins: a table has a fixed cost."""
        time_ms = times_of([row.time for row in rows], self.model.fields.time)
        made = [row.prediction for row in rows]
        prediction = self._predictions(made)
        score = np.fromiter([row.score for row in rows], np.float64, len(rows))
        _check_scores(score)
        matrix = None if features is None else self.features.columns(features)
        served = [row.version for row in rows]
        tables = []
        for name, start, end in self._runs(rows):
            where = slice(start, end)
            version, learnt = self._versions(name, served[where], made[where])
            tables.append(
                PredictionTable(
                    name,
                    Texts.of([row.id for row in rows[where]]) if ids else None,
                    time_ms[where],
                    version,
                    learnt,
                    take(prediction, where),
                    score[where],
                    None if matrix is None else matrix.take(where),
                    sources.take(where),
                )
            )
        return tables

    def _runs(self, rows: Sequence[Any]) -> list[tuple[str, int, int]]:
        """Models, and where their rows start and end; raises EventError."""
        if self._one is not None:
            return [(self._one, 0, len(rows))]
        names = [row.model for row in rows]
        starts = [0, *[k for k in range(1, len(names)) if names[k] != names[k - 1]]]
        for start in starts:
            self._check_model(names[start])
        return [(names[start], start, end) for start, end in zip(starts, [*starts[1:], len(names)], strict=True)]

    def _check_model(self, name: str) -> None:
        if name not in self._names:
            raise EventError(Reason.UNKNOWN_MODEL, f"model {name!r} is not configured, or is read differently")

    def _predictions(self, values: list[Any]) -> Column:
        if self._regression:
            return np.fromiter(values, np.float64, len(values))
        return self._vocabulary.column(values)

    def _canonical(self, value: Any) -> str:
        return str(canonical_value(value, self.model.task, self.model.fields.prediction))

    def _versions(self, name: str, served: list[str | None], predictions: list[Any]) -> tuple[Any, IntArray]:
        if served.count(served[0]) == len(served):
            version, learnt = self._serve(name, served[0], None if None in predictions else predictions[0])
            return np.full(len(served), version, np.int32), np.full(len(served), learnt, np.int64)
        pairs = [self._serve(name, one, prediction) for one, prediction in zip(served, predictions, strict=True)]
        both = np.array(pairs, np.int64).reshape(len(pairs), 2)
        return both[:, 0].astype(np.int32), both[:, 1].copy()

    def _serve(self, name: str, served: str | None, prediction: Any) -> tuple[int, int]:
        found = self._served.get((name, served))
        if found is None:
            version, learnt = parse_served(served, name)
            if len(self._served) > VOCABULARY:
                self._served.clear()
            found = self._served[name, served] = version, -1 if learnt is None else learnt
        if found[0] and prediction is None:
            raise EventError(Reason.MISSING_FIELD, f"{self.model.fields.prediction} is missing though version is given")
        return found


def times_of(values: list[Any], field: str) -> IntArray:
    """Milliseconds of times as they came; raises EventError."""
    kinds = set(map(type, values))
    if kinds <= {int, float}:
        try:
            times = np.fromiter(values, np.int64, len(values))
        except OverflowError:
            times = np.array([MAX_MS + 1])
        # A fraction beyond either end is cut off before it can be seen; the slow way sees it.
        if not times.size or (times.min() > MIN_MS and times.max() < MAX_MS):
            return times
    return np.array([parse_time(value, field) for value in values], np.int64)


def _check_scores(scores: FloatArray) -> None:
    # NaN is none, and makes both comparisons false.
    if (scores < 0).any() or (scores > 1).any():
        raise _not_a_score(scores)


def _not_a_score(score: object) -> EventError:
    return EventError(Reason.WRONG_TYPE, f"score: {score} is not a probability from 0 to 1")


def _row_getter(keys: list[str], *, whole: bool) -> Callable[[Any], Iterable[FeatureValue]]:
    if whole:
        return msgspec.structs.astuple
    if len(keys) > 1:
        return attrgetter(*keys)
    return (lambda row: ()) if not keys else (lambda row, get=attrgetter(keys[0]): (get(row),))  # type: ignore[misc]
