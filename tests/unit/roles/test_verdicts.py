"""What is said of a stream as a whole: versions served too long, what is refused or comes twice, how much comes."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
import pytest
from pydantic import ValidationError

from trimtab.config import ModelConfig, QualitySpec
from trimtab.drift import Nulls
from trimtab.events import decode, encode
from trimtab.profiles import (
    IDENTITY,
    PREDICTION,
    SCORE,
    CategoricalProfile,
    NumericProfile,
    Reference,
    WindowProfile,
)
from trimtab.roles.verdicts import Verdicts
from trimtab.windows import Arrived, Champion, ClosedWindow, Stale, WindowKey

MODEL = ModelConfig.model_validate(
    {
        "task": "binary",
        "features": {"x": {"type": "numeric"}},
        "factory": {"class": "river.linear_model:LogisticRegression"},
    }
)


def verdicts(state: object = None) -> Verdicts:
    wire = {} if state is None else orjson.loads(orjson.dumps(state))
    return Verdicts("credit", MODEL, Nulls(10), wire)


def test_a_stale_version_fires_at_once_and_is_resolved_by_a_successor() -> None:
    champion = Champion(7, 1_000_000)
    first = verdicts()
    [firing] = first.stream.stale(Stale(True, 6, champion, 1_900_000, 600_000), 1_900_500)
    assert (firing["kind"], firing["state"], firing["version"], firing["feature"]) == ("stale", "firing", 6, None)
    assert firing["summary"] == "credit@6 is still served 900 s after credit@7 became champion (limit 600 s)."
    assert firing["evidence"]["statistics"]["champion_since_s"] == 1_000
    assert decode("alert", encode("alert", firing)) == firing
    assert first.stream.stale(Stale(True, 6, champion, 2_000_000, 600_000), 2_000_500) == []
    second = verdicts(first.snapshot())
    [resolved] = second.stream.stale(Stale(False, 6, champion, 2_600_000, 600_000), 2_600_500)
    assert resolved["state"] == "resolved"
    assert resolved["incident"] == firing["incident"]
    assert resolved["summary"] == "credit@6 is no longer served in place of credit@7."


def test_refused_and_repeated_events_have_metrics_and_alerts_of_their_own() -> None:
    first = verdicts()
    metrics, alerts = first.stream.arrived(Arrived(0, 60_000, used=940, refused=20, duplicates=40), 60_001)
    assert [(m["statistic"], m["value"], m["count"], m["status"]) for m in metrics] == [
        ("refused", 0.02, 1_000, "quality"),
        ("duplicates", 0.04, 1_000, "ok"),
    ]
    [firing] = alerts
    assert (firing["kind"], firing["feature"], firing["state"]) == ("quality", "(refused)", "firing")
    assert firing["summary"] == (
        "Of credit, too many events were refused, see dead letters: a share of 0.02 (limit 0.01) of 1,000 events."
    )
    assert decode("alert", encode("alert", firing)) == firing
    second = verdicts(first.snapshot())
    good = [second.stream.arrived(Arrived(k * 60_000, (k + 1) * 60_000, used=500), 0)[1] for k in (1, 2)]
    assert [[a["state"] for a in alerts] for alerts in good] == [[], ["resolved"]]


def test_of_few_events_nothing_is_said() -> None:
    metrics, alerts = verdicts().stream.arrived(Arrived(0, 60_000, used=0, refused=99), 60_001)
    assert alerts == []
    assert {m["status"] for m in metrics} == {"too_few"}


def test_a_share_at_its_limit_is_none_too_many_and_limits_can_be_switched_off() -> None:
    assert verdicts().stream.arrived(Arrived(0, 60_000, used=940, refused=10, duplicates=50), 0)[1] == []
    off = MODEL.model_copy(update={"quality": QualitySpec(refused=None, duplicates=None)})
    metrics, alerts = Verdicts("credit", off, Nulls(10)).stream.arrived(Arrived(0, 1, refused=500, duplicates=500), 0)
    assert alerts == []
    assert {m["status"] for m in metrics} == {"ok"}


def closed(start: int, count: int, version: int = 1, segment: str = "", size: int = 60_000) -> ClosedWindow:
    key = WindowKey("inputs", version, None, segment, start * 60_000, start * 60_000 + size)
    return ClosedWindow(key, WindowProfile(count), start * 60_000 + 5, {0: (0, 1)})


def counting(window: dict[str, Any] | None = None) -> Verdicts:
    spec = MODEL.model_dump(exclude_unset=True, by_alias=True)
    changed = {"window": window or {"size": "1m"}, "quality": {"volume": 2.0}}
    return Verdicts("credit", ModelConfig.model_validate(spec | changed), Nulls(10))


def test_volume_counts_all_versions_and_no_segments_and_not_the_first() -> None:
    found = counting()
    assert found.stream.volume([closed(0, 3)], 0) == ([], [])
    for start in range(1, 21):
        parts = [closed(start, 60, 1), closed(start, 40 + start % 2, 2), closed(start, 100, 1, "c=a")]
        assert found.stream.volume(parts, 0) == ([], [])
    [metric], alerts = found.stream.volume([closed(21, 100, 2)], 0)
    assert alerts == []
    assert (metric["statistic"], metric["value"], metric["count"], metric["status"]) == (
        "volume",
        100 / 100.5,
        100,
        "ok",
    )
    assert metric["p_value"] > 0.5
    [metric], [firing] = found.stream.volume([closed(22, 10, 2)], 0)
    assert (metric["status"], firing["feature"], firing["state"]) == ("quality", "(volume)", "firing")
    assert firing["summary"] == "credit has an unusual number of events: 10 in a window, where 100 are expected."
    assert decode("alert", encode("alert", firing)) == firing
    assert found.stream.volume([closed(23, 100)], 0)[1] == []
    assert [a["state"] for a in found.stream.volume([closed(24, 100)], 0)[1]] == ["resolved"]


def test_windows_without_an_event_are_empty_ones() -> None:
    found = counting()
    for start in range(21):
        found.stream.volume([closed(start, 100)], 0)
    metrics, alerts = found.stream.volume([closed(23, 100)], 0)
    assert [m["count"] for m in metrics] == [0, 0, 100]
    assert [(a["state"], a["event_time_ms"]) for a in alerts] == [("firing", 22 * 60_000)]


def test_of_hopping_windows_those_that_do_not_overlap_count() -> None:
    found = counting({"size": "4m", "hop": "1m"})
    for start in range(85):
        found.stream.volume([closed(start, 100, size=240_000)], 0)
    metrics, _ = found.stream.volume([closed(start, 100, size=240_000) for start in range(85, 89)], 0)
    assert [m["start_ms"] for m in metrics] == [88 * 60_000]


def test_it_is_off_unless_it_is_asked_for() -> None:
    found = verdicts()
    for start in range(60):
        assert found.stream.volume([closed(start, 100 * (start % 2))], 0) == ([], [])
    with pytest.raises(ValidationError, match="windows by count"):
        counting({"size": "1m", "count": 1000})


def test_accuracy_is_estimated_where_scores_and_the_reference_allow_it() -> None:
    scores = NumericProfile.of(np.array([0.9, 0.8, 0.1] * 50), IDENTITY)
    profile = WindowProfile(150, {SCORE: scores}, {PREDICTION: CategoricalProfile({"0": 50, "1": 100})})
    window = ClosedWindow(WindowKey("inputs", 1, "r", "", 0, 60_000), profile, 0, {})
    found = verdicts().judge(window, Reference("r", profile, {"accuracy": 0.75}), 0)[0]
    [estimated] = [metric for metric in found if metric["statistic"] == "estimated_accuracy"]
    assert (estimated["value"], estimated["count"], estimated["status"]) == (pytest.approx(0.75), 150, "ok")
    unknown = verdicts().judge(window, Reference("r", profile, {}), 0)[0]
    assert [metric for metric in unknown if metric["statistic"] == "estimated_accuracy"] == []
