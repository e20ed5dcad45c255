import math

import numpy as np
import pytest

from trimtab.profiles import IDENTITY, Frame


def test_median_and_interquartile_range_of_what_is_finite() -> None:
    values = np.array([np.nan, 1.0, 2.0, 3.0, 4.0, 5.0, np.inf, -np.inf, 1e300])
    assert Frame.of(values) == Frame(3.0, 2.0)


def test_the_identity() -> None:
    assert Frame(0.0, 1.0) == IDENTITY
    assert Frame.of([]) == IDENTITY
    assert Frame.of([math.nan]) == IDENTITY


@pytest.mark.parametrize(("constant", "scale"), [(0.0, 1e-3), (0.1, 1e-3), (-500.0, 0.5), (1e12, 1e9)])
def test_a_constant_has_a_small_scale_above_zero(constant: float, scale: float) -> None:
    assert Frame.of([constant] * 7) == Frame(constant, scale)


def test_a_range_of_zero_falls_back_to_the_deviation() -> None:
    values = [0.0] * 9 + [10.0]
    assert Frame.of(values) == Frame(0.0, 3.0)


@pytest.mark.parametrize("scale", [0.0, -1.0, math.nan, math.inf])
def test_a_scale_that_cannot_divide_is_refused(scale: float) -> None:
    with pytest.raises(ValueError, match="scale above zero"):
        Frame(0.0, scale)


def test_wire() -> None:
    frame = Frame(1.25, 0.1)
    assert Frame.from_wire(frame.to_wire()) == frame
