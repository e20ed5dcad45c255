"""Joins predictions with their features and labels by event id, many at a time.

Order does not matter: whichever part comes last completes the pair. What is still incomplete when both sides'
event time has passed the horizon leaves with a reason. A repeated part is a duplicate and changes nothing: within
one step the smaller offset counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from trimtab.config import ModelConfig
from trimtab.events.columns import IntArray, Texts, take
from trimtab.events.errors import EventError, Reason
from trimtab.events.tables import FeatureTable, LabelTable, PredictionTable
from trimtab.joining.block import Table
from trimtab.joining.hashing import Hashes, hash_ids
from trimtab.joining.late import LateFeatures
from trimtab.joining.matching import canonical_labels, examples_of, pairs
from trimtab.joining.outcomes import Joined, Outcomes, Refused
from trimtab.joining.rows import Flag, Rows
from trimtab.joining.store import Store

__all__ = ["Join"]

T = TypeVar("T", PredictionTable, FeatureTable, LabelTable)
_EVERY = -1  # a label for every model


class Join:
    """The join of one partition.

    Parameters
    ----------
    store
        What it remembers; see :meth:`changes`.
    models
        Model name to configuration.
    horizon_ms
        How long, in event time, a part is remembered.
    """

    def __init__(self, store: Store, models: Mapping[str, ModelConfig], horizon_ms: int) -> None:
        self._models = models
        self._names = list(models)
        self._numbers = {name: number for number, name in enumerate(models)}
        self._horizon_ms = horizon_ms
        self._key = store.meta.key
        self._predictions: Rows[PredictionTable] = Rows(store, b"p")
        self._labels: Rows[LabelTable] = Rows(store, b"l")
        self._features: Rows[FeatureTable] = Rows(store, b"f")
        self._late = LateFeatures(models)

    @property
    def pending(self) -> int:
        """Parts remembered."""
        return len(self._predictions) + len(self._labels) + len(self._features)

    def changes(self) -> dict[bytes, bytes | None]:
        """What the store needs; see :meth:`Rows.changes`."""
        return self._predictions.changes() | self._labels.changes() | self._features.changes()

    def predictions(self, tables: Sequence[PredictionTable]) -> Outcomes:
        """Predictions came."""
        outcomes = Outcomes()
        for table, hashes in self._new(tables, self._predictions, "predictions", outcomes):
            number = self._numbers[table.model]
            if table.features is not None:
                self._predictions.add(table, hashes, number, 0)
                outcomes.resolved.append(table)
            else:
                self._predictions.add(table, hashes, number, Flag.WAITING)
                self._meet_features(hashes, outcomes)
            self._meet_labels(hashes, outcomes)
        return outcomes

    def features(self, tables: Sequence[FeatureTable]) -> Outcomes:
        """Features came."""
        outcomes = Outcomes()
        for table, hashes in self._new(tables, self._features, "features", outcomes):
            self._features.add(table, hashes, _EVERY, 0)
            self._meet_features(hashes, outcomes)
            self._meet_labels(hashes, outcomes)
        return outcomes

    def labels(self, tables: Sequence[LabelTable]) -> Outcomes:
        """Labels came."""
        outcomes = Outcomes()
        for table, hashes in self._new(tables, self._labels, "labels", outcomes):
            waiting, used = self._meet_predictions(table, hashes, outcomes)
            for rows, flag in ((waiting, 0), (used, Flag.DONE)):
                if rows.size:
                    self._labels.add(table.take(rows), hashes.take(rows), self._of(table), flag)
        return outcomes

    def expire(self, clock_ms: int) -> Outcomes:
        """Let go of every part whose horizon ended before ``clock_ms``."""
        outcomes, before = Outcomes(), clock_ms - self._horizon_ms
        old = self._predictions.due(before)
        if old.size:
            waiting = old[self._predictions.has(old, Flag.WAITING)]
            why = "no features came for id {id!r} of {model} within the label horizon"
            self._refuse("predictions", waiting, Reason.PREDICTION_WITHOUT_FEATURES, why, outcomes)
            over = old[~self._predictions.has(old, Flag.WAITING | Flag.DONE)]
            for number, count in enumerate(np.bincount(self._predictions.of(over)).tolist()):
                if count:
                    outcomes.unlabelled[self._names[number]] += count
            self._predictions.mark(old, Flag.GONE)
        old = self._labels.due(before)
        if old.size:
            unused = old[~self._labels.has(old, Flag.DONE)]
            why = "no prediction came for id {id!r} within the label horizon"
            self._refuse("labels", unused, Reason.LABEL_WITHOUT_PREDICTION, why, outcomes)
            self._labels.mark(old, Flag.GONE)
        old = self._features.due(before)
        if old.size:
            self._features.mark(old, Flag.GONE)
        return outcomes

    # New parts

    def _of(self, table: Table) -> int:
        """The number under which rows of this table are kept."""
        model = getattr(table, "model", None)
        return _EVERY if model is None else self._numbers[model]

    def _new(self, tables: Sequence[T], held: Rows[T], topic: str, outcomes: Outcomes) -> Iterator[tuple[T, Hashes]]:
        """What is no duplicate, with its hashes."""
        if not tables:
            return
        each = [hash_ids(_ids(table), self._key) for table in tables]
        hashes = Hashes.concat(each)
        sizes = [len(table) for table in tables]
        of = np.repeat([self._of(table) for table in tables], sizes)
        repeated = _repeated(hashes, of, np.concatenate([table.sources.offset for table in tables]))
        positions, rows = held.find(hashes)
        repeated[positions[held.of(rows) == of[positions]]] = True
        start = 0
        for table, own, size in zip(tables, each, sizes, strict=True):
            again = repeated[start : start + size]
            start += size
            if not again.any():
                yield table, own
                continue
            self._duplicates(topic, table.take(np.flatnonzero(again)), outcomes)
            keep = np.flatnonzero(~again)
            if keep.size:
                yield table.take(keep), own.take(keep)

    def _duplicates(self, topic: str, table: Table, outcomes: Outcomes) -> None:
        detail = {
            "predictions": f"id {{id!r}} was already predicted by {getattr(table, 'model', None)}; "
            "ids are unique per model",
            "features": "features of id {id!r} were already sent",
            "labels": "id {id!r} was already labelled",
        }[topic]
        for row in range(len(table)):
            _refuse(outcomes, topic, table, row, Reason.DUPLICATE, detail)

    # Meetings

    def _meet_features(self, hashes: Hashes, outcomes: Outcomes) -> None:
        """Predictions of these ids that wait for features get them, if they are there."""
        if not len(self._features) or not len(self._predictions):
            return
        positions, rows = self._predictions.find(hashes)
        waiting = self._predictions.has(rows, Flag.WAITING)
        positions, rows = positions[waiting], rows[waiting]
        for at, table in self._predictions.read(rows):
            typed, known, refused = self._apart(table, hashes.take(positions[at]))
            for row, error in refused.items():
                outcomes.refused.append(_refused("predictions", table, row, error))
            self._predictions.mark(rows[at[list(refused)]], Flag.GONE)
            if known.size:
                self._predictions.mark(rows[at[known]], Flag.APART, Flag.WAITING)
                outcomes.resolved.append(typed)

    def _apart(self, table: PredictionTable, hashes: Hashes) -> tuple[PredictionTable, IntArray, dict[int, EventError]]:
        """Predictions with the features that came apart, the rows that have them, and why some do not fit."""
        positions, rows = self._features.find(hashes)
        values: dict[int, bytes] = {}
        for at, found in self._features.read(rows):
            for row, position in enumerate(positions[at].tolist()):
                values[position] = found.values.bytes_of(row)
        self._features.mark(rows, Flag.DONE)
        here = sorted(values)
        features, bad = self._late.typed(table.model, [values[row] for row in here])
        known = np.array([row for k, row in enumerate(here) if k not in bad], np.int64)
        return replace(table.take(known), features=features), known, {here[k]: error for k, error in bad.items()}

    def _meet_labels(self, hashes: Hashes, outcomes: Outcomes) -> None:
        """Predictions of these ids that have their features meet labels that came before."""
        if not len(self._labels):
            return
        at_label, labels = self._labels.find(hashes)
        at, rows = self._predictions.find(hashes)
        ready = ~self._predictions.has(rows, Flag.WAITING | Flag.DONE)
        at, rows = at[ready], rows[ready]
        which, other = pairs(at, at_label)
        rows, labels = rows[which], labels[other]
        of = self._labels.of(labels)
        fits = (of == _EVERY) | (of == self._predictions.of(rows))
        # A label for this model alone goes before one for all.
        order = np.lexsort((of == _EVERY, rows))
        order = order[fits[order]]
        rows, first = np.unique(rows[order], return_index=True)
        labels = labels[order][first]
        for at, label in self._labels.read(labels):
            self._labels.mark(labels[at], Flag.DONE)
            self._join(rows[at], label, np.arange(at.size), outcomes)

    def _meet_predictions(self, table: LabelTable, hashes: Hashes, outcomes: Outcomes) -> tuple[IntArray, IntArray]:
        """New labels meet their predictions; returns the rows that go on waiting, and used ones to remember."""
        at, rows = self._predictions.find(hashes)
        if table.model is not None:
            own = self._predictions.of(rows) == self._of(table)
            at, rows = at[own], rows[own]
        alone = table.model is not None or len(self._models) == 1
        unused = np.ones(len(table), np.bool_)
        if alone:
            again = np.unique(at[self._predictions.has(rows, Flag.DONE)])
            if again.size:
                self._duplicates("labels", table.take(again), outcomes)
            unused[again] = False
        ready = ~self._predictions.has(rows, Flag.WAITING | Flag.DONE)
        self._join(rows[ready], table, at[ready], outcomes)
        used = np.unique(at[ready])
        unused[used] = False
        # That a label for one model was used is told by its prediction.
        return np.flatnonzero(unused), used[:0] if alone else used

    def _join(self, rows: IntArray, labels: LabelTable, at: IntArray, outcomes: Outcomes) -> None:
        """Join predictions ``rows`` with the rows ``at`` of ``labels``."""
        for positions, table in self._predictions.read(rows):
            found, mine, label = table, rows[positions], labels.take(at[positions])
            if table.features is None:
                # They were typed when they came, and are again: nothing new can be wrong with them.
                found, known, _ = self._apart(table, hash_ids(_ids(table), self._key))
                mine, label = mine[known], label.take(known)
            model = self._models[found.model]
            column, bad = canonical_labels(label.label, model.task)
            for row, error in bad.items():
                outcomes.refused.append(_refused("labels", label, row, error))
            if bad:
                good = np.array([row for row in range(len(label)) if row not in bad], np.int64)
                found, mine, label, column = found.take(good), mine[good], label.take(good), take(column, good)
            if mine.size:
                self._predictions.mark(mine, Flag.DONE)
                joined = Joined(found.model, examples_of(found, label, column, model), label.sources)
                outcomes.joined.append(joined)

    def _refuse(self, topic: str, rows: IntArray, reason: Reason, why: str, outcomes: Outcomes) -> None:
        parts: Iterable[tuple[Any, Table]]
        parts = self._predictions.read(rows) if topic == "predictions" else self._labels.read(rows)
        for _, table in parts:
            for row in range(len(table)):
                _refuse(outcomes, topic, table, row, reason, why)


def _ids(table: Table) -> Texts:
    if table.ids is None:
        raise ValueError("events without ids are not joined")
    return table.ids


def _repeated(hashes: Hashes, of: IntArray, offsets: IntArray) -> npt.NDArray[np.bool_]:
    """Which rows have the hash and number of one at a smaller offset, or before them at the same."""
    order = np.lexsort((offsets, hashes.high))
    high = hashes.high[order]
    repeated = np.zeros(order.size, np.bool_)
    same = np.flatnonzero(high[1:] == high[:-1]) + 1
    if same.size:
        seen: set[tuple[Any, ...]] = set()
        for row in order[np.union1d(same - 1, same)].tolist():
            what = hashes.high[row], hashes.low[row], of[row]
            repeated[row] = what in seen
            seen.add(what)
    return repeated


def _refuse(outcomes: Outcomes, topic: str, table: Table, row: int, reason: Reason, why: str) -> None:
    detail = why.format(id=_id(table, row), model=getattr(table, "model", None))
    outcomes.refused.append(_refused(topic, table, row, EventError(reason, detail)))


def _refused(topic: str, table: Table, row: int, error: EventError) -> Refused:
    sources = table.sources
    where = sources.partition, int(sources.offset[row]), int(sources.timestamp_ms[row])
    return Refused(topic, _id(table, row), *where, error, getattr(table, "model", None))


def _id(table: Table, row: int) -> str:
    return _ids(table).bytes_of(row).decode()
