"""Evidently: the test that it takes by default for each column, and PSI, each over its threshold.

The tests are those of its registry, called directly: a report around each of some hundred thousand windows would take
hours. That a report says the same is checked on the first window.
"""

# mypy: disable-error-code="import-not-found, import-untyped"
from __future__ import annotations

import os
from typing import Any

os.environ["DO_NOT_TRACK"] = os.environ["ITERATIVE_DO_NOT_TRACK"] = "1"

import numpy as np
import pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.legacy.calculations.stattests import get_stattest
from evidently.legacy.core import ColumnType
from evidently.presets import DataDriftPreset

from loadtest.peers.scripts.power_task import WARM_UP, WINDOW, blocks, by_column, write

_VARIANTS = {"default": None, "psi": "psi"}


def column_of(name: str, values: Any) -> Any:
    """A column as Evidently is given it."""
    return pd.Series([f"k{value:.0f}" for value in values] if name.startswith("c") else values, name=name)


def score(name: str, reference: Any, streams: Any) -> dict[str, Any]:
    """Value over threshold, for each window."""
    kind = ColumnType.Categorical if name.startswith("c") else ColumnType.Numerical
    before = column_of(name, reference)
    after = [
        [column_of(name, stream[at : at + WINDOW]) for at in range(WARM_UP, stream.size, WINDOW)] for stream in streams
    ]
    found = {}
    for variant, test_name in _VARIANTS.items():
        test = get_stattest(before, after[0][0], kind, test_name)
        tried = [[test(before, window, kind, None) for window in windows] for windows in after]
        found[variant] = np.array([[t.drift_score / t.actual_threshold for t in row] for row in tried])
    return found


def check(data: Any, scores: Any) -> None:
    """Raise SystemExit when a report says otherwise of the first window."""
    names = [key.removeprefix("test/") for key in data if key.startswith("test/") and not key.endswith("!")]
    definition = DataDefinition(
        numerical_columns=[name for name in names if not name.startswith("c")],
        categorical_columns=[name for name in names if name.startswith("c")],
    )
    frames = [
        pd.DataFrame({name: column_of(name, values) for name, values in side.items()})
        for side in (
            {name: data[f"test/{name}"][0][WARM_UP : WARM_UP + WINDOW] for name in names},
            {name: data[f"ref/{name}"] for name in names},
        )
    ]
    report = Report([DataDriftPreset()])
    metrics = report.run(*(Dataset.from_pandas(frame, data_definition=definition) for frame in frames)).dict()
    for metric in metrics["metrics"]:
        told = metric["config"]
        if "column" in told:
            own = float(scores[f"default|test/{told['column']}"][0, 0])
            if abs(own - metric["value"] / told["threshold"]) > 1e-9:
                raise SystemExit(f"{told}: the report says {metric['value']}, the test {own} thresholds")


def main() -> None:
    """Score every block."""
    for number, data in blocks():
        scores = by_column(data, score, lambda key: key.startswith("correlation"))
        check(data, scores)
        write("evidently", number, scores)


if __name__ == "__main__":
    main()
