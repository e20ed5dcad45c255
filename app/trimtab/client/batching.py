"""Columnar batches out of a service's calls, where calls come fast enough to make some.

A batch says the same as the single events would. Calls that cannot be put into columns without a doubt (a value of
two types, a number that is not finite, a name that is not served) are given back, to be encoded one by one: that way
also says what is wrong with them.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from trimtab.client.wire import Call, Encoder
from trimtab.events import parse_served, parse_time
from trimtab.events.batch import EventBatch, encode_batch
from trimtab.events.columns import Categories, Column, FloatArray, IntArray, Texts
from trimtab.events.values import MAX_MS, MIN_MS

__all__ = ["BATCH_EVENTS", "Batch", "batches_of"]

BATCH_EVENTS = 500
_EXACT = 1 << 53  # whole numbers up to here are floats without loss
_NUMBERS = frozenset({float, int, bool, type(None), np.float64, np.float32, np.int64, np.int32, np.bool_})
_TEXTS = frozenset({str, type(None)})


class _NotAlikeError(Exception):
    """Calls that cannot become columns."""


class Batch(NamedTuple):
    """One record for one partition, and the calls in it."""

    kind: str
    partition: int
    data: bytes
    calls: Sequence[Call]


def batches_of(
    calls: Sequence[Call], partitions_of: Callable[[str], int | None], encoder: Encoder, least: int
) -> tuple[list[Batch], list[Call]]:
    """Records of calls, and the calls that are to be sent one by one.

    Parameters
    ----------
    calls
        In the order in which they were made, which is kept within each kind and id.
    partitions_of
        Partitions of a kind's topic, None when not known.
    least
        Fewer calls of one sort than this make no batch.
    """
    batches: list[Batch] = []
    single: list[Call] = []
    for group in _sorts(calls):
        partitions = partitions_of(group[0].kind)
        if partitions is None or len(group) < least:
            single += group
            continue
        try:
            batches += _batches(group, partitions, encoder)
        except Exception:  # whatever is in a service's values; one by one, each call says what is wrong with it
            single += group
    return batches, single


def _sorts(calls: Sequence[Call]) -> Iterator[Sequence[Call]]:
    """Calls of one kind, model and set of features each."""
    models = [call.model for call in calls]
    names = [call.names for call in calls]
    kinds = {call.kind for call in calls}
    if len(kinds) == 1 and models.count(models[0]) == names.count(names[0]) == len(calls):
        yield calls
        return
    sorts = list(zip([call.kind for call in calls], models, names, strict=True))
    try:
        distinct = dict.fromkeys(sorts)
    except TypeError:  # something that cannot be hashed stands where a name should
        yield from ([call] for call in calls)
        return
    found: dict[Any, list[Call]] = {sort: [] for sort in distinct}
    for sort, call in zip(sorts, calls, strict=True):
        found[sort].append(call)
    yield from found.values()


def _batches(calls: Sequence[Call], partitions: int, encoder: Encoder) -> list[Batch]:
    numbers = np.array([zlib.crc32(call.id.encode()) for call in calls], np.int64) % partitions
    order = np.argsort(numbers, kind="stable")
    calls = [calls[row] for row in order.tolist()]
    whole = _columns(calls, encoder)
    made, starts = [], np.searchsorted(numbers[order], np.arange(partitions + 1)).tolist()
    for number in range(partitions):
        for start in range(starts[number], starts[number + 1], BATCH_EVENTS):
            part = slice(start, min(start + BATCH_EVENTS, starts[number + 1]))
            made.append(Batch(whole.kind, number, encode_batch(_part(whole, part)), calls[part]))
    return made


def _columns(calls: Sequence[Call], encoder: Encoder) -> EventBatch:
    kind, model = calls[0].kind, calls[0].model
    ids, values, served = [call.id for call in calls], [call.value for call in calls], [call.served for call in calls]
    if model is not None:
        encoder.check_model(model)
    elif kind == "prediction":
        raise _NotAlikeError
    rows = [call.row for call in calls]
    if calls[0].names is None and (kind == "feature" or rows.count(None) < len(rows)):
        raise _NotAlikeError
    if set(map(type, ids)) != {str} or not all(ids):
        raise _NotAlikeError
    value = None if kind == "feature" else _column(values)
    version, learnt = _served(served, model, values)
    label = value if kind == "label" else None
    if label is not None and None in values:
        raise _NotAlikeError
    return EventBatch(
        kind,
        model,
        Texts.of(ids),
        _times([call.time for call in calls]),
        version,
        learnt,
        _features(calls[0].names, rows),
        prediction=value if kind == "prediction" and set(values) != {None} else None,
        score=_scores([call.score for call in calls]),
        label=label,
    )


def _features(names: Sequence[Any] | None, rows: Sequence[Sequence[Any]]) -> dict[str, Column]:
    if names is None:
        return {}
    if set(map(type, names)) != {str}:
        raise _NotAlikeError
    flat = list(chain.from_iterable(rows))
    width = len(names)
    matrix = np.array(flat)
    # Such an array comes of floats, and of floats with whole numbers or booleans among them.
    if matrix.dtype == np.float64 and matrix.ndim == 1 and np.abs(matrix).max() < _EXACT:
        return dict(zip(names, matrix.reshape(len(rows), width).T, strict=True))
    return {name: _column(flat[number::width]) for number, name in enumerate(names)}


def _column(values: Sequence[Any]) -> Column:
    """Numbers, or texts; None is missing."""
    kinds = set(map(type, values))
    if kinds <= _NUMBERS:
        numbers = np.array(values, np.float64)
        missing = values.count(None) if type(None) in kinds else 0
        # NaN and infinity are refused, not sent as missing; a large whole number may be the name of a class.
        inexact = int in kinds and (np.abs(numbers) >= _EXACT).any()
        if np.isfinite(numbers).sum() != len(values) - missing or inexact:
            raise _NotAlikeError
        return numbers
    if kinds <= _TEXTS:
        return Categories.of(values)
    raise _NotAlikeError


def _scores(values: Sequence[Any]) -> FloatArray | None:
    if set(values) == {None}:
        return None
    scores = _column(values)
    if isinstance(scores, Categories) or (scores < 0).any() or (scores > 1).any():
        raise _NotAlikeError
    if {bool, np.bool_} & set(map(type, values)):
        raise _NotAlikeError
    return scores


def _times(values: Sequence[Any]) -> IntArray:
    if set(map(type, values)) != {int}:
        values = [parse_time(value, "time") for value in values]
    times = np.array(values, np.int64)
    if times.min() < MIN_MS or times.max() > MAX_MS:
        raise _NotAlikeError
    return times


def _served(names: Sequence[Any], model: str | None, predictions: Sequence[Any]) -> tuple[Any, IntArray]:
    known: dict[Any, tuple[int, int]] = {}
    for name in set(names):
        version, learnt = parse_served(name, model or "")
        known[name] = version, -1 if learnt is None else learnt
    if set(known) != {None} and None in predictions:
        raise _NotAlikeError
    if len(known) == 1:
        version, learnt = known[names[0]]
        return np.full(len(names), version, np.int32), np.full(len(names), learnt, np.int64)
    both = np.array([known[name] for name in names], np.int64)
    return both[:, 0].astype(np.int32), both[:, 1].copy()


def _part(batch: EventBatch, rows: slice) -> EventBatch:
    def of(column: Column | None) -> Column | None:
        if isinstance(column, Categories):
            return _compact(Categories(column.codes[rows], column.names))
        return None if column is None else column[rows]

    columns = {name: of(column) for name, column in batch.columns.items()}
    return EventBatch(
        batch.kind,
        batch.model,
        _texts(batch.ids, rows),
        batch.time_ms[rows],
        batch.version[rows],
        batch.learnt[rows],
        columns,  # type: ignore[arg-type]  # no feature's column is None
        of(batch.prediction),
        None if batch.score is None else batch.score[rows],
        of(batch.label),
    )


def _texts(texts: Texts, rows: slice) -> Texts:
    start = int(texts.ends[rows.start - 1]) if rows.start else 0
    ends = texts.ends[rows]
    return Texts(texts.data[start : int(ends[-1])], ends - start)


def _compact(column: Categories) -> Categories:
    """Without the names that no row uses; few names are left as they are, so that batches stay alike."""
    return Categories.of(column.to_list()) if len(column.names) > len(column) else column
