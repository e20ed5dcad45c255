import json

import numpy as np
import pytest
from hypothesis import given

from tests.unit.profiles.strategies import FRAME, briefly, windows
from trimtab.profiles import IDENTITY, CategoricalProfile, NumericProfile, PerformanceProfile, WindowProfile


@briefly
@given(windows(), windows())
def test_merge_is_commutative_to_the_bit(a: WindowProfile, b: WindowProfile) -> None:
    assert a.merge(b) == b.merge(a)
    assert json.dumps(a.merge(b).to_wire()) == json.dumps(b.merge(a).to_wire())
    assert a.merge(WindowProfile.empty()) == a


def exact_part(window: WindowProfile) -> object:
    numeric = {name: (p.total, p.cells.tolist(), p.counts.tolist()) for name, p in window.numeric.items()}
    performance = window.performance and (window.performance.count, window.performance.confusion)
    return window.count, numeric, window.categorical, performance


@briefly
@given(windows(), windows(), windows())
def test_merge_is_associative(a: WindowProfile, b: WindowProfile, c: WindowProfile) -> None:
    assert exact_part(a.merge(b).merge(c)) == exact_part(a.merge(b.merge(c)))


@briefly
@given(windows())
def test_the_wire_keeps_everything(window: WindowProfile) -> None:
    text = json.dumps(window.to_wire(), allow_nan=False)
    assert WindowProfile.from_wire(json.loads(text)) == window


def test_features_of_one_side_are_kept() -> None:
    left = WindowProfile(1, {"x": NumericProfile.of(np.array([1.0]), FRAME)}, {}, None)
    right = WindowProfile(2, {}, {"u": CategoricalProfile({"a": 2})}, PerformanceProfile(count=2))
    assert left.merge(right) == WindowProfile(3, left.numeric, right.categorical, right.performance)


def test_frames_must_agree() -> None:
    with pytest.raises(ValueError, match="different frames"):
        WindowProfile(0, {"x": NumericProfile.empty(FRAME)}).merge(
            WindowProfile(0, {"x": NumericProfile.empty(IDENTITY)})
        )
