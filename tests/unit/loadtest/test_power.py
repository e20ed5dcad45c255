"""The comparison of power: its streams are what they are said to be, and its figures are what the scores say."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from loadtest.verdicts.power.figures import RATE, Row, best, holds, largest, measure, threshold
from loadtest.verdicts.power.report import lost, own_table, table
from loadtest.verdicts.power.scenarios import (
    BASES,
    EVENTS,
    PACES,
    REFERENCE,
    SCENARIOS,
    WARM_UP,
    WINDOW,
    WINDOWS,
    Array,
    block,
)
from loadtest.verdicts.power.tools import OURS, SCRIPTS, TOOLS
from loadtest.verdicts.power.trimtab import Judge

STREAMS = 60


@pytest.fixture(scope="module")
def data() -> dict[str, Array]:
    return block(0, STREAMS)


def after(values: Array) -> Array:
    return values[:, WARM_UP:]


def test_the_shapes(data: dict[str, Array]) -> None:
    for key, values in data.items():
        assert values.shape == ((REFERENCE,) if key.startswith("ref/") else (STREAMS, EVENTS)), key


def test_the_same_number_gives_the_same_streams(data: dict[str, Array]) -> None:
    again = block(0, STREAMS)
    assert data.keys() == again.keys()
    assert all(np.array_equal(values, again[key]) for key, values in data.items())
    assert not np.array_equal(data["ref/f0"], block(1, 1)["ref/f0"])


def test_calibration_and_test_streams_are_apart(data: dict[str, Array]) -> None:
    for column in BASES["plain"]:
        assert not np.array_equal(data[f"cal/{column}"], data[f"test/{column}"])


@pytest.mark.parametrize(("scenario", "by"), [("mean 0.15", 0.15), ("mean 0.25", 0.25), ("mean 0.5", 0.5)])
def test_means_move(data: dict[str, Array], scenario: str, by: float) -> None:
    moved = data[f"{scenario}, sudden/f7"] - data["test/f7"]
    assert (moved[:, :WARM_UP] == 0).all()
    assert after(moved) == pytest.approx(by)
    slowly = (data[f"{scenario}, gradual/f7"] - data["test/f7"]).mean(axis=0)[WARM_UP:]
    assert (np.diff(slowly) > 0).all()
    assert slowly[[0, -1]] == pytest.approx([by / (EVENTS - WARM_UP), by])


def test_the_scale_grows_and_the_tail_keeps_its_variance(data: dict[str, Array]) -> None:
    assert after(data["scale 1.3, sudden/f7"]).std() == pytest.approx(1.3, rel=0.01)
    tail = after(data["tail t3, sudden/f7"])
    assert tail.std() == pytest.approx(1.0, rel=0.1)
    # The quartile of t3 is 0.765, over the root of its variance, 3.
    assert np.quantile(tail, 0.75) == pytest.approx(0.7649 / 3**0.5, rel=0.02)


def test_the_mix_moves_eight_of_a_hundred(data: dict[str, Array]) -> None:
    shares = [float((after(data["category mix, sudden/c0"]) == code).mean()) for code in range(5)]
    assert shares == pytest.approx([0.32, 0.38, 0.15, 0.10, 0.05], abs=0.005)


def test_correlation_goes_and_nothing_else(data: dict[str, Array]) -> None:
    for part, rho in (("test", 0.5), ("correlation, sudden", 0.0)):
        first, second = (after(data[f"{part}/{column}"]).ravel() for column in ("f0", "f4"))
        assert np.corrcoef(first, second)[0, 1] == pytest.approx(rho, abs=0.01)
        assert (first.mean(), first.std()) == pytest.approx((0.0, 1.0), abs=0.01)
    assert np.array_equal(data["correlation, sudden/f0"][:, :WARM_UP], data["test/f0"][:, :WARM_UP])


def test_each_window_has_one_outlier_shifted_or_not(data: dict[str, Array]) -> None:
    for key in ("cal/f7!", "test/f7!", *(f"mean 0.5, outlier, {pace}/f7!" for pace in PACES)):
        counts = (after(data[key]).reshape(STREAMS, WINDOWS, WINDOW) == 1e6).sum(axis=2)
        assert (counts == 1).all(), key
    shifted = after(data["mean 0.5, outlier, sudden/f7!"])
    assert np.median(shifted) == pytest.approx(0.5, abs=0.01)


def test_the_threshold_is_exceeded_as_often_as_is_said() -> None:
    scores = np.random.default_rng(0).exponential(size=(100, 20))
    assert (scores > threshold(scores)).mean() == RATE
    # Of equal scores none may exceed it, rather than all.
    assert (np.ones((100, 20)) > threshold(np.ones((100, 20)))).mean() == 0


def test_a_changed_column_replaces_its_own_only() -> None:
    scores = {"test/a": np.array([[3.0]]), "test/joint": np.array([[1.0]]), "x/a": np.array([[0.0]])}
    assert largest(scores, "test", "ab", "x").tolist() == [[1.0]]


def scores_of(steps: int, detected_at: int | None) -> dict[str, Array]:
    """Null scores spread over 0 to 1, shifted ones of 2 from a step on."""
    draw = np.random.default_rng(1)
    found = {f"{part}/{column}": draw.random((100, steps)) for part in ("cal", "test") for column in ("f0", "f7")}
    if detected_at is not None:
        for pace in PACES:
            shifted = np.zeros((100, steps))
            shifted[:, detected_at:] = 2.0
            found[f"mean 0.5, {pace}/f7"] = shifted
    return found


@pytest.mark.parametrize(("steps", "at", "delay", "first"), [(10, 0, 500, 1), (10, 1, 1_000, 0), (100, 3, 200, 1)])
def test_power_and_delay(steps: int, at: int, delay: float, first: float) -> None:
    rows = measure("tool", scores_of(steps, at), None, None)
    row = next(row for row in rows if (row.scenario, row.pace) == ("mean 0.5", "sudden"))
    # A false alarm before may come earlier: one window in a hundred at most.
    assert row.delay == delay
    assert row.within == 1.0
    assert row.first == pytest.approx(first, abs=0.05)
    assert row.false_alarms < 0.03
    assert row.own_within is None


def test_what_is_not_found_has_no_delay() -> None:
    row = measure("tool", scores_of(10, None), None, None)[0]
    assert row.delay is None
    assert row.within < 0.3


def test_own_defaults_are_reached_not_exceeded() -> None:
    scores = {key: np.round(values) for key, values in scores_of(10, 0).items()}
    row = next(row for row in measure("tool", scores, scores, 2.0) if row.scenario == "mean 0.5")
    assert (row.own_within, row.own_false_alarms) == (1.0, 0.0)


@dataclass(frozen=True)
class Made:
    within: float
    tool: str = "Evidently"
    streams: int = 400

    def row(self) -> Row:
        return Row("mean 0.5", "sudden", self.tool, self.streams, 0.0, self.within, None, 0.01, 0.5, 0.02)


@pytest.mark.parametrize(
    ("ours", "streams", "held"), [(0.95, 400, True), (0.94, 90, False), (0.94, 400, False), (0.94, 40, True)]
)
def test_within_five_percent_or_two_errors(ours: float, streams: int, held: bool) -> None:
    rows = [Made(ours, "Trimtab", streams).row(), Made(1.0, "Evidently", streams).row()]
    assert holds(*rows) is held
    assert lost(rows) == ([] if held else ["mean 0.5, sudden: Evidently"])
    assert ("**no**" in table(rows)) is not held


def test_the_best_is_another_tool() -> None:
    rows = [Made(1.0, "Trimtab").row(), Made(0.4, "NannyML, JS").row(), Made(0.6).row()]
    assert best(rows, OURS).tool == "Evidently"


def test_tables_have_a_cell_for_each_tool() -> None:
    rows = [Made(0.5, tool).row() for tool in TOOLS]
    for text in (table(rows), own_table(rows)):
        assert len({line.count("|") for line in text.splitlines()}) == 1


def test_every_tool_has_its_script_and_every_shift_its_columns() -> None:
    assert {tool.script for tool in TOOLS.values()} == set(SCRIPTS)
    assert all({*scenario.columns} <= {*BASES[scenario.base]} for scenario in SCENARIOS)


def test_trimtab_judges_windows_and_hopping_ones(data: dict[str, Array]) -> None:
    judge = Judge.of(0, data)
    for column, scenario in (("f7", "mean 0.5, sudden"), ("c0", "category mix, sudden")):
        quiet, moved = (judge.score(column, data[f"{part}/{column}"][:2], None) for part in ("test", scenario))
        assert quiet["window"].shape == quiet["own"].shape == (2, WINDOWS)
        assert moved["window"].mean() > quiet["window"].mean() + 1
        assert not quiet["own"].any()
    hopping = judge.score("f7", data["mean 0.5, sudden/f7"][:1], 250)["hop"]
    assert hopping.shape == (1, 2 * WINDOWS)
    # Every second one ends where a window does.
    assert judge.score("f7", data["mean 0.5, sudden/f7"][:1], None)["window"][0] == pytest.approx(hopping[0, 1::2])
