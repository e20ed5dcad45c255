"""Hypothesis strategies for profiles of every shape."""

from __future__ import annotations

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

from trimtab.profiles import CategoricalProfile, Frame, NumericProfile, PerformanceProfile, WindowProfile
from trimtab.profiles.cells import FloatArray

FRAME = Frame(3.0, 7.0)

briefly = settings(max_examples=20, deadline=None)

moderate = st.floats(-1e6, 1e6, allow_subnormal=False)
anything = st.one_of(moderate, st.just(0.0), st.just(-0.0), st.just(np.nan), st.just(np.inf), st.just(-1e300))


def arrays(elements: st.SearchStrategy[float], max_size: int = 12) -> st.SearchStrategy[FloatArray]:
    return st.lists(elements, max_size=max_size).map(lambda values: np.array(values, dtype=np.float64))


numeric = arrays(anything).map(lambda values: NumericProfile.of(values, FRAME))
names = st.sampled_from(["a", "b", "c", "", "ü", "\ud800", "0", "x\ny"])
categories = st.lists(st.one_of(st.none(), names), max_size=12)
known = st.one_of(st.none(), st.frozensets(st.sampled_from("abcdef"), max_size=4))
classes = st.sampled_from(["0", "1", "cat"])


@st.composite
def classification(draw: st.DrawFn) -> PerformanceProfile:
    rows = draw(st.lists(st.tuples(classes, classes, st.one_of(st.none(), st.floats(0, 1))), max_size=6))
    return PerformanceProfile.of_classification([r[0] for r in rows], [r[1] for r in rows], [r[2] for r in rows])


@st.composite
def windows(draw: st.DrawFn) -> WindowProfile:
    return WindowProfile(
        draw(st.integers(0, 100)),
        draw(st.dictionaries(st.sampled_from("xy"), numeric, max_size=2)),
        draw(st.dictionaries(st.sampled_from("uv"), categories.map(CategoricalProfile.of), max_size=2)),
        draw(st.one_of(st.none(), classification())),
    )
