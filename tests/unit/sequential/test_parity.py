"""What wraps River detects exactly where River does, whatever the arguments."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from river import drift
from river.drift import binary

from trimtab.config import SequentialSpec
from trimtab.sequential import make_detector

CASES: list[tuple[str, dict[str, Any], Any]] = [
    ("adwin", {}, drift.ADWIN()),
    ("adwin", {"delta": 0.1, "clock": 1, "grace_period": 30}, drift.ADWIN(delta=0.1, clock=1, grace_period=30)),
    ("kswin", {}, drift.KSWIN(1e-5, 300, 100, seed=42)),
    (
        "kswin",
        {"alpha": 0.01, "seed": 3, "window_size": 80, "stat_size": 20},
        drift.KSWIN(alpha=0.01, seed=3, window_size=80, stat_size=20),
    ),
    ("page_hinkley", {"mode": "both", "threshold": 5.0}, drift.PageHinkley(threshold=5.0)),
    ("page_hinkley", {"threshold": 8.0}, drift.PageHinkley(threshold=8.0, mode="up")),
    ("ddm", {"warm_start": 30}, binary.DDM()),
    ("eddm", {"warm_start": 30, "beta": 0.9}, binary.EDDM()),
    ("hddm_a", {}, binary.HDDMA()),
    ("hddm_a", {"two_sided_test": True, "drift_confidence": 0.01}, binary.HDDMA(0.01, two_sided_test=True)),
    ("hddm_w", {"drift_confidence": 0.001, "lambda_val": 0.05}, binary.HDDMW()),
    (
        "hddm_w",
        {"two_sided_test": True, "drift_confidence": 0.01},
        binary.HDDMW(0.01, lambda_val=0.01, two_sided_test=True),
    ),
]


def rates(draw: np.random.Generator) -> list[float]:
    """Errors at four rates in turn."""
    return [float(draw.random() < rate) for rate in (0.1, 0.5, 0.2, 0.8) for _ in range(700)]


@pytest.mark.parametrize(("name", "args", "peer"), CASES, ids=[f"{name}-{len(args)}" for name, args, _ in CASES])
def test_the_same_as_river(name: str, args: dict[str, Any], peer: Any) -> None:
    ours = make_detector(SequentialSpec(detector=name, args=args), "binary")
    found, expected = [], []
    for i, value in enumerate(rates(np.random.default_rng(5))):
        peer.update(value)
        expected += [i] if peer.drift_detected else []
        found += [i] if ours.update(value) else []
    assert found == expected
    assert found, "a comparison of nothing"


def test_means_are_those_of_either_side() -> None:
    """ADWIN and KSWIN tell which values they kept; of others the last 30 stand for what comes after."""
    values = rates(np.random.default_rng(5))[:1_400]
    for name, kept in (("adwin", None), ("kswin", 100), ("page_hinkley", 30)):
        ours = make_detector(SequentialSpec(detector=name), "binary")
        at, found = next((i, one) for i, value in enumerate(values) if (one := ours.update(value)))
        size = kept
        if size is None:
            peer = drift.ADWIN()
            for value in values[: at + 1]:
                peer.update(value)
            size = int(peer.width)
        cut = at + 1 - size
        assert found.after == pytest.approx(float(np.mean(values[cut : at + 1])), rel=1e-9), name
        assert found.before == pytest.approx(float(np.mean(values[:cut])), rel=1e-9), name


def test_means_forget_what_was_before_the_last_change() -> None:
    spec = SequentialSpec(detector="page_hinkley", on="score", args={"min_instances": 2, "threshold": 0.4})
    ours = make_detector(spec, "binary")
    values = [0.0] * 40 + [1.0] + [5.0] * 6 + [9.0] * 3
    found = [(i, one) for i, value in enumerate(values) if (one := ours.update(value))]
    assert [i for i, _ in found] == [40, 47]
    # Seven values since: fewer than the last 30, so there are none before.
    assert found[1][1].before is None
    assert found[1][1].after == pytest.approx((6 * 5 + 9) / 7)


def test_kswin_gives_its_p_value() -> None:
    ours = make_detector(SequentialSpec(detector="kswin", on="score"), "binary")
    draw = np.random.default_rng(1)
    found = [ours.update(value) for value in [*draw.random(400), *(1 + draw.random(100))]]
    first = next(one for one in found if one)
    assert first.p_value is not None
    assert first.p_value <= 1e-5
