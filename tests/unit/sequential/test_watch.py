"""Detectors over examples: the same alerts in any batches and after any restart; each fires once and resolves."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab.config import ModelConfig
from trimtab.events import Example, decode, encode
from trimtab.events.examples import Examples
from trimtab.registry import dump, load
from trimtab.sequential.signals import errors, scores
from trimtab.sequential.watch import Alarm, Sequential, SequentialState, alarm_record
from trimtab.training import Trainer
from trimtab.training.checkpoint import decode_state, encode_state
from trimtab.training.lineage import Batch

JUMPS = (600, 1_100)
COUNT = 1_500
ALL: list[dict[str, Any]] = [
    {"detector": "adwin", "on": "error", "quiet": 150},
    {"detector": "adwin", "on": "score", "quiet": 150},
    {"detector": "page_hinkley", "args": {"threshold": 10}, "quiet": 90},
    {"detector": "ddm", "quiet": 60},
    {"detector": "hddm_a", "quiet": 100},
    {"detector": "cusum", "args": {"run_length": 2000}, "quiet": 120},
    {"detector": "ewma", "on": "score", "args": {"run_length": 2000}, "quiet": 100},
]


def model(sequential: list[dict[str, Any]], task: str = "binary", **other: Any) -> ModelConfig:
    return ModelConfig.model_validate(
        {
            "task": task,
            "features": {"x": {"type": "numeric"}},
            "factory": {"class": "river.dummy:NoChangeClassifier"},
            "sequential": sequential,
            **other,
        }
    )


def rows(count: int = COUNT, version: int = 1) -> list[Example]:
    """Wrong one time in ten, then one in two, then one in ten again; the score moves as well. Some lack both."""
    draw = random.Random(4)
    found = []
    for i in range(count):
        changed = JUMPS[0] <= i < JUMPS[1]
        label = draw.choice("01")
        wrong = draw.random() < (0.5 if changed else 0.1)
        said = None if draw.random() < 0.05 else ("10"[int(label)] if wrong else label)
        score = None if said is None else draw.random() / 2 + changed / 2
        found.append(Example(str(i), 1_000 * i, 1_000 * i, {"x": 1.0}, label, said, score, version, None, i))
    return found


ROWS = rows()


def played(
    config: ModelConfig, examples: list[Example], cuts: list[int], state: SequentialState | None = None, start: int = 0
) -> tuple[list[Alarm], SequentialState]:
    """Examples from ``start`` on, in batches that end at the cuts; offsets are positions."""
    sequential, alarms = Sequential(config, state), []
    ends = [cut for cut in cuts if start < cut < len(examples)] + [len(examples)]
    for first, last in zip([start, *ends], ends, strict=False):
        alarms += sequential.step(Examples.of(examples[first:last], config), list(range(first, last)), first)
    return alarms, sequential.state


def restored(state: SequentialState) -> SequentialState:
    """As a checkpoint brings it back."""
    trainer = Trainer("m", model([]))
    trainer.state.sequential = state
    data = encode_state(trainer.state, dump)
    return decode_state(data, lambda part: load(part, max_bytes=len(data))).sequential


OTHERS: dict[str, dict[str, Any]] = {
    "eddm": {"args": {"warm_start": 30, "beta": 0.9}},
    "hddm_w": {"args": {"drift_confidence": 0.1}},
    "kswin": {"on": "score", "args": {"alpha": 0.001, "window_size": 60, "stat_size": 20}},
}
WHOLE = model(ALL)
EXPECTED, _ = played(WHOLE, ROWS, [])


def test_every_detector_says_something() -> None:
    assert {(alarm.detector, alarm.on) for alarm in EXPECTED} == {(spec.detector, spec.on) for spec in WHOLE.sequential}
    assert {alarm.change for alarm in EXPECTED} == {"firing", "resolved"}


@settings(max_examples=25, deadline=None)
@given(
    stop=st.integers(0, COUNT),
    cuts=st.lists(st.integers(1, COUNT - 1), max_size=12, unique=True).map(sorted),
)
def test_a_restart_at_any_example_and_any_batches_change_nothing(stop: int, cuts: list[int]) -> None:
    before, state = played(WHOLE, ROWS[:stop], cuts)
    after, _ = played(WHOLE, ROWS, cuts, restored(state), stop)
    assert before + after == EXPECTED


@settings(max_examples=15, deadline=None)
@given(name=st.sampled_from(list(OTHERS)), stop=st.integers(0, COUNT))
def test_nor_for_the_others(name: str, stop: int) -> None:
    config = model([{"detector": name, "quiet": 50, **OTHERS[name]}])
    whole, _ = played(config, ROWS, [])
    assert whole
    before, state = played(config, ROWS[:stop], [])
    after, _ = played(config, ROWS, [], restored(state), stop)
    assert before + after == whole


def test_an_alert_fires_once_and_resolves_when_it_was_quiet() -> None:
    config = model([{"detector": "cusum", "quiet": 200}])
    alarms, _ = played(config, ROWS, [])
    assert [alarm.change for alarm in alarms[:2]] == ["firing", "resolved"]
    fired, over = alarms[:2]
    assert JUMPS[0] <= fired.at.position < JUMPS[0] + 60
    assert fired.started_ms == over.started_ms == fired.at.time_ms == 1_000 * fired.at.position
    # 200 with a value; those without are passed over.
    between = ROWS[fired.at.position + 1 : over.at.position + 1]
    assert sum(row.prediction is not None for row in between) == 200
    assert over.examples == 200


def test_the_record_says_what_it_rests_on() -> None:
    config = model([{"detector": "cusum", "quiet": 200}])
    fired, over = played(config, ROWS, [])[0][:2]
    record, later = (alarm_record("credit", alarm, 3, 77) for alarm in (fired, over))
    assert (record["kind"], record["feature"], record["detector"], record["state"]) == (
        "sequential",
        "error",
        "cusum",
        "firing",
    )
    assert record["incident"] == later["incident"]
    assert (later["state"], record["raised_ms"], record["version"]) == ("resolved", 77, 1)
    evidence = record["evidence"]
    assert evidence["position"] == fired.at.position
    assert evidence["offsets"] == [{"partition": 3, "first": 0, "last": fired.at.position}]
    assert evidence["statistics"]["cusum"] == pytest.approx(
        evidence["statistics"]["after"] - evidence["statistics"]["before"]
    )
    assert evidence["statistics"]["before"] == pytest.approx(0.1, abs=0.04)
    assert record["summary"].startswith("The error of credit@1 has changed: cusum, mean 0.")
    assert later["summary"].endswith("has not changed again: cusum detected nothing in 200 examples.")
    assert decode("alert", encode("alert", record)) == orjson.loads(orjson.dumps(record))


def test_two_detectors_on_one_signal_are_two_alerts() -> None:
    fingerprints = {
        alarm_record("m", alarm, 0, 0)["fingerprint"]
        for alarm in EXPECTED
        if (alarm.on, alarm.change) == ("error", "firing")
    }
    assert len(fingerprints) == len([spec for spec in WHOLE.sequential if spec.on == "error"])


def test_a_newer_version_is_compared_with_itself() -> None:
    """Errors of another version, as many as after a jump, are no change; one that is older does not start anew."""
    config = model([{"detector": "cusum"}, {"detector": "adwin"}])
    later = [row if i < JUMPS[0] else _at(row, 2) for i, row in enumerate(ROWS)]
    alarms, state = played(config, later[: JUMPS[1]], [])
    assert alarms == []
    assert state.version == 2


def test_an_older_version_in_between_does_not_start_anew() -> None:
    mixed = [_at(row, 1 if i % 3 else 2) for i, row in enumerate(ROWS)]
    alarms, _ = played(model([{"detector": "cusum"}]), mixed, [])
    assert JUMPS[0] <= alarms[0].at.position < JUMPS[0] + 60


def test_evidence_begins_after_the_detection_before() -> None:
    config = model([{"detector": "adwin", "on": "score", "quiet": 150}])
    first, second = [alarm for alarm in played(config, ROWS, [])[0] if alarm.change == "firing"][:2]
    assert (first.first_offset, first.first_ms) == (min(i for i, row in enumerate(ROWS) if row.score is not None),) * 2
    assert second.first_offset > first.at.position
    between = ROWS[second.first_offset : second.at.position + 1]
    assert second.examples == sum(row.score is not None for row in between)


def _at(row: Example, version: int) -> Example:
    return msgspec.structs.replace(row, version=version)


def test_a_detector_that_is_configured_no_longer_leaves_no_alert_behind() -> None:
    both = model([{"detector": "cusum", "quiet": 10_000}, {"detector": "adwin", "quiet": 10_000}])
    alarms, state = played(both, ROWS[: JUMPS[1]], [])
    assert {alarm.detector for alarm in alarms} == {"cusum", "adwin"}
    one = model([{"detector": "adwin", "quiet": 10_000}])
    after, left = played(one, ROWS, [], restored(state), JUMPS[1])
    assert [(alarm.change, alarm.detector) for alarm in after if alarm.detector == "cusum"] == [("resolved", "cusum")]
    assert after[0].at.position == JUMPS[1]
    assert alarm_record("m", after[0], 0, 0)["summary"] == "The error of m@1 is no longer watched by cusum."
    assert set(left.watches) == {"adwin/error"}


def test_other_arguments_start_the_detector_anew_and_keep_its_alert() -> None:
    before = model([{"detector": "cusum", "quiet": 100}])
    alarms, state = played(before, ROWS[:700], [])
    assert [alarm.change for alarm in alarms] == ["firing"]
    other = model([{"detector": "cusum", "quiet": 100, "args": {"warm_up": 400}}])
    after, left = played(other, ROWS, [], restored(state), 700)
    assert [alarm.change for alarm in after] == ["resolved"]
    assert left.watches["cusum/error"].count == sum(row.prediction is not None for row in ROWS[700:])
    assert after[0].started_ms == alarms[0].started_ms


def test_signals() -> None:
    config = model([])
    found = [
        Example(str(i), i, i, {"x": 1.0}, label, said, score, 1, None, i)
        for i, (label, said, score) in enumerate([("1", "1", 0.9), ("0", "1", 0.6), ("1", None, None)])
    ]
    np.testing.assert_array_equal(errors(Examples.of(found, config)), [0, 1, np.nan])
    np.testing.assert_array_equal(scores(Examples.of(found, config)), [0.9, 0.6, np.nan])
    numbers = [
        Example(str(i), i, i, {"x": 1.0}, label, said, None, 1, None, i)
        for i, (label, said) in enumerate([(3.0, 1.0), (-1e308, 1e308), (2.0, None)])
    ]
    regression = Examples.of(numbers, model([], "regression"))
    np.testing.assert_array_equal(errors(regression), [2, 1e60, np.nan])
    np.testing.assert_array_equal(scores(regression), [1, 1e60, np.nan])


def test_the_trainer_runs_them_and_a_record_counts_once() -> None:
    config = model(ALL, first_version_after=100)
    batches = [
        Batch(2 * i, f"{i:x}", Examples.of(ROWS[first : first + 37], config))
        for i, first in enumerate(range(0, COUNT, 37))
    ]
    expected = [(alarm.change, alarm.detector, alarm.on, alarm.at.position) for alarm in EXPECTED]
    for stop in (0, 3, 16, 17, 18, 30):
        first = Trainer("m", config)
        alarms: list[Alarm] = []
        for batch in batches[:stop]:
            first.on_batch(batch)
            alarms += first.take_alarms()
        data = encode_state(first.state, dump)
        after = Trainer("m", config, decode_state(data, lambda part: load(part, max_bytes=1_000_000)))
        for batch in batches[max(0, stop - 3) :]:
            after.on_batch(batch)
            alarms += after.take_alarms()
        assert after.has_alarms is False
        assert [(alarm.change, alarm.detector, alarm.on, alarm.at.position) for alarm in alarms] == expected
        assert all(alarm.at.offset == 2 * (alarm.at.position // 37) for alarm in alarms)


def test_a_checkpoint_of_before_is_read() -> None:
    trainer = Trainer("m", model([]))
    data = encode_state(trainer.state, dump)
    size = int.from_bytes(data[:8], "little")
    head = orjson.loads(data[8 : 8 + size])
    del head["sequential"]
    old = orjson.dumps(head)
    state = decode_state(
        len(old).to_bytes(8, "little") + old + data[8 + size :], lambda part: load(part, max_bytes=10_000)
    )
    assert state.sequential == SequentialState()
