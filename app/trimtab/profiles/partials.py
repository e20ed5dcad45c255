"""Partial profiles of one model between two flushes of a collector: rows in, one profile record out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson

from trimtab.config import ModelConfig
from trimtab.events import Example, FeatureValue, PredictionEvent, Value
from trimtab.profiles.categorical import CategoricalProfile
from trimtab.profiles.frame import IDENTITY
from trimtab.profiles.numeric import NumericProfile
from trimtab.profiles.performance import PerformanceProfile
from trimtab.profiles.reference import PREDICTION, SCORE, Reference
from trimtab.profiles.window import WindowProfile

__all__ = ["Partials"]

_Key = tuple[str, int, str, int]


@dataclass(slots=True)
class _Group:
    """Rows of one kind, version, segment and window."""

    rows: list[Any] = field(default_factory=list)
    last_produced_ms: int = 0
    offsets: dict[int, list[int]] = field(default_factory=dict)

    def add(self, row: Any, partition: int, offset: int, timestamp_ms: int) -> None:
        self.rows.append(row)
        self.last_produced_ms = max(self.last_produced_ms, timestamp_ms)
        span = self.offsets.setdefault(partition, [offset, offset])
        span[0], span[1] = min(span[0], offset), max(span[1], offset)


class Partials:
    """Gathers resolved predictions and labelled examples of one model.

    Parameters
    ----------
    name, model
        The model and its configuration.
    reference_of
        Reference of a version, or None while it has none.
    """

    def __init__(self, name: str, model: ModelConfig, reference_of: Callable[[int], Reference | None]) -> None:
        self._name = name
        self._model = model
        self._reference_of = reference_of
        self._groups: dict[_Key, _Group] = {}
        self._clocks: dict[tuple[str, int], int] = {}
        self.counts: Counter[str] = Counter()

    def __bool__(self) -> bool:
        return bool(self._groups or self.counts)

    def add_prediction(
        self, event: PredictionEvent, features: Mapping[str, FeatureValue], source: tuple[int, int, int]
    ) -> None:
        """A prediction whose features are known; ``source`` is partition, offset and Kafka timestamp."""
        row = (features, event.prediction, event.score)
        self._add(("inputs", event.version), features, event.time_ms, row, source)
        self.counts["predictions"] += 1

    def add_example(self, example: Example, source: tuple[int, int, int]) -> None:
        """A labelled example; ``source`` is that of its label."""
        row = (example.label, example.prediction, example.score)
        self._add(("performance", example.version), example.features, example.time_ms, row, source)
        self.counts["examples"] += 1

    def build(self, source_partitions: int) -> dict[str, Any]:
        """The profile record of everything gathered, as schema ``profile`` has it; starts anew."""
        record = {
            "model": self._name,
            "source_partitions": source_partitions,
            "clocks": [
                {"kind": kind, "partition": partition, "time_ms": time_ms}
                for (kind, partition), time_ms in sorted(self._clocks.items())
            ],
            "counts": dict(self.counts),
            "profiles": [self._profile(key, group) for key, group in self._groups.items()],
        }
        self.clear()
        return record

    def clear(self) -> None:
        """Forget everything gathered."""
        self._groups.clear()
        self._clocks.clear()
        self.counts.clear()

    def _add(
        self,
        of: tuple[str, int],
        features: Mapping[str, FeatureValue],
        time_ms: int,
        row: Any,
        source: tuple[int, int, int],
    ) -> None:
        kind, version = of
        partition, offset, timestamp_ms = source
        start_ms = time_ms - time_ms % self._model.window.size
        for segment in self._segments(features):
            group = self._groups.setdefault((kind, version, segment, start_ms), _Group())
            group.add(row, partition, offset, timestamp_ms)
        clock = (kind, partition)
        self._clocks[clock] = max(self._clocks.get(clock, time_ms), time_ms)

    def _segments(self, features: Mapping[str, FeatureValue]) -> list[str]:
        segments = [""]
        for name in self._model.segments:
            value = features.get(name)
            spec = self._model.features[name]
            known = getattr(spec, "values", ())
            text = "(missing)" if value is None else str(value)
            # An open-ended category must not make open-ended windows.
            segments.append(f"{name}={text if text in known or value is None else '(other)'}")
        return segments

    def _profile(self, key: _Key, group: _Group) -> dict[str, Any]:
        kind, version, segment, start_ms = key
        reference = self._reference_of(version) if version else None
        sketch = self._inputs(group, reference) if kind == "inputs" else self._performance(group)
        return {
            "kind": kind,
            "version": version,
            "reference": reference.id if reference is not None else None,
            "segment": segment,
            "start_ms": start_ms,
            "end_ms": start_ms + self._model.window.size,
            "last_produced_ms": group.last_produced_ms,
            "offsets": [
                {"partition": partition, "first": first, "last": last}
                for partition, (first, last) in sorted(group.offsets.items())
            ],
            "sketch": orjson.dumps(sketch.to_wire()),
        }

    def _inputs(self, group: _Group, reference: Reference | None) -> WindowProfile:
        rows: list[tuple[Mapping[str, FeatureValue], Value | None, float | None]] = group.rows
        columns: dict[str, list[Any]] = {name: [row[0].get(name) for row in rows] for name in self._model.numeric}
        columns[SCORE] = [row[2] for row in rows]
        categories = {name: [row[0].get(name) for row in rows] for name in self._model.categorical}
        if self._model.task == "regression":
            columns[PREDICTION] = [row[1] for row in rows]
        else:
            categories[PREDICTION] = [row[1] for row in rows]
        numeric = {
            # None becomes NaN, which is missing.
            name: NumericProfile.of(
                np.array(values, dtype=np.float64), reference.frame(name) if reference is not None else IDENTITY
            )
            for name, values in columns.items()
        }
        categorical = {
            name: CategoricalProfile.of(
                [None if value is None else str(value) for value in values],
                reference.known(name) if reference is not None else None,
            )
            for name, values in categories.items()
        }
        return WindowProfile(count=len(rows), numeric=numeric, categorical=categorical, performance=None)

    def _performance(self, group: _Group) -> WindowProfile:
        made = [row for row in group.rows if row[1] is not None]
        labels, predictions = [row[0] for row in made], [row[1] for row in made]
        if self._model.task == "regression":
            performance = PerformanceProfile.of_regression(labels, predictions)
        else:
            binary = self._model.task == "binary"
            scores = [row[2] if binary else None for row in made]
            performance = PerformanceProfile.of_classification(labels, predictions, scores)
        return WindowProfile(count=len(group.rows), numeric={}, categorical={}, performance=performance)
