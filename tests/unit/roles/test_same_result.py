"""Any order within the lateness, any partitioning, any flushes, any restart: the same metrics, to the last bit."""

from __future__ import annotations

import random
from functools import reduce
from typing import Any

import numpy as np
import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab.config import ModelConfig
from trimtab.drift import AUC, Nulls
from trimtab.events.chunks import ChunkDecoder
from trimtab.events.columns import Categories
from trimtab.events.tables import PredictionTable, Sources
from trimtab.performance import metrics
from trimtab.profiles import PerformanceProfile, Reference, RowSample, WindowProfile, segment_rows
from trimtab.profiles.partials import Partials
from trimtab.roles.verdicts import Verdicts
from trimtab.windows import WindowState

SIZE_MS, LATENESS_MS, EVENTS = 1_000, 400, 240
MODEL = ModelConfig.model_validate(
    {
        "task": "binary",
        "features": {"x": {"type": "numeric"}, "c": {"type": "categorical", "values": ["a", "b"]}},
        "segments": ["c"],
        "labels": False,
        "window": {"size": SIZE_MS, "lateness": LATENESS_MS, "min_count": 10, "idle_timeout": 10**9},
        "factory": {"class": "river.linear_model:LogisticRegression"},
    }
)
WINDOWS: dict[str, dict[str, int]] = {
    "tumbling": {},
    "hopping": {"hop": SIZE_MS // 4},
    "by count": {"size": 100, "count": 30, "longest": 1_500},
}
DRAW = np.random.default_rng(12)
NUMBERS, TEXTS = {"x": DRAW.normal(size=500)}, ["a", "b", "a", None] * 125
ROWS = RowSample.of(512, np.arange(500), NUMBERS, {"c": Categories.of(TEXTS)})
SEGMENTS = segment_rows(MODEL, {"c": Categories.of(TEXTS)})
REFERENCE = Reference.of("m@1", NUMBERS, {"c": TEXTS}, {}, sample=ROWS, segments=SEGMENTS)
NULLS = Nulls(100)


def events(seed: int) -> list[dict[str, Any]]:
    draw = random.Random(seed)
    return [
        {
            "id": f"e{k}",
            "model": "m",
            "version": "m@1",
            "time": 10_000 + 25 * k,
            "features": {
                "x": None if draw.random() < 0.05 else draw.gauss(k / EVENTS, 1) * (1e6 if draw.random() < 0.01 else 1),
                "c": draw.choice(["a", "b", "new", None]),
            },
            "prediction": draw.randrange(2),
        }
        for k in range(EVENTS)
    ]


def model_with(windows: str) -> ModelConfig:
    window = MODEL.window.model_dump(exclude_unset=True) | WINDOWS[windows]
    return ModelConfig.model_validate(MODEL.model_dump(exclude_unset=True, by_alias=True) | {"window": window})


def played(
    rows: list[dict[str, Any]],
    partitions: int,
    seed: int,
    *,
    shuffle: bool,
    crash: bool,
    model: ModelConfig = MODEL,
) -> list[Any]:
    """Metrics and alerts of a run; each flush is one profile record, and a crash replays what was not acknowledged."""
    draw = random.Random(seed)
    decoder = ChunkDecoder({"m": model}, 1_000_000)
    logs: list[list[dict[str, Any]]] = [[] for _ in range(partitions)]
    late = (LATENESS_MS - 1) if shuffle else 0
    for row in sorted(rows, key=lambda row: row["time"] + draw.uniform(0, late)):
        logs[draw.randrange(partitions)].append(row)
    partials, records = Partials("m", model, lambda _: REFERENCE), []
    at = [0] * partitions
    while any(at[p] < len(log) for p, log in enumerate(logs)):
        for p, log in enumerate(logs):
            chunk = log[at[p] : at[p] + draw.randrange(1, 60)]
            if not chunk:
                continue
            sources = Sources(p, np.arange(at[p], at[p] + len(chunk)), np.full(len(chunk), 1))
            for table in decoder.decode("predictions", [orjson.dumps(row) for row in chunk], sources)[0]:
                assert isinstance(table, PredictionTable)
                partials.add_predictions(table)
            at[p] += len(chunk)
            if draw.random() < 0.5:
                records += partials.build(partitions)
    records += partials.build(partitions)
    return judged(records, partitions, draw.randrange(len(records)) if crash else None, model)


def judged(records: list[dict[str, Any]], partitions: int, crash: int | None, model: ModelConfig) -> list[Any]:
    windows, verdicts = WindowState(model.window, 0), Verdicts("m", model, NULLS)
    held: set[int] = set()
    out: list[Any] = []

    def publish(closed: list[Any]) -> None:
        for window in closed:
            out.append(verdicts.judge(window, REFERENCE, 0))
        assert windows.take_late() == []

    for offset, record in enumerate(records):
        held.add(offset)
        publish(windows.step(offset, record, 0))
        state = orjson.dumps([windows.snapshot(), verdicts.snapshot()])
        held -= set(windows.release())
        if offset == crash:
            before = orjson.loads(state)
            windows, verdicts = WindowState.restore(before[0], model.window, 0), Verdicts("m", model, NULLS, before[1])
            # Kafka replays from the oldest record that is not acknowledged, with all that follow.
            for again in range(min(held), offset + 1) if held else ():
                assert windows.step(again, records[again], 0) == []
    publish(windows.tick(dict.fromkeys(range(partitions), 10**12)))
    return [[metrics, [without_offsets(alert) for alert in alerts]] for metrics, alerts in out]


def without_offsets(alert: dict[str, Any]) -> dict[str, Any]:
    """Where the events lay is what differs."""
    return {**alert, "evidence": {k: v for k, v in alert["evidence"].items() if k != "offsets"}}


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(WINDOWS)), st.integers(0, 10**6), st.integers(1, 5), st.booleans(), st.booleans())
def test_the_same_result(windows: str, seed: int, partitions: int, shuffle: bool, crash: bool) -> None:
    rows, model = events(seed), model_with(windows)
    calm = played(rows, 1, 0, shuffle=False, crash=False, model=model)
    counted = sum(m["value"] for metrics, _ in calm for m in metrics if m["statistic"] == "events")
    # Each event is in its segment's windows too; of hopping ones, those that end after the stream are not closed.
    assert counted == 2 * EVENTS or (windows == "hopping" and 2 * EVENTS < counted < 8 * EVENTS)
    assert played(rows, partitions, seed, shuffle=shuffle, crash=crash, model=model) == calm


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 5), st.booleans(), st.booleans())
def test_the_same_classifier_of_whole_rows(seed: int, partitions: int, shuffle: bool, crash: bool) -> None:
    rows = events(seed)
    sections = {"window": {**MODEL.window.model_dump(exclude_unset=True), "size": 3 * SIZE_MS}}
    sections["drift"] = {"domain_classifier": True}
    model = ModelConfig.model_validate(MODEL.model_dump(exclude_unset=True, by_alias=True) | sections)
    calm = played(rows, 1, 0, shuffle=False, crash=False, model=model)
    of_rows = [m for metrics, _ in calm for m in metrics if m["statistic"] == AUC]
    # Of the windows of segments no whole rows are kept.
    assert [m["segment"] for m in of_rows] == ["", ""]
    assert all(m["value"] != 0 for m in of_rows)
    assert played(rows, partitions, seed, shuffle=shuffle, crash=crash, model=model) == calm


def test_segments_keep_no_rows() -> None:
    model = ModelConfig.model_validate(
        MODEL.model_dump(exclude_unset=True, by_alias=True) | {"drift": {"domain_classifier": True}}
    )
    partials, rows = Partials("m", model, lambda _: REFERENCE), events(1)
    sources = Sources(0, np.arange(EVENTS), np.full(EVENTS, 1))
    decoder = ChunkDecoder({"m": model}, 1_000_000)
    for table in decoder.decode("predictions", [orjson.dumps(row) for row in rows], sources)[0]:
        assert isinstance(table, PredictionTable)
        partials.add_predictions(table)
    made = [profile for record in partials.build(1) for profile in record["profiles"]]
    kept = {(bool(one["segment"]), WindowProfile.from_bytes(one["sketch"]).sample is None) for one in made}
    assert kept == {(True, True), (False, False)}


def test_what_breaks_it_is_found_out() -> None:
    """An event that goes to another window, or a value that differs in its last bits."""
    rows = events(1)
    calm = played(rows, 1, 0, shuffle=False, crash=False)
    later = [dict(row) for row in rows]
    later[100]["time"] += SIZE_MS
    assert played(later, 3, 5, shuffle=False, crash=False) != calm
    other = [dict(row) for row in rows]
    other[100]["features"] = {**rows[100]["features"], "x": 0.123}
    assert played(other, 3, 5, shuffle=False, crash=False) != calm


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 9), st.sampled_from(["binary", "regression"]))
def test_the_same_performance(seed: int, parts: int, task: Any) -> None:
    """Losses of widely different sizes, whose float sum depends on their order."""
    draw = np.random.default_rng(seed)
    label, score = draw.integers(0, 2, EVENTS), draw.beta(0.1, 0.1, EVENTS)
    values = draw.normal(size=EVENTS) * 10.0 ** draw.integers(-9, 9, EVENTS)

    def profile(rows: Any) -> PerformanceProfile:
        if task == "regression":
            return PerformanceProfile.of_regression(values[rows], np.zeros(len(rows)))
        texts = label[rows].astype(str).tolist()
        return PerformanceProfile.of_classification(texts, texts, score[rows].tolist())

    order = draw.permutation(EVENTS)
    pieces = [profile(piece) for piece in np.array_split(order, parts)]
    merged = reduce(PerformanceProfile.merge, pieces)
    assert metrics(merged, task) == metrics(profile(np.arange(EVENTS)), task)
    assert metrics(reduce(PerformanceProfile.merge, pieces[::-1]), task) == metrics(merged, task)
