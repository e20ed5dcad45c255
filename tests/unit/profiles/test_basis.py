"""The same error for a row wherever it comes, and large where features no longer go together."""

from __future__ import annotations

import json
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.config import ModelConfig
from trimtab.drift import Budget, Calibration, Nulls, evaluate
from trimtab.events.columns import Categories
from trimtab.profiles import RECONSTRUCTION, SCORE, Basis, Reference, WindowProfile
from trimtab.profiles.basis import MOST_FEATURES
from trimtab.profiles.groups import InputRows

MIXED = np.random.default_rng(3).normal(size=(6, 6))
MODEL = ModelConfig.model_validate(
    {
        "task": "regression",
        "features": {name: {"type": "numeric"} for name in ("a", "b", "c")},
        "drift": {"multivariate": True},
        "window": {"min_count": 50},
        "factory": {"class": "river.linear_model:LinearRegression"},
    }
)


def rows(seed: int, count: int, width: int = 6) -> np.ndarray:
    return MIXED[:width, :width] @ np.random.default_rng(seed).standard_t(3, size=(width, count))


def columns(values: np.ndarray) -> dict[str, np.ndarray]:
    return dict(zip("abcdefghij", values, strict=False))


def correlated(seed: int, count: int, correlation: float) -> np.ndarray:
    x, y, z = np.random.default_rng(seed).normal(size=(3, count))
    return np.array([x, correlation * x + np.sqrt(1 - correlation**2) * y, z])


def basis_of(values: np.ndarray) -> Basis:
    made = Basis.of(columns(values))
    assert made is not None
    return made


def window_of(values: np.ndarray, reference: Reference, model: ModelConfig = MODEL) -> WindowProfile:
    size = values.shape[1]
    part = InputRows(values, (), np.zeros(size), np.full(size, np.nan))
    return InputRows.profile([part], model, reference)


def reference_of(values: np.ndarray, *, multivariate: bool = True) -> Reference:
    return Reference.of("r", columns(values), {}, {}, multivariate=multivariate)


@given(st.data())
def test_a_row_has_the_same_error_in_any_batch_and_order(data: st.DataObject) -> None:
    basis, values = basis_of(rows(1, 200)), rows(data.draw(st.integers(0, 99)), 120) * 1.7
    values[data.draw(st.integers(0, 5)), ::7] = data.draw(st.sampled_from([np.nan, np.inf, -np.inf, 1e308]))
    whole = basis.errors(values)
    cuts = sorted(data.draw(st.sets(st.integers(1, 119), max_size=5)))
    order = np.array(data.draw(st.permutations(range(120))))
    parts = np.split(values[:, order], cuts, axis=1)
    assert np.concatenate([basis.errors(part) for part in parts]).tolist() == whole[order].tolist()
    assert np.isfinite(whole).all()


def test_sums_are_exact_at_the_largest_size() -> None:
    width = MOST_FEATURES
    vectors = np.linalg.qr(np.random.default_rng(2).normal(size=(width, width)))[0][:-1]
    components = tuple(tuple(int(number) for number in row) for row in np.rint(vectors * 4096))
    basis = Basis(tuple(f"f{k}" for k in range(width)), (0.0,) * width, (1.0,) * width, components)
    values = np.random.default_rng(1).choice([-99.0, 99.0, 9.999, 1 / 3], size=(width, 7))
    whole = [[int(z) for z in column] for column in np.rint(np.clip(values, -10, 10) * 4096).T]
    expected = []
    for row in whole:
        scores = [sum(p * z for p, z in zip(component, row, strict=True)) for component in components]
        explained = [sum(p[k] * score for p, score in zip(components, scores, strict=True)) for k in range(width)]
        rest = [round(Fraction(z * 4096**2 - part, 4096**2)) for z, part in zip(row, explained, strict=True)]
        expected.append(float(np.sqrt(float(sum(r * r for r in rest)))) / 4096)
    assert basis.errors(values).tolist() == expected


def test_it_is_the_distance_from_the_principal_components() -> None:
    values = rows(5, 500)
    basis = basis_of(values)
    z = (values - np.array(basis.centers)[:, None]) / np.array(basis.scales)[:, None]
    z = np.clip(z, -10, 10)
    _, vectors = np.linalg.eigh(np.cov(z))
    rest = vectors[:, : 6 - len(basis.components)]
    assert basis.errors(values) == pytest.approx(np.linalg.norm(rest.T @ z, axis=0), abs=0.01)


def test_missing_values_count_as_the_median() -> None:
    basis = basis_of(rows(1, 200))
    there = np.array(basis.centers)[:, None]
    assert basis.errors(there).tolist() == basis.errors(np.full((6, 1), np.nan)).tolist() == [0.0]


def test_one_corrupt_value_does_not_ruin_it() -> None:
    values = rows(1, 400)
    dirty = values.copy()
    dirty[2, 10] = 1e6
    fresh = rows(2, 300)
    assert basis_of(dirty).errors(fresh) == pytest.approx(basis_of(values).errors(fresh), abs=0.5)


def test_a_component_does_not_depend_on_the_sign_that_came_out() -> None:
    for component in basis_of(rows(1, 200)).components:
        assert max(component) == max(abs(number) for number in component)


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"a": np.arange(99.0)},
        {"a": np.arange(99.0), "b": np.ones(99)},
        {"a": np.arange(99.0), "b": np.full(99, np.nan)},
        {"a": np.arange(29.0), "b": np.arange(29.0)},
        {"a": np.empty(0), "b": np.empty(0)},
        {f"f{k}": np.arange(999.0) for k in range(MOST_FEATURES + 1)},
    ],
)
def test_of_too_little_there_is_none(values: dict[str, np.ndarray]) -> None:
    assert Basis.of(values) is None
    reference = Reference.of("r", values, {}, {}, multivariate=True)
    assert reference.basis is None
    assert RECONSTRUCTION not in reference.profile.numeric


def test_what_never_varies_is_left_out() -> None:
    values = {**columns(rows(1, 200, 3)), "still": np.ones(200)}
    made = Basis.of(values)
    assert made is not None
    assert made.features == ("a", "b", "c")


def test_the_wire_keeps_everything_and_old_records_are_read() -> None:
    made = reference_of(rows(1, 300))
    assert made.basis is not None
    wire = json.loads(json.dumps(made.to_wire(), allow_nan=False))
    assert Reference.from_wire(wire) == made
    del wire["basis"]
    assert Reference.from_wire(wire).basis is None
    assert "basis" not in reference_of(rows(1, 300), multivariate=False).to_wire()


@pytest.mark.parametrize(
    "change",
    [
        {"centers": [0.0]},
        {"scales": [1.0, 0.0]},
        {"components": []},
        {"components": [[4096, 4096]]},
        {"features": ["a"]},
    ],
)
def test_a_damaged_basis_is_refused(change: dict[str, object]) -> None:
    wire = basis_of(correlated(1, 100, 0.9)[:2]).to_wire() | change
    with pytest.raises(ValueError, match=r"basis|frame"):
        Basis.from_wire(wire)


def test_score_and_prediction_are_no_part_of_it() -> None:
    values = {**columns(rows(1, 200, 3)), SCORE: np.arange(200.0)}
    made = Reference.of("r", values, {}, {}, multivariate=True)
    assert made.basis is not None
    assert made.basis.features == ("a", "b", "c")


def test_rows_that_make_the_basis_are_not_measured() -> None:
    values = rows(1, 300)
    made = reference_of(values)
    assert made.basis == Basis.of(columns(values[:, ::2]))
    assert made.profile.numeric[RECONSTRUCTION].count == 150


def test_a_change_of_correlation_alone_is_seen_by_it_and_by_nothing_else() -> None:
    reference = reference_of(correlated(1, 4_000, 0.8))
    window = window_of(correlated(2, 1_000, 0.0), reference)
    calibration = Calibration(Nulls(500), Budget(1, 30 * 86_400_000), 3_600_000)
    verdicts = evaluate(reference, window, MODEL.drift, 50, MODEL.numeric, calibration)
    assert {verdict.feature: verdict.status for verdict in verdicts} == {
        "a": "ok",
        "b": "ok",
        "c": "ok",
        RECONSTRUCTION: "drift",
    }


@pytest.mark.parametrize("correlation", [0.8, -0.5])
def test_without_a_change_it_is_silent(correlation: float) -> None:
    reference = reference_of(correlated(1, 4_000, correlation))
    window = window_of(correlated(2, 1_000, correlation), reference)
    verdict = evaluate(reference, window, MODEL.drift, 50, MODEL.numeric)[-1]
    assert (verdict.feature, verdict.status) == (RECONSTRUCTION, "ok")


def test_a_window_is_profiled_alike_in_one_part_and_in_many() -> None:
    reference, values = reference_of(correlated(1, 400, 0.8)), correlated(2, 1_000, 0.8)
    whole = window_of(values, reference).numeric[RECONSTRUCTION]
    parts = [window_of(part, reference).numeric[RECONSTRUCTION] for part in np.split(values, [3, 500], axis=1)]
    merged = parts[2].merge(parts[0]).merge(parts[1])
    assert merged.cells.tolist() == whole.cells.tolist()
    assert merged.counts.tolist() == whole.counts.tolist()
    assert (merged.minimum, merged.maximum) == (whole.minimum, whole.maximum)


def test_it_is_absent_where_it_was_not_asked_for_or_a_feature_has_gone() -> None:
    values = correlated(1, 400, 0.8)
    reference = reference_of(values)
    off = MODEL.model_copy(update={"drift": MODEL.drift.model_copy(update={"multivariate": False})})
    fewer = MODEL.model_copy(update={"features": {name: MODEL.features[name] for name in ("a", "b")}})
    for window in (
        window_of(values, reference, off),
        window_of(values[:2], reference, fewer),
        window_of(values, reference_of(values, multivariate=False)),
    ):
        assert RECONSTRUCTION not in window.numeric
        assert RECONSTRUCTION not in [v.feature for v in evaluate(reference, window, MODEL.drift, 50, ["a"])]


def test_score_and_regression_prediction_keep_their_places() -> None:
    values = correlated(1, 400, 0.8)
    part = InputRows(values, (), np.full(400, 7.0), np.full(400, 0.25))
    found = InputRows.profile([part], MODEL, reference_of(values)).numeric
    assert (found[SCORE].mean, found["__prediction__"].mean) == (0.25, 7.0)
    binary = MODEL.model_copy(update={"task": "binary"})
    part = InputRows(values, (), Categories.of(["1"] * 400), np.full(400, 0.25))
    assert InputRows.profile([part], binary, reference_of(values)).numeric[RECONSTRUCTION] == found[RECONSTRUCTION]
