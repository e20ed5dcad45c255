"""Each check finds what it is for, and nothing in what is well."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from trimtab.config import CategoricalFeature, NumericFeature, QualitySpec
from trimtab.profiles import CategoricalProfile, Frame, NumericProfile
from trimtab.profiles.cells import FloatArray
from trimtab.quality import CHECKS, problems
from trimtab.quality.checks import extreme

DRAW = np.random.default_rng(4)
PRESSURES = DRAW.normal(1_016, 8, size=2_000)


def found(before: FloatArray, after: FloatArray, feature: NumericFeature | None = None) -> dict[str, float]:
    frame = Frame.of(before)
    profiles = NumericProfile.of(before, frame), NumericProfile.of(after, frame)
    return {p.check: round(p.value, 6) for p in problems(*profiles, feature or NumericFeature(), QualitySpec())}


HEALTHY: dict[str, Callable[[int], FloatArray]] = {
    "normal": lambda n: DRAW.normal(size=n),
    "far from zero": lambda n: DRAW.normal(1_016, 8, size=n),
    "lognormal": lambda n: np.exp(DRAW.normal(size=n)),
    "wide lognormal": lambda n: np.exp(2 * DRAW.normal(size=n)),
    "power law": lambda n: DRAW.pareto(2, size=n),
    "cauchy": lambda n: DRAW.standard_cauchy(size=n),
    "counts": lambda n: DRAW.poisson(2, size=n).astype(float),
    "flag": lambda n: (DRAW.random(n) < 0.02).astype(float),
    "constant": lambda n: np.full(n, 7.0),
    "half zero": lambda n: np.where(DRAW.random(n) < 0.6, 0.0, DRAW.gamma(2, size=n)),
}


@pytest.mark.parametrize("name", HEALTHY)
def test_nothing_is_wrong_with_what_is_well(name: str) -> None:
    windows = [found(HEALTHY[name](2_000), HEALTHY[name](500)) for _ in range(200)]
    assert [window for window in windows if window] == []


def test_a_corrupt_value_is_found_and_a_shift_is_none() -> None:
    assert found(PRESSURES, np.append(PRESSURES[:999], 5_503.8)) == {"corrupt": 0.001}
    assert found(PRESSURES, np.append(PRESSURES[:999], -999.0)) == {"corrupt": 0.001}
    assert found(PRESSURES, np.append(PRESSURES[:999], np.inf)) == {"corrupt": 0.001}
    assert found(PRESSURES, PRESSURES + 40) == {}


def test_a_corrupt_value_in_the_reference_hides_none_in_the_window() -> None:
    assert found(np.append(PRESSURES, 5_503.8), np.append(PRESSURES[:999], 5_503.8)) == {"corrupt": 0.001}


def test_what_hangs() -> None:
    assert found(PRESSURES, np.full(100, 1_016.0)) == {"constant": 1.0}
    assert found(np.full(100, 3.0), np.full(100, 4.0)) == {}


def test_another_unit() -> None:
    kilo = found(PRESSURES, PRESSURES[:500] / 1_000)
    assert kilo.keys() == {"unit_change"} | (kilo.keys() & {"corrupt"})
    assert kilo["unit_change"] == pytest.approx(1_000, rel=0.05)
    assert "unit_change" not in found(PRESSURES, (PRESSURES[:500] - 1_016) * 6 + 1_016)


def test_domain() -> None:
    feature = NumericFeature(min=0.0, max=10.0)
    values = DRAW.uniform(0, 10, size=1_000)
    assert found(values, values, feature) == {}
    outside = np.append(values[:90], np.full(10, 12.0))
    assert found(values, outside, feature) == {"out_of_domain": 0.1}
    assert found(values, outside - 13, feature)["out_of_domain"] > 0.9
    assert found(values, np.append(values, 12.0), feature) == {}, "one in a thousand is within the limit"


def test_categories() -> None:
    before = CategoricalProfile({"a": 500, "b": 500})
    spec, feature = QualitySpec(), CategoricalFeature(values=("a", "b"))

    def checks(after: CategoricalProfile) -> dict[str, float]:
        return {p.check: p.value for p in problems(before, after, feature, spec)}

    assert checks(CategoricalProfile({"a": 50, "b": 40})) == {}
    assert checks(CategoricalProfile({"a": 90})) == {"constant": 1.0}
    assert checks(CategoricalProfile({"a": 50, "b": 40}, new={"c": 10})) == {"out_of_domain": 0.1}
    assert checks(CategoricalProfile({"a": 50, "b": 40}, other=10)) == {"out_of_domain": 0.1}


def test_new_categories_are_those_that_the_reference_could_have_known() -> None:
    before = CategoricalProfile({"a": 490, "b": 490, **{f"rare{k}": 1 for k in range(20)}})

    def checks(before: CategoricalProfile, after: CategoricalProfile, *values: str) -> dict[str, float]:
        feature = CategoricalFeature(values=values)
        return {p.check: round(p.value, 6) for p in problems(before, after, feature, QualitySpec())}

    # A fiftieth of the reference was seen once, so a fiftieth of new ones is no news.
    assert checks(before, CategoricalProfile({"a": 93}, new={"c": 7})) == {}
    assert checks(before, CategoricalProfile({"a": 92}, new={"c": 8})) == {"new_categories": 0.06}
    assert checks(before, CategoricalProfile({"a": 90}, other=10)) == {"new_categories": 0.08}
    assert checks(before, CategoricalProfile({"a": 90}, new={"c": 10}), "a", "c") == {"new_categories": 0.08}
    assert checks(before, CategoricalProfile({"a": 90}, new={"c": 10}), "a", "b") == {"out_of_domain": 0.1}
    many = CategoricalProfile({"a": 500}, other=5)
    assert checks(many, CategoricalProfile({"a": 50}, new={"c": 50})) == {}


def test_too_few_values_are_not_checked() -> None:
    assert found(PRESSURES, np.full(19, 1e9)) == {}
    assert found(PRESSURES[:19], np.full(100, 1e9)) == {}


@pytest.mark.parametrize("name", CHECKS)
def test_each_can_be_switched_off(name: str) -> None:
    off = QualitySpec.model_validate({name: False if name == "constant" else None})
    frame = Frame.of(PRESSURES)
    before = NumericProfile.of(PRESSURES, frame)
    feature = NumericFeature(min=900.0)
    for after in (np.full(100, 1_016.0), np.append(PRESSURES, 1e9), PRESSURES / 1_000):
        assert name not in [p.check for p in problems(before, NumericProfile.of(after, frame), feature, off)]


def test_the_tail_decides_what_is_extreme() -> None:
    light, heavy = (NumericProfile.of(x, Frame.of(x)) for x in (DRAW.normal(size=5_000), DRAW.standard_cauchy(5_000)))
    lightest, heaviest = extreme(light), extreme(heavy)
    assert lightest is not None
    assert heaviest is not None
    assert 10 <= lightest < 40
    assert heaviest > 10_000
