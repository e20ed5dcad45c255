"""Events that claim to be of a later time than the one at which Kafka had them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np

from trimtab.events.errors import EventError, Reason, Refusal
from trimtab.events.tables import FeatureTable, LabelTable, PredictionTable, Sources

__all__ = ["without_future"]

Table = PredictionTable | FeatureTable | LabelTable


def without_future(tables: Sequence[Table], sources: Sources, most_ms: int) -> tuple[list[Table], list[Refusal]]:
    """Tables without the events that are more than ``most_ms`` ahead of their record's Kafka timestamp, and these.

    One such event would move its partition's clock, and close windows whose events are still on their way. The
    timestamp, not the time of reading, is what counts: reading again gives the same.

    Parameters
    ----------
    sources
        Of the chunk: refusals name its rows.
    """
    kept: list[Table] = []
    refused: list[Refusal] = []
    for table in tables:
        stamps = table.sources.timestamp_ms
        ahead = (table.time_ms - stamps > most_ms) & (stamps > 0)
        if not ahead.any():
            kept.append(table)
            continue
        if not ahead.all():
            kept.append(table.take(np.flatnonzero(~ahead)))
        for row in np.flatnonzero(ahead).tolist():
            at = int(np.searchsorted(sources.offset, table.sources.offset[row]))
            refused.append(Refusal(at, _error(int(table.time_ms[row]), int(stamps[row]))))
    return kept, refused


def _error(time_ms: int, stamp_ms: int) -> EventError:
    said, had = (datetime.fromtimestamp(ms / 1_000, UTC).isoformat(timespec="seconds") for ms in (time_ms, stamp_ms))
    return EventError(
        Reason.FROM_THE_FUTURE, f"time is {said}, but Kafka had the event at {had}; check the clock and the time zone"
    )
