"""How the domain classifier errs where nothing has changed, what it finds beside other statistics, and what it costs.

``python -m loadtest.verdicts.whole_rows``; everything is drawn from seeds, so only the times differ from run to run.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from trimtab.config import ModelConfig
from trimtab.drift import DOMAIN, Budget, Calibration, Nulls, domain_classifier, evaluate
from trimtab.events.columns import Categories, FloatArray
from trimtab.profiles import RECONSTRUCTION, Reference, RowSample, WindowProfile
from trimtab.profiles.groups import InputRows

Rows = tuple[FloatArray, list[Categories]]
Draw = Callable[[np.random.Generator, int], Rows]
_CODES = [f"v{k}" for k in range(1_000)]
_ROWS = 512
_WINDOWS_OF_ONE = 4  # against one reference


def normals(width: int = 6, correlation: float = 0.0, pairs: int = 1) -> Draw:
    """Normal numbers, of which some pairs go together."""

    def draw(random: np.random.Generator, rows: int) -> Rows:
        found = random.normal(size=(width, rows))
        for k in range(0, 2 * pairs, 2):
            found[k + 1] = correlation * found[k] + np.sqrt(1 - correlation**2) * found[k + 1]
        return found, []

    return draw


def heavy_tails(random: np.random.Generator, rows: int) -> Rows:
    """Student's t with two degrees of freedom."""
    return random.standard_t(2, size=(6, rows)), []


def categories(random: np.random.Generator, rows: int) -> Rows:
    """A long tail (Zipf 1.7), three even ones, and a number of few values."""
    tail = np.minimum(random.zipf(1.7, rows), 300)
    return np.round(2 * random.exponential(size=(1, rows))), [_codes(tail), _codes(random.integers(0, 3, rows))]


def interaction(strength: float = 0.0) -> Draw:
    """Three numbers and four categories, distributed alike whatever the strength with which they go together."""

    def draw(random: np.random.Generator, rows: int) -> Rows:
        found, codes = random.normal(size=(3, rows)), random.integers(0, 4, rows)
        side = np.where(codes < 2, 1.0, -1.0)
        key = strength * side + np.sqrt(1 - strength**2) * random.normal(size=rows)
        found[0] = np.sort(found[0])[np.argsort(np.argsort(key))]
        return found, [_codes(codes)]

    return draw


def shifted(by: float) -> Draw:
    """The mean of one of six normals."""

    def draw(random: np.random.Generator, rows: int) -> Rows:
        found, none = normals()(random, rows)
        found[0] += by
        return found, none

    return draw


NULLS: dict[str, Draw] = {
    "normal": normals(),
    "correlated": normals(correlation=0.8, pairs=3),
    "t, 2 degrees": heavy_tails,
    "categories": categories,
    "mixed": interaction(0.5),
    "20 normals": normals(20),
}
SHIFTS: dict[str, tuple[Draw, Draw]] = {
    "nothing": (normals(), normals()),
    "correlation 0.8 to 0, one pair": (normals(correlation=0.8), normals()),
    "correlation 0 to 0.5, one pair": (normals(), normals(correlation=0.5)),
    "correlation 0 to 0.7, one pair": (normals(), normals(correlation=0.7)),
    "correlation 0 to 0.7, one pair of 20": (normals(20), normals(20, 0.7)),
    "correlation 0.8 to 0, three pairs": (normals(correlation=0.8, pairs=3), normals()),
    "category and number, 0 to 0.5": (interaction(), interaction(0.5)),
    "category and number, 0 to 0.7": (interaction(), interaction(0.7)),
    "mean by 0.25": (normals(), shifted(0.25)),
    "mean by 0.5": (normals(), shifted(0.5)),
}


def false_alarms(references: int, reference_rows: int, window_rows: int, only: str) -> None:
    """Share of windows with p at most 5 %, 1 % and 0.1 % where nothing has changed."""
    for name, draw in NULLS.items():
        if only and only not in name:
            continue
        found = []
        for seed in range(references):
            random = np.random.default_rng([seed, reference_rows])
            before = _sample(draw(random, reference_rows), 0)
            for k in range(1, 1 + _WINDOWS_OF_ONE):
                found.append(domain_classifier(before, _sample(draw(random, window_rows), k * 10**6)).p_value)
        shares = [f"{100 * np.mean(np.array(found) <= level):.2f}" for level in (0.05, 0.01, 0.001)]
        print(
            f"{name}: {reference_rows} and {window_rows} rows, {len(found)} windows: {', '.join(shares)} %", flush=True
        )


def power(windows: int) -> None:
    """Share of windows of 500 in which each says drift, against 5,000 rows, by the default budget in 6-hour windows."""
    for name, (of_reference, of_window) in SHIFTS.items():
        said: Counter[str] = Counter()
        for seed in range(windows):
            random = np.random.default_rng([seed, 7])
            before, after = of_reference(random, 5_000), of_window(random, 500)
            said.update(_drifted(before, after))
        shares = {feature: f"{100 * count / windows:.0f} %" for feature, count in sorted(said.items())}
        print(f"{name}, {windows} windows: {shares}", flush=True)


def cost() -> None:
    """Milliseconds of one window, least of five."""
    for name, draw in {"6": normals(), "20": normals(20), "100": normals(100), "1,000": normals(1_000)}.items():
        random = np.random.default_rng(1)
        before, after = (_sample(draw(random, _ROWS), at) for at in (0, 10**6))
        spent = []
        for _ in range(5):
            start = time.perf_counter()
            domain_classifier(before, after)
            spent.append(time.perf_counter() - start)
        print(f"{name} numbers, {_ROWS} and {_ROWS} rows: {1e3 * min(spent):.0f} ms", flush=True)


def _drifted(before: Rows, after: Rows) -> list[str]:
    model = _model(before)
    table, texts = before
    columns = dict(zip(model.numeric, table, strict=True))
    named = {name: of.to_list() for name, of in zip(model.categorical, texts, strict=True)}
    reference = Reference.of("r", columns, named, {}, multivariate=True, sample=_part(before, 0).sample(model))
    window: WindowProfile = InputRows.profile([_part(after, 10**6)], model, reference)
    calibration = Calibration(Nulls(500), Budget(*model.drift.budget), 6 * 3_600_000)
    verdicts = evaluate(reference, window, model.drift, 100, model.features, calibration)
    drifted = [verdict.feature for verdict in verdicts if verdict.status == "drift"]
    whole = [name for name in drifted if name in (DOMAIN, RECONSTRUCTION)]
    return whole + ["a feature alone"] * (len(drifted) > len(whole))


def _model(rows: Rows) -> ModelConfig:
    features: dict[str, Any] = {f"x{k}": {"type": "numeric"} for k in range(len(rows[0]))}
    features |= {f"c{k}": {"type": "categorical"} for k in range(len(rows[1]))}
    return ModelConfig.model_validate(
        {
            "task": "regression",
            "features": features,
            "drift": {"multivariate": True, "domain_classifier": True},
            "factory": {"class": "river.linear_model:LinearRegression"},
        }
    )


def _part(rows: Rows, at_ms: int) -> InputRows:
    count = rows[0].shape[1]
    return InputRows(rows[0], tuple(rows[1]), np.zeros(count), np.full(count, np.nan), np.arange(count) + at_ms)


def _sample(rows: Rows, at_ms: int) -> RowSample:
    numbers = {f"x{k}": column for k, column in enumerate(rows[0])}
    named = {f"c{k}": column for k, column in enumerate(rows[1])}
    return RowSample.of(_ROWS, np.arange(rows[0].shape[1]) + at_ms, numbers, named)


def _codes(codes: Any) -> Categories:
    return Categories(np.asarray(codes, np.int32), _CODES)


def main() -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["nulls", "power", "cost"])
    parser.add_argument("--references", type=int, default=1_250)
    parser.add_argument("--windows", type=int, default=200)
    parser.add_argument("--rows", type=int, nargs=2, default=(2_000, 500), metavar=("REFERENCE", "WINDOW"))
    parser.add_argument("--stream", default="", help="only the streams with this in their names")
    asked = parser.parse_args()
    if asked.what == "nulls":
        false_alarms(asked.references, asked.rows[0], asked.rows[1], asked.stream)
    elif asked.what == "power":
        power(asked.windows)
    else:
        cost()


if __name__ == "__main__":
    main()
