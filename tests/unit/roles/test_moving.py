"""The last healthy windows: which are kept, for which window, through restarts, and what verdicts make of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.config import ModelConfig
from trimtab.drift import Nulls
from trimtab.profiles import IDENTITY, NumericProfile, Reference, WindowProfile
from trimtab.roles.moving import Moving
from trimtab.roles.verdicts import Verdicts
from trimtab.windows import ClosedWindow, WindowKey

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
DRAW = np.random.default_rng(5)
BASE = Reference.of("m@1", {"x": DRAW.normal(size=2_000), "y": DRAW.normal(size=2_000)}, {}, {})
NULLS = Nulls(200)


def model(**reference: Any) -> ModelConfig:
    return ModelConfig.model_validate(
        {
            "task": "binary",
            "features": {"x": {"type": "numeric"}, "y": {"type": "numeric"}},
            "window": {"size": HOUR_MS, "min_count": 10},
            "reference": {"from": "moving", "windows": 6, "least": 3, **reference},
            # From few windows no p-value is small: an hourly window may have a false alarm a day here.
            "drift": {"false_alarms": "1 per 1d"},
            "factory": {"class": "river.linear_model:LogisticRegression"},
        }
    )


def key(start_ms: int, reference: str = "m@1", segment: str = "") -> WindowKey:
    return WindowKey("inputs", 1, reference, segment, start_ms, start_ms + HOUR_MS)


def profile(**values: Any) -> WindowProfile:
    numeric = {name: NumericProfile.of(of, BASE.frame(name)) for name, of in values.items()}
    return WindowProfile(max(map(len, values.values())), numeric)


def flat(value: float) -> dict[str, dict[str, float]]:
    return {"x": {"ks": value}}


def kept(moving: Moving, of: WindowKey) -> list[tuple[int, Any]]:
    return [(window.start_ms, dict(window.values)) for window in moving.before(of)._windows]


def test_the_last_windows_are_kept() -> None:
    moving = Moving("m", model())
    for k in range(9):
        moving.add(key(k * HOUR_MS), WindowProfile(50), flat(k))
    assert [start for start, _ in kept(moving, key(9 * HOUR_MS))] == [k * HOUR_MS for k in range(3, 9)]
    assert [start for start, _ in kept(moving, key(5 * HOUR_MS))] == [3 * HOUR_MS, 4 * HOUR_MS]
    assert sorted(moving.take_records()) == [f"m/history/m@1//0/{k}" for k in range(6)]


def test_a_season_has_windows_of_its_own_for_each_time_of_it() -> None:
    moving = Moving("m", model(season="1d"))
    for k in range(72):
        moving.add(key(k * HOUR_MS), WindowProfile(50), flat(k))
    assert [start // HOUR_MS for start, _ in kept(moving, key(3 * DAY_MS + 5 * HOUR_MS))] == [5, 29, 53]


def test_segments_and_references_do_not_mix() -> None:
    moving = Moving("m", model())
    moving.add(key(0), WindowProfile(50), flat(1))
    moving.add(key(0, segment="c=a"), WindowProfile(50), flat(2))
    moving.add(key(0, reference="m@2"), WindowProfile(50), flat(3))
    assert [values["x"]["ks"] for _, values in kept(moving, key(HOUR_MS))] == [1]
    assert [values["x"]["ks"] for _, values in kept(moving, key(HOUR_MS, segment="c=a"))] == [2]
    assert [values["x"]["ks"] for _, values in kept(moving, key(HOUR_MS, reference="m@2"))] == [3]


def test_what_overlaps_is_left_out() -> None:
    moving = Moving("m", model())
    for k in range(8):
        moving.add(key(k * HOUR_MS // 4), WindowProfile(50), flat(k))
    assert [start for start, _ in kept(moving, key(9 * HOUR_MS))] == [0, HOUR_MS]


def test_a_reference_out_of_use_is_forgotten() -> None:
    moving = Moving("m", model())
    for k in range(3):
        moving.add(key(k * HOUR_MS, reference=f"m@{k}"), WindowProfile(50), flat(k))
    records = moving.take_records()
    assert records["m/history/m@0//0/0"] is None
    assert sum(value is not None for value in records.values()) == 2
    assert moving.take_records() == {}


def test_a_feature_that_was_not_healthy_keeps_its_older_windows() -> None:
    moving = Moving("m", model())
    for k in range(20):
        healthy = {"x": np.full(20, k)} if k >= 6 else {"x": np.full(20, k), "y": np.full(20, k)}
        moving.add(key(k * HOUR_MS), profile(**healthy), {name: {"ks": float(k)} for name in healthy})
    found = moving.before(key(20 * HOUR_MS))
    assert [sorted(of) for of in found._windows[0].values.values()] == [["ks"]] * 2
    assert [window.values["x"]["ks"] for window in found._windows] == [14, 15, 16, 17, 18, 19]
    assert sorted(window.values["y"]["ks"] for window in found._windows) == [0, 1, 2, 3, 4, 5]
    reference = found.reference(BASE)
    assert (reference.profile.numeric["y"].mean, reference.profile.numeric["x"].mean) == (2.5, 16.5)


@given(st.lists(st.tuples(st.integers(0, 60), st.sampled_from(["", "c=a"]), st.booleans()), max_size=40))
def test_a_restart_changes_nothing(steps: list[tuple[int, str, bool]]) -> None:
    calm, shaken = Moving("m", model(season="6h")), Moving("m", model(season="6h"))
    table: dict[str, Any] = {}
    for hour, segment, restart in sorted(steps):
        window = key(hour * HOUR_MS, segment=segment)
        for moving in (calm, shaken):
            moving.add(window, profile(x=np.arange(hour + 3.0)), flat(hour))
        table |= shaken.take_records()
        if restart:
            shaken = Moving("m", model(season="6h"), {k: orjson.loads(v) for k, v in table.items() if v is not None})
    for slot in range(6):
        for segment in ("", "c=a"):
            of = key((120 + slot) * HOUR_MS, segment=segment)
            assert calm.before(of)._windows == shaken.before(of)._windows


def judged(verdicts: Verdicts, k: int, **values: Any) -> tuple[dict[str, str], list[str]]:
    window = ClosedWindow(key(k * HOUR_MS), profile(**values), 0, {})
    metrics, alerts = verdicts.judge(window, BASE, 0)
    return {m["feature"]: m["status"] for m in metrics if m["feature"]}, [
        f"{alert['state']} {alert['feature']}" for alert in alerts
    ]


def days(verdicts: Verdicts, hours: range, draw: np.random.Generator, *, shift: float = 0.0) -> list[Any]:
    """Each hour has its own level, by the time of day and by chance."""
    found = []
    for k in hours:
        level = 3 * np.sin(2 * np.pi * k / 24) + draw.normal(scale=0.2)
        found.append(judged(verdicts, k, x=draw.normal(level + shift, size=100), y=draw.normal(size=100)))
    return found


def test_a_season_is_no_drift_and_a_drift_is() -> None:
    draw = np.random.default_rng(0)
    seasonal = Verdicts("m", model(season="1d", windows=14, least=7), NULLS)
    calm = days(seasonal, range(24 * 20), draw)
    # Until there are enough earlier windows nothing is said, and nothing before there are any.
    assert calm[0][0] == {"x": "too_few", "y": "too_few"}
    assert [calm[k][0]["x"] for k in (24, 24 * 7, 24 * 8)] == ["too_few", "too_few", "ok"]
    assert [alert for _, alerts in calm for alert in alerts] == []
    found = days(seasonal, range(24 * 20, 24 * 21), draw, shift=3.0)
    assert [alert for _, alerts in found for alert in alerts] == ["firing x"]
    # What goes on is not learnt: it is drift after two weeks too, and holds up no other feature.
    found += days(seasonal, range(24 * 21, 24 * 36), draw, shift=3.0)
    assert {statuses["x"] for statuses, _ in found} == {"drift"}
    assert {statuses["y"] for statuses, _ in found} == {"ok"}
    plain = Verdicts("m", ModelConfig.model_validate(model().model_dump(by_alias=True) | {"reference": {}}), NULLS)
    assert any(alerts for _, alerts in days(plain, range(48), np.random.default_rng(0)))


def test_the_evidence_names_the_windows() -> None:
    verdicts = Verdicts("m", model(), NULLS)
    draw = np.random.default_rng(0)
    for k in range(9):
        judged(verdicts, k, x=draw.normal(size=100), y=draw.normal(size=100))
    window = ClosedWindow(key(9 * HOUR_MS), profile(x=draw.normal(9, size=100), y=draw.normal(size=100)), 0, {})
    [alert] = verdicts.judge(window, BASE, 0)[1]
    assert alert["evidence"]["reference"] == f"m@1/{3 * HOUR_MS}-{9 * HOUR_MS}"


def test_what_a_restart_brings_back_goes_on() -> None:
    draw = np.random.default_rng(0)
    first = Verdicts("m", model(), NULLS)
    for k in range(5):
        judged(first, k, x=draw.normal(size=100), y=draw.normal(size=100))
    records = {key: orjson.loads(value) for key, value in first.take_records().items() if value is not None}
    again = Verdicts("m", model(), NULLS, first.snapshot(), records)
    shifted = draw.normal(9, size=100)
    assert judged(again, 5, x=shifted, y=shifted - 9) == judged(first, 5, x=shifted, y=shifted - 9)
    assert judged(again, 6, x=shifted - 9, y=shifted - 9) == judged(first, 6, x=shifted - 9, y=shifted - 9)


@pytest.mark.parametrize(
    ("values", "value", "least", "most"),
    [
        ([0.0] * 8, 0.0, 1.0, 1.0),
        ([0.0] * 8, 0.1, 0.0, 0.0),
        ([0.0] * 7 + [0.1], 0.3, 1e-9, 0.02),
        ([0.1] * 8, 0.1, 1.0, 1.0),
        ([0.1] * 8, 0.2, 0.0, 0.0),
        ([0.1], 0.9, 1.0, 1.0),
        ([], 0.9, 1.0, 1.0),
    ],
)
def test_few_or_equal_values(values: list[float], value: float, least: float, most: float) -> None:
    from trimtab.drift import Healthy, History, statistics

    [ks] = [s for s in statistics("numeric") if s.name == "ks"]
    history = History([Healthy(k, k + 1, WindowProfile(), flat(v)) for k, v in enumerate(values)])
    assert least <= history.p_value(ks, "x", value) <= most


def test_the_p_value_is_right_for_normal_and_for_wild_days() -> None:
    """The larger of two answers: for lognormal values about right, for roots of sums of squares rather large."""
    from trimtab.drift import Healthy, History, statistics

    [ks] = [s for s in statistics("numeric") if s.name == "ks"]
    draw = np.random.default_rng(1)
    for sample in (draw.chisquare(9, (4_000, 13)) ** 0.5, draw.lognormal(sigma=0.8, size=(8_000, 4))):
        found = [
            History([Healthy(k, k + 1, WindowProfile(), flat(v)) for k, v in enumerate(row[:-1])]).p_value(
                ks, "x", row[-1]
            )
            for row in sample.tolist()
        ]
        assert 0.03 < np.mean(np.array(found) <= 0.05) < 0.055
        assert 0.002 < np.mean(np.array(found) <= 0.01) < 0.014


def test_it_begins_by_itself_where_there_is_no_reference() -> None:
    """Version 0, a model of the service's own, of a pressure in pascals: frames are found first."""
    draw = np.random.default_rng(2)
    verdicts, known, statuses = Verdicts("m", model(), NULLS), None, []
    for k in range(14):
        values = draw.normal(101_300 + 200 * (k == 13), 50, size=400)
        numeric = {"x": NumericProfile.of(values, IDENTITY if known is None else known.frame("x"))}
        of = WindowKey("inputs", 0, None if known is None else known.id, "", k * HOUR_MS, (k + 1) * HOUR_MS)
        metrics, alerts = verdicts.judge(ClosedWindow(of, WindowProfile(400, numeric), 0, {}), known, 0)
        statuses.append(next((m["status"] for m in metrics if m["feature"] == "x"), "none"))
        for version, made in verdicts.take_references():
            assert (version, made.profile.count) == (0, 0)
            known = made
    assert known is not None
    assert known.id in ("m@0/frames-1", "m@0/frames-2")
    began = statuses.index("ok")
    assert began <= 7
    assert set(statuses[:began]) <= {"none", "no_reference", "too_few"}
    assert statuses[began:] == ["ok"] * (13 - began) + ["drift"]
    assert [(alert["feature"], alert["state"]) for alert in alerts] == [("x", "firing")]


def test_a_trained_version_keeps_its_reference() -> None:
    verdicts = Verdicts("m", model(), NULLS)
    for k in range(9):
        judged(verdicts, k, x=DRAW.normal(size=100), y=DRAW.normal(size=100))
    assert verdicts.take_references() == []
