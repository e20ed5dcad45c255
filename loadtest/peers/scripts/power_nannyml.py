"""NannyML: univariate drift (Jensen-Shannon, its default, and KS) and the PCA reconstruction error.

Its rule is the mean of the reference's chunks and three of their standard deviations; the score is how many.
"""

# mypy: disable-error-code="import-not-found, import-untyped"
from __future__ import annotations

import os
from typing import Any

os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"

import nannyml
import numpy as np
import pandas as pd

from loadtest.peers.scripts.power_task import WARM_UP, WINDOW, blocks, by_column, write

_METHODS = {"js": "jensen_shannon", "ks": "kolmogorov_smirnov"}
_SEEN = ("f0", "f1", "f2", "f3", "f4", "f5", "f6", "f7", "f8", "f9", "c0", "c1")


def column_of(name: str, values: Any) -> Any:
    """A column as NannyML is given it."""
    flat = np.ravel(values)
    return pd.Categorical([f"k{value:.0f}" for value in flat]) if name.startswith("c") else flat


def in_deviations(table: Any, column: Any) -> Any:
    """Of each chunk to be analysed, how far it lies above the mean of the reference's chunks."""
    period = ("chunk",) * (table.columns.nlevels - 1) + ("period",)
    reference = (table[period] == "reference").to_numpy()
    values = table[column].to_numpy(dtype=float)
    # NannyML takes the population's standard deviation.
    return (values[~reference] - values[reference].mean()) / values[reference].std()


def score(name: str, reference: Any, streams: Any) -> dict[str, Any]:
    """Deviations of each window's distance, by method."""
    after = streams[:, WARM_UP:]
    found = {}
    for variant, method in _METHODS.items():
        used = "jensen_shannon" if name.startswith("c") else method
        calculator = nannyml.UnivariateDriftCalculator(
            column_names=[name], continuous_methods=[used], categorical_methods=["jensen_shannon"], chunk_size=WINDOW
        )
        calculator.fit(pd.DataFrame({name: column_of(name, reference)}))
        table = calculator.calculate(pd.DataFrame({name: column_of(name, after)})).to_df()
        found[variant] = in_deviations(table, (name, used, "value")).reshape(len(streams), -1)
    return found


def together(data: Any) -> dict[str, Any]:
    """Deviations of the reconstruction error, up or down, where columns change together and where nothing does."""
    calculator = nannyml.DataReconstructionDriftCalculator(column_names=list(_SEEN), chunk_size=WINDOW)
    calculator.fit(pd.DataFrame({name: column_of(name, data[f"ref/{name}"]) for name in _SEEN}))
    found = {}
    for part in ("cal", "test", "correlation, sudden", "correlation, gradual"):
        columns = {name: data.get(f"{part}/{name}", data[f"test/{name}"]) for name in _SEEN}
        frame = pd.DataFrame({name: column_of(name, v[:, WARM_UP:]) for name, v in columns.items()})
        table = calculator.calculate(frame).to_df()
        deviations = in_deviations(table, ("reconstruction_error", "value"))
        found[f"pca|{part}/joint"] = np.abs(deviations).reshape(len(columns["f0"]), -1)
    return found


def main() -> None:
    """Score every block."""
    for number, data in blocks():
        write("nannyml", number, by_column(data, score, lambda key: key.startswith("correlation")) | together(data))


if __name__ == "__main__":
    main()
