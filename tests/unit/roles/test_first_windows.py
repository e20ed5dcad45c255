"""A version's first healthy windows become its reference, in frames that fit, once, through restarts."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
import pytest

from trimtab.config import ModelConfig
from trimtab.drift import Nulls
from trimtab.profiles import IDENTITY, NumericProfile, Reference, WindowProfile
from trimtab.roles.first_windows import FirstWindows
from trimtab.roles.verdicts import Verdicts
from trimtab.windows import ClosedWindow, WindowKey

HOUR_MS = 3_600_000
MODEL = ModelConfig.model_validate(
    {
        "task": "binary",
        "features": {"x": {"type": "numeric"}, "y": {"type": "numeric"}},
        "window": {"size": HOUR_MS, "min_count": 10},
        "reference": {"from": "first_windows", "windows": 3},
        "factory": {"class": "river.linear_model:LogisticRegression"},
    }
)
DRAW = np.random.default_rng(3)


def profile(reference: Reference | None, **columns: Any) -> WindowProfile:
    numeric = {
        name: NumericProfile.of(values, IDENTITY if reference is None else reference.frame(name))
        for name, values in columns.items()
    }
    return WindowProfile(max(map(len, columns.values())), numeric)


def key(k: int, reference: Reference | None, version: int = 0, segment: str = "") -> WindowKey:
    known = None if reference is None else reference.id
    return WindowKey("inputs", version, known, segment, k * HOUR_MS, (k + 1) * HOUR_MS)


def played(first: FirstWindows, columns: list[dict[str, Any]], known: Reference | None = None) -> list[Reference]:
    """What is published; it takes effect at once, and each window is followed by a restart."""
    found = []
    for k, of in enumerate(columns):
        first = FirstWindows("m", MODEL, orjson.loads(orjson.dumps(first.snapshot())))
        first.add(key(k, known), profile(known, **of), known)
        for version, made in first.take_references():
            assert version == 0
            found.append(made)
            known = made
    return found


def hours(count: int, **of: tuple[float, float]) -> list[dict[str, Any]]:
    return [{name: DRAW.normal(*moments, size=400) for name, moments in of.items()} for _ in range(count)]


def test_frames_are_found_then_values() -> None:
    """A pressure in pascals: far from zero for its spread, so that cells about zero tell nothing."""
    columns = hours(9, x=(101_300.0, 50.0), y=(0.0, 1.0))
    columns[0]["x"][7] = 1e9
    found = played(FirstWindows("m", MODEL), columns)
    frames = len(found) - 1
    assert [reference.id for reference in found] == [*(f"m@0/frames-{k + 1}" for k in range(frames)), "m@0/first-3"]
    assert 2 <= frames <= 3
    last = found[-1]
    rows = np.concatenate([of["x"] for of in columns[frames : frames + 3]])
    assert last.profile.count == 1_200
    assert last.profile.numeric["x"].mean == pytest.approx(rows.mean())
    assert abs(last.frame("x").center - 101_300) < 100
    assert last.profile.numeric["x"].quantile(0.25) == pytest.approx(np.percentile(rows, 25), abs=3)


@pytest.mark.parametrize(
    "values", [np.zeros(100), np.full(100, 40.0), np.repeat([0.0, 7.0], [90, 10]), np.full(100, np.nan)]
)
def test_odd_columns_do_not_hold_it_up(values: Any) -> None:
    found = played(FirstWindows("m", MODEL), [{"x": values}] * 10)
    assert found[-1].id == "m@0/first-3"
    assert len(found) <= 6


def test_a_feature_that_never_settles_does_not_hold_it_up() -> None:
    found = played(FirstWindows("m", MODEL), [hours(1, x=(1e5 * (k % 2), 1.0))[0] for k in range(12)])
    assert [reference.id for reference in found] == [*(f"m@0/frames-{k}" for k in range(1, 6)), "m@0/first-3"]


def test_trained_versions_keep_their_frames_until_then() -> None:
    columns = {"x": DRAW.normal(size=500), "y": DRAW.normal(size=500)}
    trained = Reference.of("m@0", columns, {}, {"accuracy": 0.9}, multivariate=True)
    [made] = played(FirstWindows("m", MODEL), hours(4, x=(0.0, 1.0)), trained)
    assert (made.id, made.frame("x"), made.metrics) == ("m@0/first-3", trained.frame("x"), {"accuracy": 0.9})
    assert made.basis == trained.basis
    assert made.basis is not None


def test_what_was_set_by_hand_stays() -> None:
    by_hand = Reference.of("m@0/0123456789ab", {"x": DRAW.normal(size=500)}, {}, {})
    assert played(FirstWindows("m", MODEL), hours(9, x=(0.0, 1.0)), by_hand) == []


def test_windows_of_before_and_other_versions_do_not_mix() -> None:
    first = FirstWindows("m", MODEL)
    for version in (0, 4):
        first.add(key(0, None, version), profile(None, x=np.arange(50.0)), None)
    frames = dict(first.take_references())
    assert [reference.id for reference in frames.values()] == ["m@0/frames-1", "m@4/frames-1"]
    # Published, and not here yet: neither a window of before it nor one that the registry does not know counts.
    first.add(key(1, None), profile(None, x=np.arange(50.0)), None)
    first.add(key(1, None), profile(None, x=np.arange(50.0)), frames[0])
    assert first.take_references() == []
    assert first.snapshot()["0"]["windows"] == 0
    first.add(key(2, frames[4], 4), profile(frames[4], x=np.arange(50.0)), frames[4])
    assert [first.snapshot()[version]["windows"] for version in ("0", "4")] == [0, 1]


def test_verdicts_gather_healthy_windows_of_all_segments_together() -> None:
    verdicts = Verdicts("m", MODEL, Nulls(100))
    trained = Reference.of("m@1", {"x": DRAW.normal(size=500), "y": DRAW.normal(size=500)}, {}, {})

    def judge(k: int, segment: str = "", count: int = 200, shift: float = 0.0) -> list[tuple[int, Reference]]:
        columns = {"x": DRAW.normal(shift, size=count), "y": DRAW.normal(size=count)}
        window = ClosedWindow(key(k, trained, 1, segment), profile(trained, **columns), 0, {})
        verdicts.judge(window, trained, 0)
        return verdicts.take_references()

    assert judge(0) == judge(1, "c=a") == judge(2, count=5) == judge(3, shift=9.0) == judge(4) == []
    assert verdicts.snapshot()["first"]["1"]["windows"] == 2
    [(version, made)] = judge(5)
    assert (version, made.profile.count) == (1, 600)
    assert {name: part.profile.count for name, part in made.segments.items()} == {"c=a": 200}
    assert judge(6) == judge(7) == judge(8) == judge(9) == []
    assert verdicts.snapshot()["first"]["1"]["sketch"] is None


def test_segments_are_gathered_beside_through_restarts() -> None:
    first, columns = FirstWindows("m", MODEL), {"x": DRAW.normal(size=500), "y": DRAW.normal(size=500)}
    trained = Reference.of("m@1", columns, {}, {}).with_segments({"c=a": WindowProfile(9)}, {"c=a": {"accuracy": 0.8}})
    for k in range(3):
        first = FirstWindows("m", MODEL, orjson.loads(orjson.dumps(first.snapshot())))
        for segment, count in (("", 100), ("c=a", 60), ("c=b", 40)):
            rows = {name: DRAW.normal(size=count) for name in ("x", "y")}
            first.add(key(k, trained, 1, segment), profile(trained, **rows), trained)
    [(_, made)] = first.take_references()
    assert made.profile.count == 300
    assert {name: (part.id, part.profile.count) for name, part in made.segments.items()} == {
        "c=a": ("m@1/first-3/c=a", 180),
        "c=b": ("m@1/first-3/c=b", 120),
    }
    assert [dict(part.metrics) for part in made.segments.values()] == [{"accuracy": 0.8}, {}]
    assert first.take_references() == []
    assert first.snapshot()["1"]["segments"] == {}


def test_windows_in_the_frames_of_before_are_let_go_of() -> None:
    """One that fits its frames was gathered, the next lies far away: frames are found anew."""
    columns = [*hours(2, x=(0.0, 1.0)), *hours(6, x=(1e5, 1.0))]
    found = played(FirstWindows("m", MODEL), columns)
    assert [reference.id for reference in found][-1] == "m@0/first-3"
    assert found[-1].profile.count == 1_200
    assert found[-1].profile.numeric["x"].mean == pytest.approx(1e5, rel=1e-3)
