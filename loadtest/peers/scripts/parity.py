"""Evidently's and NannyML's own values of the statistics that they define as Trimtab does: cases in, values out."""

# mypy: disable-error-code="import-not-found, import-untyped"
from __future__ import annotations

import math
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

os.environ["DO_NOT_TRACK"] = os.environ["ITERATIVE_DO_NOT_TRACK"] = os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"


def evidently(name: str, before: Any, after: Any) -> dict[str, float]:
    """Jensen-Shannon of categories, Wasserstein of numbers."""
    import pandas as pd
    from evidently.legacy.calculations.stattests import get_stattest
    from evidently.legacy.core import ColumnType

    categorical = name.startswith("c")
    kind = ColumnType.Categorical if categorical else ColumnType.Numerical
    statistic = "jensenshannon" if categorical else "wasserstein"
    sides = [pd.Series([f"k{v:.0f}" for v in side] if categorical else side) for side in (before, after)]
    found = get_stattest(*sides, kind, statistic)(*sides, kind, None)
    if not categorical:
        return {"wasserstein": float(found.drift_score)}
    # Its divergence is in nats, ours in bits.
    return {"js": float(found.drift_score) / math.log(2) ** 0.5}


def nannyml(name: str, before: Any, after: Any) -> dict[str, float]:
    """Jensen-Shannon, L-infinity and Hellinger of categories, Kolmogorov-Smirnov of numbers."""
    import nannyml as tool
    import pandas as pd

    categorical = name.startswith("c")
    methods = {"jensen_shannon": "js", "l_infinity": "linf", "hellinger": "hellinger"}
    if not categorical:
        methods = {"kolmogorov_smirnov": "ks"}
    sides = [pd.Categorical([f"k{v:.0f}" for v in side]) if categorical else side for side in (before, after)]
    # A chunk is never larger than the reference, else there would be none of it.
    calculator = tool.UnivariateDriftCalculator(
        column_names=["x"],
        chunk_size=len(after),
        continuous_methods=list(methods) if not categorical else ["kolmogorov_smirnov"],
        categorical_methods=list(methods) if categorical else ["jensen_shannon"],
    )
    calculator.fit(pd.DataFrame({"x": sides[0]}))
    table = calculator.calculate(pd.DataFrame({"x": sides[1]})).filter(period="analysis").to_df()
    return {ours: float(table["x", theirs, "value"].iloc[0]) for theirs, ours in methods.items()}


def main(tool: str, cases: Path, out: Path) -> None:
    """Ask one tool about all cases."""
    ask = {"evidently": evidently, "nannyml": nannyml}[tool]
    found: dict[str, float] = {}
    with np.load(cases) as data:
        for name in sorted({key.split("/")[0] for key in data}):
            for statistic, value in ask(name, data[f"{name}/before"], data[f"{name}/after"]).items():
                found[f"{name}/{statistic}"] = value
    values: dict[str, Any] = {name: np.array(value) for name, value in found.items()}
    np.savez(out, **values)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
