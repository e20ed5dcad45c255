"""Labelled examples by column: what the collector writes to the examples log, and models learn from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from trimtab.config import ModelConfig
from trimtab.events.column_wire import column_from_wire, column_to_wire, numbers, texts_from_wire, texts_to_wire
from trimtab.events.columns import Categories, CodeArray, Column, FloatArray, IntArray, Texts, take
from trimtab.events.schemas import decode, encode
from trimtab.events.tables import Features, value_column
from trimtab.events.types import Example, FeatureValue, Value

__all__ = ["Examples", "decode_examples", "encode_examples"]

_LONG, _INT = np.dtype("<i8"), np.dtype("<i4")


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """Labelled examples of one model; arrays have shape ``(n,)``.

    Parameters
    ----------
    time_ms, label_time_ms
        Event times of the predictions and of their labels.
    version, learnt
        The served version, 0 for none, and the examples offset that it had learnt, -1 for none.
    produced_ms
        Kafka timestamps of the label records, wall time.
    features
        Name to column, in the order in which models see them.
    label, prediction
        Canonical: categories, or numbers for regression. A prediction may be missing, or all of them (None).
    score
        NaN for none; None when there is none at all.

    Examples
    --------
    >>> from trimtab.config import parse_config
    >>> text = "models: {m: {task: binary, features: {a: {type: numeric}}, factory: {class: 'x:Y'}}}"
    >>> config = parse_config(text, source="example", environ={}).models["m"]
    >>> rows = [Example("e1", 5, 9, {"a": None}, "1", None, None, 0, None, 9)]
    >>> examples = decode_examples(encode_examples("m", Examples.of(rows, config)))
    >>> examples.rows() == rows, len(examples), examples.label.to_list()
    (True, 1, ['1'])
    """

    ids: Texts
    time_ms: IntArray
    label_time_ms: IntArray
    version: CodeArray
    learnt: IntArray
    produced_ms: IntArray
    features: dict[str, Column]
    label: Column
    prediction: Column | None
    score: FloatArray | None

    @classmethod
    def of(cls, rows: Sequence[Example], config: ModelConfig) -> Self:
        """The columns of a list, with the features that the configuration names."""
        features = [{name: row.features.get(name) for name in config.features} for row in rows]
        return cls(
            Texts.of([row.id for row in rows]),
            np.array([row.time_ms for row in rows], np.int64),
            np.array([row.label_time_ms for row in rows], np.int64),
            np.array([row.version for row in rows], np.int32),
            np.array([-1 if row.learnt_offset is None else row.learnt_offset for row in rows], np.int64),
            np.array([row.produced_ms for row in rows], np.int64),
            Features.of(features, config).by_name(config),
            value_column([row.label for row in rows], config.task),
            value_column([row.prediction for row in rows], config.task),
            np.array([row.score for row in rows], np.float64),
        )

    @classmethod
    def concat(cls, parts: Sequence[Self]) -> Self:
        """All parts, one after the other; at least one, all of one model."""
        if len(parts) == 1:
            return parts[0]
        return cls(
            Texts.concat([part.ids for part in parts]),
            np.concatenate([part.time_ms for part in parts]),
            np.concatenate([part.label_time_ms for part in parts]),
            np.concatenate([part.version for part in parts]),
            np.concatenate([part.learnt for part in parts]),
            np.concatenate([part.produced_ms for part in parts]),
            {name: _concat([part.features[name] for part in parts]) for name in parts[0].features},
            _concat([part.label for part in parts]),
            _concat_optional([part.prediction for part in parts], parts),
            _concat_optional([part.score for part in parts], parts),  # type: ignore[arg-type]  # floats stay floats
        )

    def __len__(self) -> int:
        return self.time_ms.size

    def __iter__(self) -> Iterator[Example]:
        return iter(self.rows())

    def take(self, rows: IntArray) -> Self:
        """The examples of these rows, in this order."""
        return type(self)(
            self.ids.take(rows),
            self.time_ms[rows],
            self.label_time_ms[rows],
            self.version[rows],
            self.learnt[rows],
            self.produced_ms[rows],
            {name: take(column, rows) for name, column in self.features.items()},
            take(self.label, rows),
            None if self.prediction is None else take(self.prediction, rows),
            None if self.score is None else self.score[rows],
        )

    def order(self) -> IntArray:
        """Row numbers in the order of label time, then time, then id as strings compare."""
        order = np.lexsort((self.time_ms, self.label_time_ms))
        times, label_times = self.time_ms[order], self.label_time_ms[order]
        new = np.ones(order.size + 1, np.bool_)
        new[1:-1] = (times[1:] != times[:-1]) | (label_times[1:] != label_times[:-1])
        tied = np.flatnonzero(~(new[:-1] & new[1:]))
        if tied.size:
            # Ties keep their places among the others, and ids are compared only within them.
            rows = order[tied]
            found = zip(np.cumsum(new)[tied].tolist(), self.ids.take(rows).to_list(), rows.tolist(), strict=True)
            order[tied] = [row for _, _, row in sorted(found)]
        return order

    def feature_rows(self) -> list[dict[str, Any]]:
        """Features of each example; None is missing."""
        return _feature_rows({name: _values(column) for name, column in self.features.items()}, len(self))

    def inputs(self) -> list[dict[str, Any]]:
        """Features of each example as River models take them: a missing one is absent."""
        rows = self.feature_rows()
        for row in self.incomplete():
            rows[row] = {name: value for name, value in rows[row].items() if value is not None}
        return rows

    def incomplete(self) -> list[int]:
        """Rows of the examples that lack a feature, ascending."""
        lacking = np.zeros(len(self), np.bool_)
        for column in self.features.values():
            lacking |= _missing(column)
        rows: list[int] = np.flatnonzero(lacking).tolist()
        return rows

    def labels(self) -> list[Value]:
        """The label of each example."""
        return _values(self.label)

    def rows(self) -> list[Example]:
        """The examples one by one; None is missing."""
        nothing = [None] * len(self)
        learnt: list[int | None] = self.learnt.tolist()
        for row in np.flatnonzero(self.learnt < 0).tolist():
            learnt[row] = None
        return list(
            map(
                Example,
                self.ids.to_list(),
                self.time_ms.tolist(),
                self.label_time_ms.tolist(),
                self.feature_rows(),
                self.labels(),
                nothing if self.prediction is None else _values(self.prediction),
                nothing if self.score is None else _values(self.score),
                self.version.tolist(),
                learnt,
                self.produced_ms.tolist(),
            )
        )


def encode_examples(model: str, examples: Examples) -> bytes:
    """One record of schema ``example_batch``; equal examples are equal bytes."""
    ids, id_ends = texts_to_wire(examples.ids)
    record = {
        "model": model,
        "count": len(examples),
        "ids": ids,
        "id_ends": id_ends,
        "times": examples.time_ms.astype(_LONG, copy=False).tobytes(),
        "label_times": examples.label_time_ms.astype(_LONG, copy=False).tobytes(),
        "versions": examples.version.astype(_INT, copy=False).tobytes(),
        "learnt_offsets": examples.learnt.astype(_LONG, copy=False).tobytes(),
        "produced": examples.produced_ms.astype(_LONG, copy=False).tobytes(),
        "columns": [_to_wire(name, column) for name, column in examples.features.items()],
        "label": _to_wire("label", examples.label),
        "prediction": _optional_to_wire("prediction", examples.prediction),
        "score": _optional_to_wire("score", examples.score),
    }
    return encode("example_batch", record)


def decode_examples(data: bytes) -> Examples:
    """Read what :func:`encode_examples` wrote.

    Raises
    ------
    ValueError
        The bytes are no such record, or its columns do not fit each other.
    """
    wire = decode("example_batch", data)
    count = wire["count"]
    features = {column["name"]: column_from_wire(column, count) for column in wire["columns"]}
    if len(features) != len(wire["columns"]):
        raise ValueError("two columns have the same name")
    label, prediction, score = (_from_wire(wire[name], count) for name in ("label", "prediction", "score"))
    if label is None or _missing(label).any():
        raise ValueError("an example has no label")
    if prediction is not None and isinstance(prediction, Categories) != isinstance(label, Categories):
        raise ValueError("labels and predictions are of two kinds")
    if isinstance(score, Categories):
        raise ValueError("scores are no numbers")
    return Examples(
        texts_from_wire(wire["ids"], wire["id_ends"], count, "ids"),
        numbers(wire["times"], _LONG, count, "times"),
        numbers(wire["label_times"], _LONG, count, "label_times"),
        numbers(wire["versions"], _INT, count, "versions"),
        numbers(wire["learnt_offsets"], _LONG, count, "learnt_offsets"),
        numbers(wire["produced"], _LONG, count, "produced"),
        features,
        label,
        prediction,
        score,
    )


def _to_wire(name: str, column: Column) -> dict[str, Any]:
    return column_to_wire(name, _compact(column) if isinstance(column, Categories) else column)


def _optional_to_wire(name: str, column: Column | None) -> dict[str, Any] | None:
    return None if column is None or _missing(column).all() else _to_wire(name, column)


def _from_wire(wire: Mapping[str, Any] | None, count: int) -> Column | None:
    return None if wire is None else column_from_wire(wire, count)


def _compact(column: Categories) -> Categories:
    """Only the names in use, in the order in which they come: rows share a list that may be far longer."""
    codes, first = np.unique(column.codes, return_index=True)
    used = codes[np.argsort(first)]
    used = used[used >= 0]
    to = np.full(len(column.names) + 1, -1, np.int32)
    to[used] = np.arange(used.size)
    return Categories(to[column.codes], [column.names[code] for code in used.tolist()])


def _concat(columns: Sequence[Column]) -> Column:
    categories = [column for column in columns if isinstance(column, Categories)]
    return Categories.concat(categories) if categories else np.concatenate(columns)  # type: ignore[arg-type]


def _concat_optional(columns: Sequence[Column | None], parts: Sequence[Examples]) -> Column | None:
    """One column, None when no part has it; where only some have it, the others' values are missing."""
    known = next((column for column in columns if column is not None), None)
    if known is None:
        return None
    return _concat(
        [
            _all_missing(known, len(part)) if column is None else column
            for column, part in zip(columns, parts, strict=True)
        ]
    )


def _all_missing(like: Column, count: int) -> Column:
    if isinstance(like, Categories):
        return Categories(np.full(count, -1, np.int32), like.names)
    return np.full(count, np.nan)


def _missing(column: Column) -> npt.NDArray[np.bool_]:
    return column.codes < 0 if isinstance(column, Categories) else np.isnan(column)


def _values(column: Column) -> list[Any]:
    """Python values, None for missing."""
    if isinstance(column, Categories):
        return column.to_list()
    values: list[Any] = column.tolist()
    for row in np.flatnonzero(np.isnan(column)).tolist():
        values[row] = None
    return values


def _feature_rows(columns: dict[str, list[FeatureValue]], count: int) -> list[dict[str, FeatureValue]]:
    if not columns:
        return [{} for _ in range(count)]
    names = tuple(columns)
    return [dict(zip(names, row)) for row in zip(*columns.values(), strict=True)]  # noqa: B905  one value a name
