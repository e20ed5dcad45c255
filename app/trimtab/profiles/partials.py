"""Partial profiles of one model between two flushes of a collector: tables in, one profile record out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from trimtab.config import ModelConfig
from trimtab.events.columns import Column, IntArray
from trimtab.events.examples import Examples
from trimtab.events.tables import PredictionTable, Sources
from trimtab.profiles.groups import Group, InputRows, PerformanceRows, split
from trimtab.profiles.reference import Reference
from trimtab.profiles.segments import segments_by

__all__ = ["Partials"]

_RECORD_BYTES = 1_000_000  # the topics take four times as much
_Key = tuple[str, int, str, int]
_Place = tuple[str, int, int]


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
        self.model = model
        self._reference_of = reference_of
        self._groups: dict[_Key, Group] = {}
        self._clocks: dict[tuple[str, int], int] = {}
        # One reference per version and flush: profiles of two frames do not merge.
        self._references: dict[int, Reference | None] = {}
        self._arrivals: dict[_Place, dict[str, int]] = {}
        self.counts: Counter[str] = Counter()

    def __bool__(self) -> bool:
        return bool(self._groups or self.counts or self._arrivals)

    def __len__(self) -> int:
        """Profiles that were begun."""
        return len(self._groups)

    def add_predictions(self, table: PredictionTable) -> None:
        """Predictions that have their features."""
        rows = InputRows.of(table, self.model)
        categories = dict(zip(self.model.categorical, rows.categories, strict=True))
        self._add("inputs", table.version, table.time_ms, rows, table.sources, categories)
        self.counts["predictions"] += len(table)
        self.arrive("used", "predictions", table.sources.partition, table.sources.timestamp_ms)

    def add_examples(self, examples: Examples, sources: Sources) -> None:
        """Labelled examples; ``sources`` are those of their labels."""
        rows = PerformanceRows.of(examples)
        self._add("performance", examples.version, examples.time_ms, rows, sources, examples.features)
        self.counts["examples"] += len(examples)
        self.arrive("used", "labels", sources.partition, sources.timestamp_ms)

    def arrive(self, what: str, topic: str, partition: int, timestamp_ms: IntArray) -> None:
        """Events of an input topic came to be ``used``, were ``refused``, or are ``duplicates``.

        Parameters
        ----------
        timestamp_ms
            Kafka's, shape ``(n,)``: what is refused may have no event time.
        """
        size = self.model.window.size
        latest = int(timestamp_ms.max())
        runs = [(timestamp_ms.size, latest)]
        # Most tables lie in one window, which costs a fifth.
        if int(timestamp_ms.min()) < latest - latest % size:
            ordered = np.sort(timestamp_ms)
            ends = np.append(np.flatnonzero(np.diff(ordered // size)), ordered.size - 1)
            runs = list(zip(np.diff(ends, prepend=-1).tolist(), ordered[ends].tolist(), strict=True))
        for count, last_ms in runs:
            empty = {"latest_ms": last_ms, "used": 0, "refused": 0, "duplicates": 0}
            found = self._arrivals.setdefault((topic, partition, last_ms - last_ms % size), empty)
            found[what] += count
            found["latest_ms"] = max(found["latest_ms"], last_ms)

    def build(self, source_partitions: int) -> list[dict[str, Any]]:
        """The profile records of everything gathered, as schema ``profile`` has them; starts anew.

        There are several when one would be too large for a Kafka message. Clocks and counts are in the last: a clock
        must not close windows that are still on their way.
        """
        profiles = [self._profile(key, group) for key, group in self._groups.items()]
        records: list[dict[str, Any]] = [self._record(source_partitions, part) for part in _parts(profiles)]
        records[-1]["counts"] = dict(self.counts)
        records[-1]["clocks"] = [
            {"kind": kind, "partition": partition, "time_ms": time_ms}
            for (kind, partition), time_ms in sorted(self._clocks.items())
        ]
        records[-1]["arrivals"] = [
            {"topic": topic, "partition": partition, "start_ms": start_ms, **found}
            for (topic, partition, start_ms), found in sorted(self._arrivals.items())
        ]
        self.clear()
        return records

    def clear(self) -> None:
        """Forget everything gathered."""
        self._groups.clear()
        self._clocks.clear()
        self._arrivals.clear()
        self._references.clear()
        self.counts.clear()

    def _record(self, source_partitions: int, profiles: list[dict[str, Any]]) -> dict[str, Any]:
        empty: dict[str, Any] = {"clocks": [], "counts": {}, "arrivals": []}
        return {"model": self._name, "source_partitions": source_partitions, "profiles": profiles, **empty}

    def _add(
        self,
        kind: str,
        version: Any,
        time_ms: IntArray,
        rows: InputRows | PerformanceRows,
        sources: Sources,
        features: Mapping[str, Column],
    ) -> None:
        clock, latest = (kind, sources.partition), int(time_ms.max())
        self._clocks[clock] = max(self._clocks.get(clock, latest), latest)
        starts = time_ms - time_ms % self.model.window.pane
        for (start_ms, of), where in split(starts, version):
            self._into((kind, of, "", start_ms), rows, sources, where)
        if isinstance(rows, InputRows):
            # Whole rows are sampled once, not by segment.
            rows = replace(rows, time_ms=None)
        for name in self.model.segments:
            texts, codes = segments_by(self.model, name, features[name])
            for (start_ms, of, code), where in split(starts, version, codes):
                self._into((kind, of, texts[code], start_ms), rows, sources, where)

    def _into(self, key: _Key, rows: InputRows | PerformanceRows, sources: Sources, where: Any) -> None:
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = Group(self.model, self._reference(key[1]))
        group.add(rows.take(where), sources.partition, sources.offset[where], sources.timestamp_ms[where])

    def _reference(self, version: int) -> Reference | None:
        if version not in self._references:
            self._references[version] = self._reference_of(version)
        return self._references[version]

    def _profile(self, key: _Key, group: Group) -> dict[str, Any]:
        kind, version, segment, start_ms = key
        return {
            "kind": kind,
            "version": version,
            "reference": group.reference.id if group.reference is not None else None,
            "segment": segment,
            "start_ms": start_ms,
            "end_ms": start_ms + self.model.window.pane,
            "last_produced_ms": group.last_produced_ms,
            "offsets": list(_spans(group)),
            "sketch": group.profile().to_bytes(),
        }


def _spans(group: Group) -> Iterator[dict[str, int]]:
    for partition, (first, last) in sorted(group.offsets.items()):
        yield {"partition": partition, "first": first, "last": last}


def _parts(profiles: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Profiles in runs of about ``_RECORD_BYTES``; at least one run, which may be empty."""
    part: list[dict[str, Any]] = []
    size = 0
    for profile in profiles:
        size += len(profile["sketch"])
        if part and size > _RECORD_BYTES:
            yield part
            part, size = [], len(profile["sketch"])
        part.append(profile)
    yield part
