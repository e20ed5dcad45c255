"""Examples as an Arrow table: one row an example, one column a feature."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from trimtab.events.columns import Categories, Column
from trimtab.events.examples import Examples

__all__ = ["Kind", "Layout", "Part", "column_name"]

Kind = Literal["number", "category", "mixed"]

_TIME = pa.timestamp("ms", tz="UTC")
_BEFORE = (
    ("__offset__", pa.int64()),
    ("__position__", pa.int32()),
    ("__learnt_by__", pa.int32()),
    ("__id__", pa.string()),
    ("__time__", _TIME),
    ("__label_time__", _TIME),
    ("__produced__", _TIME),
    ("__served__", pa.int32()),
    ("__served_learnt__", pa.int64()),
)


@dataclass(frozen=True, slots=True)
class Part:
    """The examples of one record, its offset, and the version that learnt it."""

    offset: int
    version: int
    examples: Examples


def column_name(feature: str) -> str:
    """Column of a feature: its name, unless that looks like one of ours.

    Examples
    --------
    >>> column_name("age"), column_name("__label__")
    ('age', '__feature__.__label__')
    """
    return f"__feature__.{feature}" if feature.startswith("__") else feature


@dataclass(slots=True)
class Layout:
    """Which columns examples have, all records together: configurations, and so features, change with time.

    A feature that is a number in some records and a category in others is ``mixed``: text, numbers as Python writes
    them.

    Examples
    --------
    >>> from trimtab.events import Example
    >>> from trimtab.config import parse_config
    >>> text = "models: {m: {task: binary, features: {a: {type: numeric}}, factory: {class: 'x:Y'}}}"
    >>> config = parse_config(text, source="example", environ={}).models["m"]
    >>> examples = Examples.of([Example("e1", 5, 9, {"a": None}, "1", None, None, 0, None, 9)], config)
    >>> layout = Layout()
    >>> layout.extend(examples)
    >>> layout.features, layout.table([Part(7, 1, examples)]).select(["__offset__", "a", "__label__"]).to_pylist()
    ({'a': 'number'}, [{'__offset__': 7, 'a': None, '__label__': '1'}])
    """

    features: dict[str, Kind] = field(default_factory=dict)
    label: Kind | None = None

    def extend(self, examples: Examples) -> None:
        """Make place for the columns of one more record."""
        for name, column in examples.features.items():
            self.features[name] = _joined(self.features.get(name), column)
        self.label = _joined(self.label, examples.label)

    def schema(self) -> pa.Schema:
        """Names and types of the columns, in their order."""
        features = [(column_name(name), _arrow_type(kind)) for name, kind in self.features.items()]
        answer = _arrow_type(self.label or "category")
        after = [("__label__", answer), ("__prediction__", answer), ("__score__", pa.float64())]
        return pa.schema([*_BEFORE, *features, *after])

    def table(self, parts: Sequence[Part]) -> pa.Table:
        """All examples of some records, in their order; at least one record.

        Missing values are null: NaN, by which examples have them, is not a number that anybody sent.
        """
        examples = [part.examples for part in parts]
        sizes = [len(one) for one in examples]
        version, learnt = (np.concatenate([getattr(one, name) for one in examples]) for name in ("version", "learnt"))

        def times(name: str) -> pa.Array:
            return pa.array(np.concatenate([getattr(one, name) for one in examples]), pa.int64()).cast(_TIME)

        columns = [
            pa.array(np.repeat(np.array([part.offset for part in parts], np.int64), sizes)),
            pa.array(np.concatenate([np.arange(size, dtype=np.int32) for size in sizes])),
            pa.array(np.repeat(np.array([part.version for part in parts], np.int32), sizes)),
            pa.array([name for one in examples for name in one.ids.to_list()], pa.string()),
            *map(times, ("time_ms", "label_time_ms", "produced_ms")),
            pa.array(version, pa.int32(), mask=version == 0),
            pa.array(learnt, pa.int64(), mask=learnt < 0),
            *(
                _arrow(kind, ((one.features.get(name), len(one)) for one in examples))
                for name, kind in self.features.items()
            ),
            _arrow(self.label or "category", ((one.label, len(one)) for one in examples)),
            _arrow(self.label or "category", ((one.prediction, len(one)) for one in examples)),
            _arrow("number", ((one.score, len(one)) for one in examples)),
        ]
        return pa.table(columns, schema=self.schema())


def _joined(known: Kind | None, column: Column) -> Kind:
    kind: Kind = "category" if isinstance(column, Categories) else "number"
    return kind if known in (None, kind) else "mixed"


def _arrow_type(kind: Kind) -> pa.DataType:
    return pa.float64() if kind == "number" else pa.string()


def _arrow(kind: Kind, columns: Iterable[tuple[Column | None, int]]) -> pa.Array:
    """One column of all records; where a record has none, its values are missing."""
    to: Callable[[Any], pa.Array] = _numbers if kind == "number" else _texts
    made = [pa.nulls(size, _arrow_type(kind)) if column is None else to(column) for column, size in columns]
    return pa.concat_arrays(made)


def _numbers(column: Any) -> pa.Array:
    values = np.asarray(column, np.float64)
    return pa.array(values, pa.float64(), mask=np.isnan(values))


def _texts(column: Column) -> pa.Array:
    if not isinstance(column, Categories):
        return pa.array([None if np.isnan(value) else repr(value) for value in column.tolist()], pa.string())
    codes = pa.array(column.codes, pa.int32(), mask=column.codes < 0)
    return pa.array(column.names, pa.string()).take(codes)
