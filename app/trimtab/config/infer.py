"""A first ``trimtab.yaml`` for a table: what `trimtab init` guesses from a CSV or Parquet file, to be edited."""

from __future__ import annotations

import csv
import difflib
import gzip
import math
import re
import statistics
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import IO, Any

import yaml

from trimtab.config.base import NAME
from trimtab.config.duration import format_ms, milliseconds_of
from trimtab.config.infer_features import Columns, features_of, in_order, number_of, texts_of
from trimtab.errors import ConfigError

__all__ = ["MISSING_TEXTS", "InferredConfig", "infer_config", "render_yaml"]

MAX_CLASSES = 20
WINDOW_ROWS = 500

# What statistics packages write for a missing number.
MISSING_TEXTS = frozenset({"", "NA", "N/A", "NaN", "nan", "NULL", "null", "None", "?"})
_BINARY_TEXT = frozenset({"0", "1", "true", "false", "True", "False"})
_TRUTHS = {"true": True, "false": False, "True": True, "False": False, "TRUE": True, "FALSE": False}
_INTEGER = re.compile(r"[-+]?\d+")
_LEADING_ZERO = re.compile(r"0\d+")
_SPANS_MS = tuple(
    int(hours * 3_600_000) for hours in (1 / 60, 1 / 12, 1 / 6, 1 / 4, 1 / 2, 1, 2, 3, 6, 12, 24, 48, 168, 336, 672)
)


class InferredConfig(dict[str, Any]):
    """The configuration as plain data, ready for YAML, with ``notes`` on what was guessed and left out."""

    notes: tuple[str, ...] = ()


def infer_config(
    path: Path,
    *,
    label: str | None,
    name: str | None,
    time: str | None = None,
    prediction: str | None = None,
    score: str | None = None,
    rows: int = 50_000,
) -> InferredConfig:
    """Guess a configuration from the first ``rows`` rows of a table with one header line.

    Parameters
    ----------
    path
        A ``.csv``, ``.csv.gz`` (UTF-8, commas) or ``.parquet`` file.
    label
        Column to predict; the last one by default.
    name
        Name of the model; the file's by default.
    time
        Column with the event time. Without it the rows are taken to be one second apart, and the windows are
        sized in such seconds.
    prediction, score
        Columns with what a model has predicted, and its probability; they are no features.
    rows
        How many rows to look at.

    Raises
    ------
    ConfigError
        One line, when the file cannot be read or no model can be made of it.
    """
    columns = _read(path, rows)
    count = len(next(iter(columns.values())))
    if count == 0:
        raise ConfigError(f"{path}: there is a header but no rows; add data")
    label = _pick(path, columns, label, {"--time": time, "--prediction": prediction, "--score": score})
    kind = _task(path, label, [v for v in columns[label] if v is not None])
    used = {"label": label, "prediction": prediction, "score": score, "time": time}
    features, notes = features_of({c: v for c, v in columns.items() if c not in used.values()})
    if not features:
        raise ConfigError(f"{path}: no column is left as a feature beside label {label!r}; is the delimiter a comma?")
    model = {
        **kind,
        "mode": "frozen",
        "features": features,
        "columns": {what: column for what, column in used.items() if column is not None},
        "window": _window(path, columns[time] if time else None, time, count),
        "performance": [_performance(kind["task"], columns[label])],
        "factory": _factory(kind["task"], features),
        "first_version_after": max(1, count // 10),
    }
    config = InferredConfig(models={_model_name(path, name): {k: model[k] for k in _ORDER if k in model}})
    config.notes = (
        f"From the first {count:,} rows of {path.name!r}; label {label!r}, "
        + (f"time {time!r}." if time else "no time column: rows count as one second apart."),
        *notes,
    )
    return config


_ORDER = (
    "task", "mode", "features", "classes", "columns", "window", "performance", "factory", "first_version_after",
)  # fmt: skip


# --- reading --------------------------------------------------------------------------------------------


def _read(path: Path, rows: int) -> Columns:
    """Typed columns by name, None where missing."""
    file_name = path.name.lower()
    if not file_name.endswith((".csv", ".csv.gz", ".parquet")):
        raise ConfigError(f"{path}: unsupported file type; give a .csv, .csv.gz or .parquet file")
    try:
        if path.stat().st_size == 0:
            raise ConfigError(f"{path}: the file is empty")
        return _read_parquet(path, rows) if file_name.endswith(".parquet") else _read_csv(path, rows)
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: not UTF-8 text; convert it, for example with iconv -t UTF-8") from None
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise ConfigError(f"{path}: not a whole gzip file; write it again") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or type(error).__name__}") from None


def _read_csv(path: Path, rows: int) -> Columns:
    with closing(_open_text(path)) as file:
        reader = csv.reader(file)
        try:
            header = next((row for row in reader if row), None)
            if header is None:
                raise ConfigError(f"{path}: the file is empty")
            names = _unique(path, header)
            table = list(islice(_full_rows(path, reader, len(names)), rows))
        except csv.Error as error:
            raise ConfigError(f"{path}:{reader.line_num}: not valid CSV: {error}") from None
    return {column: _typed([row[i] for row in table]) for i, column in enumerate(names)}


def _open_text(path: Path) -> IO[str]:
    if path.name.lower().endswith(".gz"):
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _full_rows(path: Path, reader: Any, width: int) -> Iterator[list[str]]:
    for row in reader:
        if not row:
            continue
        if len(row) != width:
            raise ConfigError(f"{path}:{reader.line_num}: {len(row)} values, but the header names {width}")
        yield row


def _read_parquet(path: Path, rows: int) -> Columns:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            schema = file.schema_arrow
            names = _unique(path, schema.names)
            table = pa.Table.from_batches(islice(file.iter_batches(batch_size=rows), 1), schema=schema)
            if not names:
                raise ConfigError(f"{path}: the file has no columns")
            return {
                name: [_plain(value) for value in _microseconds(column).to_pylist()]
                for name, column in zip(names, table.columns, strict=True)
            }
    except pa.ArrowException as error:
        raise ConfigError(f"{path}: not a Parquet file that can be read ({type(error).__name__})") from None


def _microseconds(column: Any) -> Any:
    """The Arrow column, times rounded to what Python's datetime holds."""
    import pyarrow as pa

    if not pa.types.is_timestamp(column.type):
        return column
    return column.cast(pa.timestamp("us", column.type.tz), safe=False)


def _unique(path: Path, names: Sequence[str]) -> list[str]:
    for index, name in enumerate(names, start=1):
        if not name.strip():
            raise ConfigError(f"{path}: column {index} has no name; give it one, or leave it out")
    double = next((name for name, count in Counter(names).items() if count > 1), None)
    if double is not None:
        raise ConfigError(f"{path}: two columns are named {double!r}; rename one")
    return list(names)


def _typed(values: list[str]) -> list[Any]:
    """Numbers, times or text, whichever the whole column is; None where missing."""
    if not any(_LEADING_ZERO.fullmatch(value) for value in values):  # such as a post code
        numbers = _parsed(values, number_of)
        if numbers is not None:
            return numbers
    truths = _parsed(values, _truth)
    if truths is not None:
        return truths
    times = _parsed(values, _time)
    return times if times is not None else [value or None for value in values]


def _parsed(values: list[str], parse: Callable[[str], object]) -> list[Any] | None:
    """Every value parsed, None where missing; None when one fails or nothing is there."""
    try:
        out = [None if value in MISSING_TEXTS else parse(value) for value in values]
    except ValueError:
        return None
    return out if any(value is not None for value in out) else None


def _truth(text: str) -> bool:
    """What pandas and JSON write for booleans, which events spell 1 and 0."""
    if text not in _TRUTHS:
        raise ValueError(text)
    return _TRUTHS[text]


def _time(text: str) -> datetime:
    if "-" not in text:  # eight digits are a code sooner than a day
        raise ValueError(text)
    return datetime.fromisoformat(text)


def _plain(value: Any) -> Any:
    """A Parquet value as one of our types."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    return float(value) if isinstance(value, Decimal) else value


# --- guessing -------------------------------------------------------------------------------------------


def _pick(path: Path, columns: Mapping[str, object], label: str | None, others: Mapping[str, str | None]) -> str:
    """The label; ``others`` are columns by the option that names them."""
    named = {"--label": label, **others}
    for option, column in named.items():
        if column is not None and column not in columns:
            close = difflib.get_close_matches(column, columns, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"the columns are {', '.join(columns)}"
            raise ConfigError(f"{path}: {option}: no column {column!r}; {hint}")
    given = [(column, option) for option, column in named.items() if column is not None]
    for column, option in given:
        first = next(other for name, other in given if name == column)
        if first != option:
            raise ConfigError(f"{path}: {column!r} cannot be both {first} and {option}")
    rest = [column for column in columns if column not in others.values()]
    if not rest:
        raise ConfigError(f"{path}: only one column; a label and a feature are needed")
    return label or rest[-1]


def _task(path: Path, label: str, values: list[Any]) -> dict[str, Any]:
    """The task, and the classes of a multiclass one."""
    where = f"{path}: label {label!r}"
    distinct = set(texts_of(values))
    if len(values) == 1:
        raise ConfigError(f"{where} has one value; add rows")
    if len(distinct) < 2:
        what = "is always " + repr(distinct.pop()) if distinct else "is always missing"
        raise ConfigError(f"{where} {what}; choose another with --label")
    if distinct <= _BINARY_TEXT and len(distinct) == 2:
        return {"task": "binary"}
    text = all(isinstance(value, str | bool) for value in values)
    if not text and not all(isinstance(value, int | float) for value in values):
        raise ConfigError(f"{where} is neither number nor text; choose another with --label")
    # Two other values are two classes: a binary label is 0 or 1 on the wire, and nothing here says which is 1.
    whole = all(isinstance(value, str) or float(value).is_integer() for value in values)
    if len(distinct) == 2 or (whole and len(distinct) <= MAX_CLASSES):
        return {"task": "multiclass", "classes": in_order(distinct)}
    if text:
        raise ConfigError(
            f"{where} is text with {len(distinct)} distinct values, more than {MAX_CLASSES} classes; "
            "choose another with --label"
        )
    return {"task": "regression"}


def _window(path: Path, times: list[Any] | None, time: str | None, rows: int) -> dict[str, Any]:
    """Windows of about 500 rows, or a tenth of a small table."""
    target = min(WINDOW_ROWS, max(20, rows // 10))
    least = {"min_count": target // 5}
    if times is None:
        return {"size": format_ms(target * 1_000), **least}
    if any(isinstance(value, str) for value in times):
        row = next((k for k, value in enumerate(times) if isinstance(value, str) and not _is_time(value)), 0)
        raise ConfigError(
            f"{path}: time {time!r} holds {times[row]!r} in row {row}; write ISO 8601 or milliseconds since 1970"
        )
    known = [_milliseconds(path, time, value) for value in times if value is not None]
    span = max(known) - min(known) if known else 0
    if span <= 0:
        raise ConfigError(f"{path}: time {time!r} does not advance; choose another with --time")
    wanted = span / max(1, len(known) - 1) * target
    # Whole weeks and days, so that windows see the same hours of the day.
    size = min(_SPANS_MS, key=lambda candidate: abs(math.log(candidate / wanted)))
    if wanted > _SPANS_MS[-1]:
        size = math.ceil(wanted / _SPANS_MS[-1]) * _SPANS_MS[-1]
    elif wanted < _SPANS_MS[0]:
        size = math.ceil(wanted)
    return {"size": format_ms(size), **least}


def _is_time(text: str) -> bool:
    try:
        _time(text)
    except ValueError:
        return False
    return True


def _milliseconds(path: Path, time: str | None, value: Any) -> float:
    """A time since 1970."""
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp() * 1_000
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ConfigError(f"{path}: time {time!r} holds {value!r}; write ISO 8601 or milliseconds since 1970")
    return milliseconds_of(value)


def _performance(task: str, labels: list[Any]) -> dict[str, Any]:
    """A drop worth an alarm: five points of accuracy, or a quarter of the label's standard deviation."""
    if task != "regression":
        return {"metric": "accuracy", "max_drop": 0.05}
    deviation = statistics.pstdev([float(value) for value in labels if value is not None])
    return {"metric": "mae", "max_drop": float(f"{deviation / 4:.2g}")}


def _factory(task: str, features: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """A linear model behind the scaling and encoding that the features need."""
    numeric = [name for name, spec in features.items() if spec["type"] == "numeric"]
    categorical = [name for name in features if name not in numeric]
    encoder: dict[str, Any] = {"class": "river.preprocessing:OneHotEncoder"}
    if not categorical:
        encoder = {"class": "river.preprocessing:StandardScaler"}
    elif numeric:
        # River's encoder would make a column of every number, and its scaler fails on text.
        function = "trimtab.training.factories:mixed_features"
        encoder = {"function": function, "args": {"numeric": numeric, "categorical": categorical}}
    learner = {
        "binary": "LogisticRegression",
        "multiclass": "SoftmaxRegression",
        "regression": "LinearRegression",
    }[task]
    return {"pipeline": [encoder, {"class": f"river.linear_model:{learner}"}]}


def _model_name(path: Path, name: str | None) -> str:
    if name is not None:
        if not NAME.fullmatch(name):
            raise ConfigError(f"--name {name!r}: letters, digits, '.', '_' and '-' only, at most 100")
        return name
    stem = re.sub(r"\.(csv|csv\.gz|parquet)$", "", path.name, flags=re.IGNORECASE)
    return re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("._-")[:100] or "model"


# --- writing --------------------------------------------------------------------------------------------

_COMMENTS = {
    "mode": "frozen: changes only by promotion; online: keeps learning from every label",
    "features": "min, max and values are only what the file held: widen or remove them as you know better",
    "columns": "of tables that `trimtab backtest` reads",
    "window": "event time; smaller windows see drift sooner, larger ones see smaller drift",
    "performance": "alarm when a window is worse than the reference by more than this",
    "first_version_after": "examples from which the first version learns",
}
_HEADER = (
    "A first guess by `trimtab init`; every value may be edited.",
    "Without kafka.bootstrap_servers an embedded broker is started.",
)
_PLAIN_TEXT = re.compile(r"[A-Za-z_](?:[\w./:-]*[\w/-])?|\d+(?:ms|s|m|h|d|w)", re.ASCII)
# Other YAML readers take these for booleans or null.
_RESERVED = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})


def render_yaml(config: Mapping[str, Any]) -> str:
    """YAML with short comments, for :func:`trimtab.config.parse_config` and for people.

    Examples
    --------
    >>> print(render_yaml({"models": {"m": {"task": "binary", "window": {"size": "2w"}}}}))
    # A first guess by `trimtab init`; every value may be edited.
    # Without kafka.bootstrap_servers an embedded broker is started.
    models:
      m:
        task: binary
        # event time; smaller windows see drift sooner, larger ones see smaller drift
        window:
          size: 2w
    <BLANKLINE>
    """
    notes = config.notes if isinstance(config, InferredConfig) else ()
    lines = [f"# {' '.join(text.split())}" for text in (*_HEADER, *notes)]
    lines.extend(_block(config, 0))
    return "\n".join(lines) + "\n"


def _block(mapping: Mapping[str, Any], depth: int) -> Iterator[str]:
    indent = "  " * depth
    for key, value in mapping.items():
        # Depth 2 holds a model's own keys; a feature may have any of their names.
        if depth == 2 and key in _COMMENTS:
            yield f"{indent}# {_COMMENTS[key]}"
        if isinstance(value, Mapping) and depth < 3:
            yield f"{indent}{_flow(key)}:"
            yield from _block(value, depth + 1)
        elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
            yield f"{indent}{_flow(key)}:"
            yield from (f"{indent}  - {_flow(item)}" for item in value)
        else:
            yield f"{indent}{_flow(key)}: {_flow(value)}"


def _flow(value: Any) -> str:
    """A value on one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_flow(k)}: {_flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(item) for item in value) + "]"
    if isinstance(value, str):
        if _PLAIN_TEXT.fullmatch(value) and value.lower() not in _RESERVED:
            return value
        return yaml.safe_dump(value, default_style='"', allow_unicode=True, width=math.inf).rstrip("\n")
    return yaml.safe_dump(value).split("\n")[0]
