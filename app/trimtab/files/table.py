"""A data file as rows to be played: features, canonical label and event time of each."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from trimtab.config.duration import milliseconds_of
from trimtab.errors import ConfigError

__all__ = ["Table", "event_times", "read_columns", "read_table"]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows in their order; ``times_ms`` are event times, milliseconds since 1970 UTC."""

    features: list[dict[str, Any]]
    labels: list[Any]
    times_ms: list[int]

    def __len__(self) -> int:
        return len(self.labels)

    def head(self, rows: int | None) -> Table:
        """The first ``rows`` rows; all of them for None."""
        return self if rows is None else Table(self.features[:rows], self.labels[:rows], self.times_ms[:rows])

    def row_at(self, time_ms: int) -> int:
        """The first row at or after an event time; ``len(self)`` when all are before it."""
        import bisect

        return bisect.bisect_left(self.times_ms, time_ms)


def read_table(
    path: Path, *, label: str, time: str | None = None, start: datetime | None = None, step_ms: int = 1
) -> Table:
    """Read a ``.csv``, ``.csv.gz`` or ``.parquet`` file; every column but label and time is a feature.

    Parameters
    ----------
    path, label
        The file, and its column to predict.
    time
        Column with the event time: ISO 8601 or milliseconds. Without it row i has ``start + i * step_ms``.
    start, step_ms
        Event time of the first row, and between rows. A start without offset is UTC.

    Raises
    ------
    ConfigError
        If the file cannot be read, a column is not there, or the times are not in order.
    """
    columns = read_columns(path)
    for name in (label, time):
        if name is not None and name not in columns:
            raise ConfigError(f"{path}: no column {name!r}; the columns are {', '.join(columns)}")
    rows = len(columns[label])
    if rows == 0:
        raise ConfigError(f"{path}: there is a header but no rows; add data")
    times = event_times(path, columns, time, start, step_ms)
    names = [name for name in columns if name not in (label, time)]
    lists = [[_finite(value) for value in columns[name]] for name in names]
    features = [dict(zip(names, row, strict=True)) for row in zip(*lists, strict=True)]
    return Table(features or [{} for _ in range(rows)], columns[label], times)


def read_columns(path: Path) -> dict[str, list[Any]]:
    """Values by column, None for missing; raises ConfigError when the file cannot be read."""
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet

    name = path.name.lower()
    try:
        if name.endswith((".csv", ".csv.gz")):
            table = pa.csv.read_csv(path)
        elif name.endswith(".parquet"):
            table = pa.parquet.read_table(path)
        else:
            raise ConfigError(f"{path}: unsupported file type; give a .csv, .csv.gz or .parquet file")
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file") from None
    except (pa.ArrowException, OSError) as error:
        raise ConfigError(f"{path}: cannot be read: {str(error).splitlines()[0]}") from None
    return {str(column): table.column(column).to_pylist() for column in table.column_names}


def event_times(
    path: Path,
    columns: Mapping[str, Sequence[Any]],
    column: str | None,
    start: datetime | None = None,
    step_ms: int = 1,
    refuse: Callable[[int, str], None] | None = None,
) -> list[int]:
    """Event times in milliseconds: those of ``column``, or ``start`` and every ``step_ms`` from there.

    Numbers are seconds, milliseconds, microseconds or nanoseconds since 1970, by their size. With ``refuse``, a row
    whose time is none is told to it and has that of the row before.

    Raises
    ------
    ConfigError
        A time is none, or they go back.
    """
    from trimtab.events import EventError, parse_time

    if column is None:
        return _steps(start, step_ms, len(next(iter(columns.values()))))
    times: list[int] = []
    for row, value in enumerate(columns[column]):
        try:
            times.append(parse_time(_milliseconds(value), column))
        except EventError as error:
            if refuse is None:
                raise ConfigError(f"{path}: row {row}: {error.detail}") from None
            refuse(row, error.detail)
            times.append(times[-1] if times else 0)
        if row and times[row] < times[row - 1]:
            raise ConfigError(f"{path}: row {row}: {column} goes back in time; sort the file by {column}")
    return times


def _milliseconds(value: Any) -> Any:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return milliseconds_of(value) if number else value


def _steps(start: datetime | None, step_ms: int, rows: int) -> list[int]:
    start = start or datetime(2026, 1, 1, tzinfo=UTC)
    aware = start if start.tzinfo is not None else start.replace(tzinfo=UTC)
    first = round(aware.timestamp() * 1_000)
    return [first + step_ms * i for i in range(rows)]


def _finite(value: Any) -> Any:
    """NaN in a file means missing."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
